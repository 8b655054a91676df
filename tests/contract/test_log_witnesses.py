"""What witnesses answer when they are asked before the log goes on; as litewitness and omniwitness answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.keys import SigningKey, Type
from regard_client.verify.notes import parse_note
from regard_client.verify.policy import parse_policy
from services.audit.log.witnesses import Witnesses
from services.common.errors import Refused
from services.common.http import serve_http
from tests.product import free_port
from tests.transparency import Log

SIZE = 8
"""Of the log that asks."""


@dataclass(frozen=True)
class Answer:
    """What a witness says of it; None: there is nobody."""

    status: int | None
    body: str = ""


EQUAL, BEHIND, AHEAD = Answer(200, "— w x\n"), Answer(409, "3\n"), Answer(409, "9\n")
STRANGER, FORBIDDEN = Answer(404), Answer(403)
FORKED, FORKED_WITHOUT_SIZE = Answer(422), Answer(409)
SICK, AWAY, MAD = Answer(500), Answer(None), Answer(409, "a lot\n")


@asynccontextmanager
async def witnesses(folder: Path, answers: Sequence[Answer], quorum: str = "all") -> AsyncIterator[Witnesses]:
    """Those who answer so, each with its server, in a policy."""
    lines, names = [], [f"w{number}" for number in range(len(answers))]
    async with AsyncExitStack() as stack:
        for name, answer in zip(names, answers, strict=True):
            port = free_port()
            if answer.status is not None:
                port = (await stack.enter_async_context(serve_http(_witness(answer), "127.0.0.1"))).port
            key = SigningKey.generate(f"{name}.example", Type.COSIGNATURE_ED25519).verifier
            lines.append(f"witness {name} {key} http://127.0.0.1:{port}/at/")
        file = folder / "witnesses"
        file.write_text("\n".join([*lines, f"group everyone {quorum} {' '.join(names)}", "quorum everyone", ""]))
        yield Witnesses(file)


def _witness(answer: Answer) -> Starlette:
    async def add_checkpoint(request: Request) -> Response:
        head, _, signed = (await request.body()).partition(b"\n\n")
        size = parse_checkpoint(parse_note(signed).text).size
        assert head == f"old {size}".encode()
        return Response(answer.body, answer.status or 0, media_type="text/x.tlog.size")

    return Starlette(routes=[Route("/at/add-checkpoint", add_checkpoint, methods=["POST"])])


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    async with Log.opened(tmp_path) as log:
        sequencer = log.sequencer()
        await sequencer.open()
        for _ in range(SIZE // 4):
            await sequencer.sequence()
        yield log


async def outcome(log: Log, folder: Path, answers: Sequence[Answer], quorum: str = "all") -> str:
    """The id with which the log refuses to open; empty if it opens."""
    async with witnesses(folder, answers, quorum) as asked:
        try:
            await log.sequencer(ask_witnesses=asked.ask).open()
        except Refused as refused:
            return refused.refusal.id
        return ""


@pytest.mark.parametrize(
    ("answers", "quorum", "id"),
    [
        ([EQUAL], "all", ""),
        ([BEHIND], "all", ""),
        ([STRANGER, FORBIDDEN], "all", ""),
        ([AHEAD], "all", "AUD-11"),
        ([EQUAL, BEHIND, AHEAD], "1", "AUD-11"),
        ([FORKED], "all", "AUD-12"),
        ([EQUAL, FORKED_WITHOUT_SIZE], "1", "AUD-12"),
        ([EQUAL, EQUAL, AWAY], "2", ""),
        ([EQUAL, SICK, AWAY], "2", "AUD-17"),
        ([EQUAL, MAD], "all", "AUD-17"),
        ([AWAY, AHEAD], "2", "AUD-11"),
    ],
)
async def test_what_witnesses_have_seen_decides(
    log: Log, tmp_path: Path, answers: Sequence[Answer], quorum: str, id: str
) -> None:
    assert await outcome(log, tmp_path, answers, quorum) == id


@pytest.mark.parametrize(("answer", "id"), [(STRANGER, ""), (Answer(422), ""), (Answer(400), ""), (AHEAD, "AUD-11")])
async def test_a_new_log_is_begun_only_where_nobody_has_seen_it(tmp_path: Path, answer: Answer, id: str) -> None:
    async with Log.opened(tmp_path) as log:
        assert await outcome(log, tmp_path, [answer]) == id
        assert (log.storage.get("checkpoint") is None) == bool(id)


async def test_the_policy_that_is_served_names_log_and_witnesses(log: Log, tmp_path: Path) -> None:
    async with witnesses(tmp_path, [EQUAL, EQUAL], "1") as asked:
        policy = parse_policy(bytes(asked.policy(log.keys, "https://regard.example/log")))
    assert [party.key for party in policy.logs] == list(log.keys.verifiers)
    assert set(policy.witnesses) == {"w0", "w1"}
    assert policy.is_quorum(["w1"])
    assert not policy.is_quorum([])
    alone = parse_policy(bytes(Witnesses(None).policy(log.keys, "")))
    assert alone.is_quorum([])


@pytest.mark.parametrize("text", [None, "", "quorum w\n", "witness w x y\nquorum w\n", "log {log}\nquorum none\n"])
async def test_a_bad_file_is_refused_at_the_start(log: Log, tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "witnesses"
    if text is not None:
        file.write_text(text.replace("{log}", str(log.keys.verifiers[0])))
    with pytest.raises(Refused) as caught:
        Witnesses(file)
    assert caught.value.refusal.id == "AUD-18"


async def test_a_witness_without_address_is_refused(tmp_path: Path) -> None:
    key = SigningKey.generate("w.example", Type.COSIGNATURE_ED25519).verifier
    (tmp_path / "witnesses").write_text(f"witness w {key}\nquorum w\n")
    with pytest.raises(Refused) as caught:
        Witnesses(tmp_path / "witnesses")
    assert caught.value.refusal.id == "AUD-18"
