"""Asking witnesses how far they have seen the log, before it goes on: what only others can know after a restore.

Specification: https://c2sp.org/tlog-witness@v1.0.0, section "add-checkpoint". The checkpoint in the lock is submitted
as if the witness had it already; the answer says what it has.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx

from regard_client.verify import Unverified
from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import parse_decimal
from regard_client.verify.policy import Party, Policy, parse_policy
from services.audit.log.keys import LogKeys
from services.audit.refusals import BAD_WITNESSES, LOG_AHEAD, LOG_FORKED, WITNESSES_AWAY

_LIMIT_S = 5.0
_MOST_BYTES = 64


class Witnesses:
    """The witnesses that the installation's policy names; without a file there are none."""

    def __init__(self, file: Path | None) -> None:
        """Raises Refused (AUD-18) if the file names no usable witnesses."""
        self._policy = _read(file) if file else Policy(())

    def policy(self, keys: LogKeys, url: str) -> Policy:
        """The whole policy: the log's keys, then the witnesses."""
        return replace(self._policy, logs=tuple(Party(key, url) for key in keys.verifiers))

    async def ask(self, tree: Checkpoint, signed: bytes) -> None:
        """Returns once enough witnesses have seen no more than `tree`.

        Raises Refused: AUD-11 if one has, AUD-12 if one has another tree of that size, AUD-17 if too few answer.
        """
        names = list(self._policy.witnesses)
        async with httpx.AsyncClient(timeout=_LIMIT_S, trust_env=False) as client:
            asked = (_seen(client, self._policy.witnesses[name], tree, signed) for name in names)
            answers = dict(zip(names, await asyncio.gather(*asked), strict=True))
        for name, size in answers.items():
            if size is not None and size > tree.size:
                raise LOG_AHEAD(seen=str(size), witness=name, size=str(tree.size))
        if not self._policy.is_quorum(name for name, size in answers.items() if size is not None):
            raise WITNESSES_AWAY(missing=", ".join(name for name, size in answers.items() if size is None))


async def _seen(client: httpx.AsyncClient, witness: Party, tree: Checkpoint, signed: bytes) -> int | None:
    """The size that the witness has seen, 0 if it does not know the log; None if it does not say."""
    body = f"old {tree.size}\n\n".encode() + signed
    try:
        answer = await client.post(f"{witness.url.rstrip('/')}/add-checkpoint", content=body)
    except httpx.HTTPError:
        return None
    match answer.status_code:
        case 200:
            return tree.size
        case 403 | 404:  # litewitness says 403 of an origin that it does not know
            return 0
        case 409 if len(answer.content) <= _MOST_BYTES and answer.content.endswith(b"\n"):
            try:
                return parse_decimal(answer.text[:-1], "tlog-witness size")
            except Unverified:
                return None
        case 409 | 422 if tree.size:  # omniwitness says 409, without a size, of another root at the same size
            raise LOG_FORKED(size=str(tree.size))
        case 400 | 422:  # an empty tree is nothing to witness, and this one has seen none
            return 0
        case _:
            return None


def _read(file: Path) -> Policy:
    try:
        policy = parse_policy(file.read_bytes())
    except OSError as error:
        raise BAD_WITNESSES(reason=f"{error.strerror}.") from error
    except Unverified as error:
        raise BAD_WITNESSES(reason=error.sentence("en")) from error
    if policy.logs or not all(witness.url for witness in policy.witnesses.values()):
        raise BAD_WITNESSES(reason="a log line, or a witness without address.")
    return policy
