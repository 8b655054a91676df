"""How a log has its checkpoints cosigned by the witnesses of a policy.

Specification: https://c2sp.org/tlog-witness@v1.0.0, section "add-checkpoint".
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from regard_client.verify.addcheckpoint import PATH, AddCheckpoint, Status
from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.hashing import parse_decimal
from regard_client.verify.keys import VerifierKey, timestamp
from regard_client.verify.notes import Note, Signature, open_note, parse_signatures
from regard_client.verify.policy import Policy
from regard_client.verify.reasons import WITNESS_AHEAD, Unverified
from regard_client.verify.tree import Proof

_ATTEMPTS = 3

Signed = tuple[tuple[VerifierKey, Signature], ...]
Prove = Callable[[int, int], Awaitable[Proof]]
"""(old size, new size) to the consistency proof between them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking the witnesses. `missing`: why a name of the policy has not signed, for operators."""

    signatures: tuple[Signature, ...]
    names: frozenset[str]
    missing: Mapping[str, str]


class NoAnswer(Exception):
    """A witness was not reached, or did not answer as the protocol says; asking later may help."""


class Witnesses:
    """The witnesses of a policy that have an address, and what each has seen, so that asking takes one call."""

    def __init__(self, policy: Policy, timeout_s: float) -> None:
        self._urls: dict[str, list[tuple[str, VerifierKey]]] = {}
        for name, party in policy.witnesses.items():
            if party.url:
                self._urls.setdefault(party.url.rstrip("/"), []).append((name, party.key))
        self._logs = {(log.key.name, log.key.key_id) for log in policy.logs}
        self._timeout_s = timeout_s
        self._seen: dict[str, int] = {}

    async def cosign(self, note: Note, prove: Prove) -> Answer:
        """Asks all of them at once to cosign a checkpoint that the log signed.

        Raises Unverified (VER-12) if one of them has seen more entries than the log has: it was rolled back.
        """
        # Witnesses limit what they read, and need the log's own signatures only.
        note = Note(note.text, tuple(one for one in note.signatures if (one.name, one.key_id) in self._logs))
        async with httpx.AsyncClient(timeout=self._timeout_s, trust_env=False) as http:
            asked = (self._ask(http, url, note, prove) for url in self._urls)
            answers = await asyncio.gather(*asked, return_exceptions=True)
        signatures, names, missing = list[Signature](), set[str](), dict[str, str]()
        for keys, answer in zip(self._urls.values(), answers, strict=True):
            if isinstance(answer, NoAnswer | httpx.HTTPError):
                missing |= {name: f"{type(answer).__name__} {answer}".rstrip() for name, _ in keys}
            elif isinstance(answer, BaseException):
                raise answer
            else:
                signed = {key for key, _ in answer}
                signatures += [signature for _, signature in answer]
                names |= {name for name, key in keys if key in signed}
                missing |= {name: "did not sign with this key" for name, key in keys if key not in signed}
        return Answer(tuple(signatures), frozenset(names), missing)

    async def _ask(self, http: httpx.AsyncClient, url: str, note: Note, prove: Prove) -> Signed:
        """What the witness at `url` signed, verified. Raises NoAnswer, httpx.HTTPError, Unverified (VER-12)."""
        size = parse_checkpoint(note.text).size
        for _ in range(_ATTEMPTS):
            old = min(self._seen.get(url, 0), size)
            proof = await prove(old, size) if 0 < old < size else ()
            answer = await http.post(f"{url}/{PATH}", content=bytes(AddCheckpoint(old, proof, note)))
            if answer.status_code == Status.COSIGNED:
                self._seen[url] = size
                return _verified(note, answer.content.decode(errors="replace"), [key for _, key in self._urls[url]])
            if answer.status_code != Status.CONFLICT:
                raise NoAnswer(f"status {answer.status_code}")
            self._seen[url] = seen = _size(answer.content.decode(errors="replace"))
            if seen > size:
                raise WITNESS_AHEAD(name=self._urls[url][0][0], seen=seen, size=size, evidence={"note": bytes(note)})
        raise NoAnswer("it names another size each time")


def _verified(note: Note, lines: str, keys: list[VerifierKey]) -> Signed:
    """The cosignatures by known keys: "the client MUST ignore any cosignatures from unknown keys"."""
    try:
        signed = open_note(Note(note.text, parse_signatures(lines)), keys)
    except Unverified as refused:
        raise NoAnswer(str(refused)) from refused
    if not all(timestamp(signature.payload) for _, signature in signed):
        raise NoAnswer("a cosignature states no time")  # "the timestamp MUST NOT be zero"
    return signed


def _size(body: str) -> int:
    """The size in the body of a conflict; one witness in use answers without (omniwitness, when roots differ)."""
    try:
        return parse_decimal(body.removesuffix("\n"), "tlog.size")
    except Unverified:
        raise NoAnswer(f"status {int(Status.CONFLICT)} without a size") from None
