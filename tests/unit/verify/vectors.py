"""Vectors for whoever verifies receipts, in whatever language: what is given, and what comes out.

    .venv/bin/python -m tests.unit.verify.vectors    # writes vectors.json anew

`regard_client.verify` says what comes out. Who is held to it: test_vectors.py and clients/web/tests/verify.test.ts.
ML-DSA signatures are randomised, so that a new file differs from the last one in these.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import EMPTY_ROOT
from regard_client.verify.history import require_growth
from regard_client.verify.keys import Type
from regard_client.verify.notes import Note, Signature
from regard_client.verify.places import place_of, require_no_gap
from regard_client.verify.policy import Policy, parse_policy
from regard_client.verify.proof import TlogProof
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import Receipt, Step, parse_receipt, verify_receipt
from regard_client.verify.tiles import WIDTH, Tile, tiles
from regard_client.verify.tree import Proof, consistency_proof
from tests.unit.verify import test_places, test_policy, test_receipt
from tests.unit.verify.logs import Log
from tests.unit.verify.receipts import COMPANY, COUNCIL, LOG, LOG_MLDSA, ORIGIN, POLICY, THIRD, key, receipt

FILE = Path(__file__).with_name("vectors.json")
STRANGER = key("stranger.example", Type.COSIGNATURE_ED25519)
NO_WITNESS = Policy(POLICY.logs)
BOTH = replace(POLICY, groups={}, quorum="company")
NONE_OF_THE_LOG = replace(POLICY, logs=(POLICY.logs[1],), quorum="none")
ANOTHER_LOG = parse_policy(f"log {key('other.example/log', Type.ED25519).verifier}\nquorum none\n".encode())


def outcome(receipt_: bytes, policy: bytes) -> dict[str, Any]:
    """What verifying says: the steps that succeed, and what is proven or why it is not."""
    steps = list[Step]()
    try:
        verified = verify_receipt(receipt_, parse_policy(policy), steps.append)
        vouched = verified.vouched
        end: dict[str, Any] = {
            "record": verified.record,
            "index": str(verified.index),
            "size": str(vouched.checkpoint.size),
            "witnesses": {name: str(at_s) for name, at_s in vouched.witnesses.items()},
        }
    except Unverified as refused:
        end = {"refused": told(refused)}
    return {"steps": [{"id": one.id, "en": one.en, "fr": one.fr} for one in steps], **end}


def told(refused: Unverified) -> dict[str, str]:
    """A refusal, in both languages."""
    return {"id": refused.id} | {
        name: said
        for language in ("en", "fr")
        for name, said in (
            (language, refused.sentence(language)),  # type: ignore[arg-type]
            (f"remedy_{language}", refused.remedy(language)),  # type: ignore[arg-type]
        )
    }


def receipts() -> Iterator[tuple[str, bytes, bytes]]:
    """(what it is, receipt, policy)."""
    made = receipt(LOG, COUNCIL, COMPANY)
    data, policy = bytes(made), bytes(POLICY)
    yield "as it should be", data, policy
    yield "with post-quantum signatures", bytes(receipt(LOG, LOG_MLDSA, COUNCIL, THIRD)), policy
    for size, index in ((1, 0), (2, 1), (255, 254), (256, 0), (257, 256), (511, 3), (512, 511)):
        shaped = receipt(LOG, COUNCIL, size=size, index=index)
        yield f"entry {index} of {size}", bytes(shaped), policy
        for other in sorted({0, index + 1, size - 1, size} - {index}):
            yield f"entry {index} of {size}, said to be {other}", bytes(replace(shaped, index=other)), policy
    yield "signed by a stranger too", bytes(receipt(LOG, COUNCIL, STRANGER)), policy
    yield "without a witness", bytes(receipt(LOG)), policy
    yield "without a witness, for who wants none", bytes(receipt(LOG)), bytes(NO_WITNESS)
    yield "with one witness, for who wants another", bytes(receipt(LOG, COUNCIL)), bytes(BOTH)
    yield "not signed by the log", bytes(receipt(COUNCIL)), policy
    yield "signed by a key of the log that is not trusted", data, bytes(NONE_OF_THE_LOG)
    yield "of another log", data, bytes(ANOTHER_LOG)
    other = parse_receipt(bytes(receipt(LOG, COUNCIL, COMPANY, record=test_receipt.RECORD.replace(b"3}", b"4}"))))
    yield "with the record of another entry", bytes(replace(made, record=other.record)), policy
    late = made.checkpoint.with_signatures(THIRD.sign(made.checkpoint.text, 2**63 - 1))
    yield "signed after the end of time", bytes(replace(made, checkpoint=late)), policy
    beyond = made.checkpoint.with_signatures(COUNCIL.sign(made.checkpoint.text, 2**63))
    yield "signed at a time that is none", bytes(replace(made, checkpoint=beyond)), policy
    for signer in (LOG, LOG_MLDSA, COUNCIL, THIRD):
        signed = receipt(LOG, LOG_MLDSA, COUNCIL, THIRD).checkpoint
        wrong = signer.sign(signed.text.replace("\n11\n", "\n12\n"), test_receipt.AT_S)
        lines = tuple(wrong if one.key_id == wrong.key_id else one for one in signed.signatures)
        changed = bytes(replace(made, checkpoint=Note(signed.text, lines)))
        yield f"with a wrong signature by {signer.name} {signer.type.name}", changed, policy
    for cut in (1, 200):
        for name, part in (("end", data[:-cut]), ("beginning", data[cut:]), ("middle", data[:100] + data[100 + cut :])):
            yield f"{cut} bytes of the {name} cut off", part, policy
        yield f"continued by {cut} bytes", data + data[:cut], policy
    for bit in range(0, 8 * len(data), 461):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        yield f"bit {bit} changed", bytes(flipped), policy
    for head in cases(test_receipt.test_what_is_no_proof_is_refused):
        yield f"no proof: {head[:40]!r}", f"{head}\n".encode() + bytes(made.checkpoint), policy
    for extra in cases(test_receipt.test_a_proof_without_salt_and_record_is_no_receipt):
        yield f"{len(extra)} bytes beside the proof", bytes(TlogProof(0, (), made.checkpoint, extra)), policy
    for record in cases(test_receipt.test_what_is_no_record_is_refused):
        yield f"no record: {record[:40]!r}", bytes(receipt(LOG, COUNCIL, record=record)), policy
    for record in ('{"a":"\U0001f600\uffff","kind":"é"}', '{"kind":"a","\uffff":1,"\U0001f600":[null,true,-2]}'):
        yield f"record {record}", bytes(receipt(LOG, COUNCIL, record=record.encode())), policy
    for text in (f"x\n0\n{base64.b64encode(EMPTY_ROOT).decode()}\n\n", "x\n01\n", "no checkpoint\n"):
        note = Note(text, (Signature("x", b"\0\0\0\0", b"\0"),))
        yield f"no checkpoint: {text!r}", bytes(replace(made, checkpoint=note)), policy


def policies() -> Iterator[tuple[str, bytes]]:
    """(what it is, policy)."""
    for name, policy in (("ours", POLICY), ("nothing", Policy(())), ("no witness", NO_WITNESS)):
        yield name, bytes(policy)
    yield "the example of the specification", test_policy.EXAMPLE.encode()
    vkey = str(COUNCIL.verifier)
    for octets in (b"\xff\xfe", "comité".encode(), b"\xe2\x84\xaa"):
        yield f"a name of octets {octets!r}", b"witness %b %b\nquorum %b\n" % (octets, vkey.encode(), octets)
    for text in cases(test_policy.test_what_is_no_policy_is_refused):
        yield f"no policy: {text[:60]!r}", text.encode()
    for at in range(0, len(vkey), 3):
        changed = vkey[:at] + chr(ord(vkey[at]) ^ 1) + vkey[at + 1 :]
        yield f"a key changed at {at}", f"witness a {changed}\nquorum a\n".encode()


def histories() -> Iterator[tuple[str, list[Receipt]]]:
    """(what it is, receipts of a group)."""
    whole, other = test_places.history(1, 3, 1, 2), test_places.history(1, 3, 1, 2, word="other")
    yield "nothing", []
    yield "whole", whole
    yield "whole, in another order and twice", [*reversed(whole), *whole]
    for missing in range(1, len(whole) - 1):
        yield f"without {missing}", whole[:missing] + whole[missing + 1 :]
    for at in range(1, len(whole)):
        yield f"written anew from {at}", whole[:at] + other[at:]
        yield f"with another at {at}", [*whole, other[at]]
    yield "beside what has no place", [*whole, test_places.receipt(leaves=[])]
    for revision, index, of in ((-1, 0, 1), (0, -1, 1), (0, 1, 1), (0, 0, 0)):
        yield f"{index} of {of}", [test_places.receipt(group="g", revision=revision, index=index, of=of, previous="")]


GROWN = 300
"""Entries of the log that grows: two tiles of hashes, and one above them."""


def growths() -> Iterator[tuple[str, Note, Note, Proof]]:
    """(what it is, checkpoint accepted before, checkpoint now, what is to prove that the log has only grown)."""
    log, fork = Log.of(GROWN), Log.of(GROWN, fork_at=100)
    for old in (0, 1, 2, 3, 44, 100, 128, 255, 256, 257, 299, 300):
        proof = consistency_proof(old, GROWN, log.nodes)
        yield f"from {old}", log.note(old), log.note(), proof
        if old > 100:
            yield f"from {old} of a fork", fork.note(old), log.note(), proof
        if proof:
            yield f"from {old} without the proof's end", log.note(old), log.note(), proof[:-1]
            yield f"from {old} with a longer proof", log.note(old), log.note(), (*proof, proof[0])
            yield f"from {old} with another proof", log.note(old), log.note(), (*proof[1:], proof[0])
    yield "from more", log.note(), log.note(200), ()
    empty = str(Checkpoint("other.example/log", 0, EMPTY_ROOT))
    yield "from another log", Note(empty, (LOG.sign(empty),)), log.note(), ()
    for size, root in ((0, log.leaves[0]), (0, EMPTY_ROOT)):
        text = str(Checkpoint(ORIGIN, size, root))
        yield f"from nothing with the root {root.hex()[:4]}", Note(text, (LOG.sign(text),)), log.note(0), ()


def growth_outcome(last: Note, now: Note, proof: Proof) -> dict[str, Any]:
    """That a log has only grown, or why it has not."""
    try:
        require_growth(last, now, lambda old, new: proof)
    except Unverified as refused:
        return {"refused": told(refused)}
    return {}


def tile_files() -> Iterator[tuple[Tile, bytes]]:
    """The tiles of the log that grows."""
    nodes = Log.of(GROWN).nodes
    for tile in tiles(GROWN):
        yield tile, b"".join(nodes(8 * tile.level, WIDTH * tile.index + at) for at in range(tile.width))


PATHS = [
    Tile(level, index, width)
    for level in (0, 1, 63)
    for index in (0, 7, 999, 1000, 1_234_067, 2**60)
    for width in (1, 255, 256)
]


def cases(test: Any) -> list[Any]:
    """The values that a test is tried with: its one parameter's, or its first's."""
    (mark,) = (one for one in test.pytestmark if one.name == "parametrize")
    names, values = mark.args
    return list(values) if isinstance(names, str) else [value for value, *_ in values]


def policy_outcome(data: bytes) -> dict[str, Any]:
    """What a policy's file says, or why it is none."""
    try:
        policy = parse_policy(data)
    except Unverified as refused:
        return {"refused": refused.id}
    return {"witnesses": len(policy.witnesses), "groups": len(policy.groups), "quorum": octets_of(policy.quorum)}


