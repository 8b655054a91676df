"""Trust policies: the file, and which checkpoints it accepts."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import EMPTY_ROOT
from regard_client.verify.keys import SigningKey, Type
from regard_client.verify.notes import Note
from regard_client.verify.policy import Policy, parse_policy
from regard_client.verify.reasons import Unverified
from tests.unit.verify.receipts import AT_S, COMPANY, COUNCIL, LOG, LOG_MLDSA, ORIGIN, POLICY, THIRD, key

WITNESSES = {
    name: key(f"example.com/{name}", Type.COSIGNATURE_ED25519) for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
LINES = "".join(f"witness {name} {one.verifier}\n" for name, one in WITNESSES.items())
# The example of the specification, section "Example policy", with keys.
EXAMPLE = f"""log {LOG.verifier}

{LINES}
group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
# comments and blanks are allowed
\t group   X-and-Y\tall X-witnesses Y-witnesses \t
quorum X-and-Y
"""
TEXT = str(Checkpoint(ORIGIN, 0, EMPTY_ROOT))


def parse(text: str) -> Policy:
    return parse_policy(text.encode())


def signed(*signers: SigningKey, text: str = TEXT) -> bytes:
    return bytes(Note(text, tuple(one.sign(text, AT_S) for one in signers)))


def test_the_example_asks_for_two_of_one_group_and_any_of_the_other() -> None:
    policy = parse(EXAMPLE)
    for count in range(len(WITNESSES) + 1):
        for seen in combinations(WITNESSES, count):
            enough = sum(name[0] == "X" for name in seen) >= 2 and any(name[0] == "Y" for name in seen)
            assert policy.is_quorum(seen) is enough, seen


def test_a_policy_is_what_its_file_says() -> None:
    for policy in (
        POLICY,
        parse(EXAMPLE),
        Policy(()),
        parse(f"log {LOG.verifier} https://log.example/\nquorum none\n"),
    ):
        assert parse_policy(bytes(policy)) == policy
    assert parse(EXAMPLE).quorum == "X-and-Y"
    assert bytes(Policy(())) == b"quorum none\n"


def test_names_are_opaque_octets() -> None:
    vkey = str(COUNCIL.verifier).encode()
    for name in (b"\xff\xfe", "comité".encode(), b"\xe2\x84\xaa"):
        data = b"witness " + name + b" " + vkey + b"\nquorum " + name + b"\n"
        assert bytes(parse_policy(data)) == data
    with pytest.raises(Unverified, match="VER-01"):
        parse_policy(b"witness K " + vkey + b"\nquorum \xe2\x84\xaa\n")


W1, W2 = (f"witness {name} {one.verifier}\n" for name, one in (("a", COUNCIL), ("b", COMPANY)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "quorum none",  # no newline at the end
        "quorum none\nquorum none\n",
        "quorum a\n",
        f"quorum a\n{W1}",
        f"{W1}quorum\n",
        f"{W1}quorum a b\n",
        f"{W1}{W1}quorum a\n",
        f"{W1}witness b {COUNCIL.verifier}\nquorum a\n",  # one key, two names
        f"{W1}witness a {COMPANY.verifier}\nquorum a\n",
        f"witness none {COUNCIL.verifier}\nquorum none\n",
        f"witness a {LOG.verifier}\nquorum a\n",  # the key signs logs, not witnesses
        f"witness a {COUNCIL.verifier} u v\nquorum a\n",
        f"log {COUNCIL.verifier}\nquorum none\n",
        f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n",
        f"log {LOG.verifier} u v\nquorum none\n",
        "log nonsense\nquorum none\n",
        f"{W1}group g any\nquorum g\n",
        f"{W1}group g 0 a\nquorum g\n",
        f"{W1}group g 2 a\nquorum g\n",
        f"{W1}group g 01 a\nquorum g\n",
        f"{W1}group g most a\nquorum g\n",
        f"{W1}group g any a a\nquorum g\n",
        f"{W1}{W2}group g any a\ngroup h all a b\nquorum h\n",
        f"{W1}group g any g\nquorum g\n",
        f"{W1}group g any none\nquorum g\n",
        f"{W1}group a any a\nquorum a\n",
        "group g any a\n" + W1 + "quorum g\n",
        "witnesses\nquorum none\n",
        "LOG x\nquorum none\n",
        "quorum none\r\n",
        "quorum\u00a0none\n",
        "# \x7f\nquorum none\n",
        "\0quorum none\n",
    ],
)
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(Unverified, match="VER-01"):
        parse(text)


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from(EXAMPLE.splitlines(keepends=True))).map(lambda lines: "".join(lines).encode())
)
@settings(deadline=None)
def test_whatever_is_read_as_a_policy_can_be_written_and_read_again(data: bytes) -> None:
    with suppress(Unverified):
        policy = parse_policy(data)
        assert parse_policy(bytes(policy)) == policy


def test_many_groups_in_one_another_are_read() -> None:
    names = ["a", *(f"g{number}" for number in range(5_000))]
    groups = "".join(f"group {name} all {member}\n" for member, name in pairwise(names))
    policy = parse(f"{W1}{groups}quorum {names[-1]}\n")
    assert policy.is_quorum(["a"])
    assert not policy.is_quorum([])


def test_a_checkpoint_needs_the_log_and_enough_witnesses() -> None:
    vouched = POLICY.open(signed(LOG, COUNCIL, THIRD))
    assert vouched.checkpoint.origin == ORIGIN
    assert vouched.logs == (LOG.verifier,)
    assert vouched.witnesses == {"council": AT_S, "third": AT_S}
    assert vouched.unknown == ()
    assert POLICY.open(signed(LOG_MLDSA, LOG, COMPANY)).logs == (LOG_MLDSA.verifier, LOG.verifier)
    with pytest.raises(Unverified, match=r"VER-08 .*—.*enough"):
        POLICY.open(signed(LOG, LOG_MLDSA))
    with pytest.raises(Unverified, match="VER-03"):
        POLICY.open(signed(COUNCIL, COMPANY, THIRD))
    with pytest.raises(Unverified, match=r"VER-07 .*other\.example"):
        POLICY.open(signed(LOG, COUNCIL, text=TEXT.replace(ORIGIN, "other.example/log")))


def test_a_signature_that_nobody_can_verify_counts_for_nothing_and_is_told() -> None:
    stranger = key("stranger.example", Type.COSIGNATURE_ED25519)
    vouched = POLICY.open(signed(LOG, stranger, COUNCIL))
    assert [one.name for one in vouched.unknown] == [stranger.name]
    with pytest.raises(Unverified, match="VER-08"):
        POLICY.open(signed(LOG, stranger))


def test_the_key_of_one_log_does_not_sign_for_another() -> None:
    other = key("other.example/log", Type.ED25519)
    policy = parse(f"log {LOG.verifier}\nlog {other.verifier}\nquorum none\n")
    assert policy.open(signed(LOG)).logs == (LOG.verifier,)
    with pytest.raises(Unverified, match="VER-03"):
        policy.open(signed(other))


@pytest.mark.parametrize("spoilt", [LOG, LOG_MLDSA, COUNCIL, THIRD], ids=lambda one: one.name)
def test_one_wrong_signature_of_a_known_key_spoils_a_checkpoint(spoilt: SigningKey) -> None:
    note = Note(TEXT, tuple(one.sign(TEXT, AT_S) for one in (LOG, LOG_MLDSA, COUNCIL, THIRD)))
    wrong = spoilt.sign(TEXT.replace("\n0\n", "\n1\n"), AT_S)
    lines = tuple(wrong if one.key_id == wrong.key_id else one for one in note.signatures)
    with pytest.raises(Unverified, match="VER-02"):
        POLICY.open(bytes(Note(TEXT, lines)))


def test_a_policy_without_witnesses_asks_for_none() -> None:
    assert not parse(f"log {LOG.verifier}\nquorum none\n").open(signed(LOG)).witnesses
