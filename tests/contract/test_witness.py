"""A witness over HTTP, and a log that has its checkpoints cosigned by the witnesses of its policy."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from regard_client.verify.addcheckpoint import AddCheckpoint, Status
from regard_client.verify.hashing import Hash
from regard_client.verify.keys import Type, VerifierKey, parse_vkey
from regard_client.verify.notes import Note
from regard_client.verify.policy import Group, Party, Policy
from regard_client.verify.reasons import Unverified
from regard_client.verify.tree import Proof, consistency_proof
from regard_client.witness import Witnesses, application, open_witness
from regard_client.witness.state import Witness, hash_of
from services.common.http import serve_http
from tests.unit.verify.logs import Log
from tests.unit.verify.receipts import AT_S, LOG, LOG_MLDSA, ORIGIN, key

LOGS = (LOG.verifier, LOG_MLDSA.verifier)
TREE = Log.of(600, LOG, LOG_MLDSA)
FORK = Log.of(600, LOG, LOG_MLDSA, fork_at=100)
TIMEOUT_S = 60.0


@asynccontextmanager
async def running(folder: Path, name: str) -> AsyncIterator[tuple[Witness, str]]:
    witness = open_witness(folder / name.replace("/", "_"), name, LOGS)
    async with serve_http(application(witness), "127.0.0.1") as server:
        yield witness, f"http://127.0.0.1:{server.port}"


def policy(**witnesses: tuple[VerifierKey, str]) -> Policy:
    parties = {name: Party(key, url) for name, (key, url) in witnesses.items()}
    return Policy(tuple(map(Party, LOGS)), parties, {"all": Group(len(parties), tuple(parties))}, "all")


async def prove(old: int, new: int) -> Proof:
    return consistency_proof(old, new, TREE.nodes)


async def prove_fork(old: int, new: int) -> Proof:
    return consistency_proof(old, new, FORK.nodes)


async def test_the_witnesses_of_a_policy_cosign_what_grows(tmp_path: Path) -> None:
    async with running(tmp_path, "a.example/w") as (a, at_a), running(tmp_path, "b.example/w") as (b, at_b):
        trusted = policy(a=(a.verifiers[0], at_a), b=(b.verifiers[0], f"{at_b}/"), b2=(b.verifiers[1], at_b))
        log = Witnesses(trusted, TIMEOUT_S)
        for size in (1, 256, 256, 600):
            note = TREE.note(size)
            answer = await log.cosign(note, prove)
            assert (answer.names, answer.missing) == ({"a", "b", "b2"}, {})
            vouched = trusted.open(bytes(note.with_signatures(*answer.signatures)))
            assert vouched.witnesses.keys() == answer.names
            assert vouched.unknown == ()
        # Somebody else who starts from nothing learns from the answers how far each witness is.
        assert (await Witnesses(trusted, TIMEOUT_S).cosign(TREE.note(600), prove)).names == {"a", "b", "b2"}


async def test_a_log_that_was_rolled_back_is_told_by_its_witness(tmp_path: Path) -> None:
    async with running(tmp_path, "a.example/w") as (a, at_a):
        trusted = policy(a=(a.verifiers[0], at_a))
        await Witnesses(trusted, TIMEOUT_S).cosign(TREE.note(600), prove)
        with pytest.raises(Unverified, match=r"VER-12 .*600.*599"):
            await Witnesses(trusted, TIMEOUT_S).cosign(TREE.note(599), prove)


async def test_a_fork_is_not_cosigned(tmp_path: Path) -> None:
    async with running(tmp_path, "a.example/w") as (a, at_a):
        log = Witnesses(policy(a=(a.verifiers[0], at_a)), TIMEOUT_S)
        await log.cosign(TREE.note(300), prove)
        answer = await log.cosign(FORK.note(600), prove_fork)
        assert (answer.signatures, answer.names) == ((), frozenset())
        assert "422" in answer.missing["a"]
        assert len(a.evidence()) == 1


async def test_a_witness_that_is_away_is_missing_and_nothing_more(tmp_path: Path) -> None:
    async with running(tmp_path, "b.example/w") as (_, gone):
        pass
    async with running(tmp_path, "a.example/w") as (a, at_a):
        away = key("b.example/w", Type.COSIGNATURE_ED25519).verifier
        answer = await Witnesses(policy(a=(a.verifiers[0], at_a), b=(away, gone)), TIMEOUT_S).cosign(
            TREE.note(5), prove
        )
        assert answer.names == {"a"}
        assert "ConnectError" in answer.missing["b"]


STRANGER = key("stranger.example", Type.COSIGNATURE_ED25519)
LIAR = key("liar.example", Type.COSIGNATURE_ED25519)
TEXT = TREE.note(5).text


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (200, b"", "VER-01"),
        (200, b"nonsense\n", "VER-01"),
        (200, b"\xff\n", "VER-01"),
        (200, str(STRANGER.sign(TEXT, AT_S)).encode(), "VER-03"),
        (200, str(LIAR.sign(TREE.note(6).text, AT_S)).encode(), "VER-02"),
        (200, str(LIAR.sign(TEXT, 0)).encode(), "no time"),
        (403, b"unknown log\n", "403"),
        (409, b"", "409 without a size"),
        (409, b"-1\n", "409 without a size"),
        (409, b"4\n", "another size each time"),
        (500, b"", "500"),
    ],
)
async def test_a_witness_that_answers_wrongly_has_not_signed(status: int, body: bytes, why: str) -> None:
    async def answer(_: object) -> Response:
        return Response(body, status)

    application = Starlette(routes=[Route("/add-checkpoint", answer, methods=["POST"])])
    async with serve_http(application, "127.0.0.1") as server:
        trusted = policy(liar=(LIAR.verifier, f"http://127.0.0.1:{server.port}"))
        answered = await Witnesses(trusted, TIMEOUT_S).cosign(TREE.note(5), prove)
    assert answered.names == frozenset()
    assert why in answered.missing["liar"]


async def test_signatures_by_unknown_keys_are_left_out() -> None:
    lines = str(STRANGER.sign(TEXT, AT_S)) + str(LIAR.sign(TEXT, AT_S))

    async def answer(_: object) -> Response:
        return Response(lines)

    application = Starlette(routes=[Route("/add-checkpoint", answer, methods=["POST"])])
    async with serve_http(application, "127.0.0.1") as server:
        trusted = policy(liar=(LIAR.verifier, f"http://127.0.0.1:{server.port}"))
        answered = await Witnesses(trusted, TIMEOUT_S).cosign(TREE.note(5), prove)
    assert [one.name for one in answered.signatures] == [LIAR.name]


async def test_only_the_log_s_own_signatures_are_sent(tmp_path: Path) -> None:
    sent = list[bytes]()

    async def keep(request: object) -> Response:
        sent.append(await request.body())  # type: ignore[attr-defined]
        return Response(status_code=500)

    application = Starlette(routes=[Route("/add-checkpoint", keep, methods=["POST"])])
    async with serve_http(application, "127.0.0.1") as server:
        trusted = policy(liar=(LIAR.verifier, f"http://127.0.0.1:{server.port}"))
        note = TREE.note(5)
        await Witnesses(trusted, TIMEOUT_S).cosign(note.with_signatures(STRANGER.sign(TEXT, AT_S)), prove)
    assert sent == [bytes(AddCheckpoint(0, (), note))]


async def test_each_status_over_http(tmp_path: Path) -> None:
    async with running(tmp_path, "a.example/w") as (a, url), httpx.AsyncClient(base_url=url) as http:

        async def ask(old: int, proof: Proof, note: Note) -> httpx.Response:
            return await http.post("/add-checkpoint", content=bytes(AddCheckpoint(old, proof, note)))

        monitoring = f"/{hash_of(ORIGIN)}/checkpoint"
        assert (await http.get(monitoring)).status_code == 404
        first = TREE.note(300)
        cosigned = await ask(0, (), first)
        assert cosigned.status_code == Status.COSIGNED
        published = await http.get(monitoring)
        assert published.content == bytes(first) + cosigned.content
        conflict = await ask(0, (), TREE.note(600))
        assert (conflict.status_code, conflict.content) == (409, b"300\n")
        assert conflict.headers["content-type"] == "text/x.tlog.size"
        assert (await ask(301, (), TREE.note(300))).status_code == 400
        assert (await ask(300, (Hash(bytes(32)),), TREE.note(600))).status_code == 422
        assert (await ask(0, (), Note(TEXT, (STRANGER.sign(TEXT, AT_S),)))).status_code == 403
        unknown = TEXT.replace(ORIGIN, "other.example/log")
        assert (await ask(0, (), Note(unknown, (LOG.sign(unknown),)))).status_code == 404
        assert (await http.post("/add-checkpoint", content=b"nonsense")).status_code == 400
        assert (await http.post("/add-checkpoint", content=b"x" * 70_000)).status_code == 413
        assert (await http.get("/add-checkpoint")).status_code == 405
        assert (await http.get("/")).text.splitlines() == list(map(str, a.verifiers))


async def test_requests_at_the_same_time_are_cosigned_one_after_the_other(tmp_path: Path) -> None:
    async with running(tmp_path, "a.example/w") as (a, url):
        logs = [Witnesses(policy(a=(a.verifiers[0], url)), TIMEOUT_S) for _ in range(6)]
        trees = [(TREE, prove), (FORK, prove_fork)] * 3
        asked = (log.cosign(tree.note(600), by) for log, (tree, by) in zip(logs, trees, strict=True))
        answers = await asyncio.gather(*asked)
        signed = {at % 2 for at, answer in enumerate(answers) if answer.names}
        assert len(signed) == 1


@contextmanager
def command(folder: Path, trusted: Path) -> Iterator[tuple[list[VerifierKey], str]]:
    """`regard witness` as its own process, which is killed in the end: its keys, and where it listens."""
    line = [sys.executable, "-c", "from regard_client.cli import main; main()", "witness", "--name", "w.example"]
    line += ["--policy", str(trusted), "--folder", str(folder), "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            lines = [process.stdout.readline().strip() for _ in range(3)]
            yield [parse_vkey(line) for line in lines[:2]], lines[2]
        finally:
            process.kill()


async def test_a_witness_that_is_killed_remembers_what_it_cosigned(tmp_path: Path) -> None:
    trusted = tmp_path / "policy"
    trusted.write_bytes(bytes(Policy(tuple(map(Party, LOGS)))))
    for size in (300, 600):
        with command(tmp_path / "w", trusted) as (keys, url):
            log = Witnesses(policy(w=(keys[0], url)), TIMEOUT_S)
            assert (await log.cosign(TREE.note(size), prove)).names == {"w"}
    with command(tmp_path / "w", trusted) as (keys, url), pytest.raises(Unverified, match="VER-12"):
        await Witnesses(policy(w=(keys[0], url)), TIMEOUT_S).cosign(TREE.note(599), prove)