def history_outcome(made: list[Receipt]) -> dict[str, Any]:
    """The ends of a history without a gap, or why it is none."""
    try:
        ends = require_no_gap(place for one in made if (place := place_of(one)))
    except Unverified as refused:
        return {"refused": told(refused)}
    return {"ends": [[one.revision, one.index] for one in ends or ()]}


def octets_of(name: str) -> str:
    """A name of a policy as its octets in base64."""
    return text(name.encode(errors="surrogateescape"))


def text(data: bytes) -> str:
    """Bytes in base64."""
    return base64.b64encode(data).decode()


def vectors() -> dict[str, Any]:
    """All of them."""
    distinct = list(dict.fromkeys(policy for *_, policy in receipts()))
    return {
        "about": "written by tests/unit/verify/vectors.py; bytes are in base64",
        "trusted": [text(one) for one in distinct],
        "receipts": [
            {"name": name, "receipt": text(data), "trusted": distinct.index(policy), **outcome(data, policy)}
            for name, data, policy in receipts()
            if len(data) < LONGEST
        ],
        "policies": [{"name": name, "policy": text(data), **policy_outcome(data)} for name, data in policies()],
        "histories": [
            {
                "name": name,
                "openings": [{"salt": text(one.salt), "record": text(one.record)} for one in made],
                **history_outcome(made),
            }
            for name, made in histories()
        ],
        "growths": [
            {
                "name": name,
                "last": text(bytes(last)),
                "now": text(bytes(now)),
                "proof": [text(one) for one in proof],
                **growth_outcome(last, now, proof),
            }
            for name, last, now, proof in growths()
        ],
        "tiles": {tile.path: text(data) for tile, data in tile_files()},
        "paths": {tile.path: [tile.level, str(tile.index), tile.width] for tile in PATHS},
    }


LONGEST = 20_000
"""Longer receipts would make the file needlessly large."""


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), ensure_ascii=False, indent=1, sort_keys=True) + "\n")
