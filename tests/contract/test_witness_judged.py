"""Our client of witnesses against one that others wrote: torchwood's litewitness."""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from regard_client.verify.hashing import EMPTY_ROOT
from regard_client.verify.keys import parse_vkey
from regard_client.verify.policy import Party, Policy
from regard_client.verify.reasons import Unverified
from regard_client.verify.tree import Proof, consistency_proof
from regard_client.witness import Witnesses
from tests import judged
from tests.product import LIMIT_S, free_port
from tests.unit.verify.logs import Log
from tests.unit.verify.receipts import LOG, ORIGIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TREE, FORK = Log.of(600), Log.of(600, fork_at=100)


@pytest.fixture
def program() -> Path:
    if not shutil.which("ssh-agent"):
        pytest.skip("litewitness keeps its key in ssh-agent, which is not here")
    return judged.built("litewitness")


@pytest.fixture
def witness(program: Path, tmp_path: Path) -> Iterator[Party]:
    """litewitness, knowing our log: its key and where it listens."""
    port, agent, key, state = free_port(), tmp_path / "a", tmp_path / "key", tmp_path / "w.db"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    with ExitStack() as stack:
        _start(stack, "ssh-agent", "-D", "-a", agent)
        _until(agent.exists)
        _run("ssh-add", "-q", key, SSH_AUTH_SOCK=str(agent))
        fingerprint = _run("ssh-keygen", "-lf", f"{key}.pub").split()[1]
        line = [program, "-db", state, "-name", "lite.example/w", "-key", fingerprint, "-ssh-agent", agent]
        process = _start(stack, *line, "-listen", f"127.0.0.1:{port}")
        assert process.stderr
        told = ""
        while "listening" not in told:
            told += process.stderr.readline()
            assert process.poll() is None, told
        with closing(sqlite3.connect(state)) as connection, connection:
            empty = base64.b64encode(EMPTY_ROOT).decode()
            connection.execute("INSERT INTO log VALUES (?, 0, ?)", (ORIGIN, empty))
            connection.execute("INSERT INTO key VALUES (?, ?)", (ORIGIN, str(LOG.verifier)))
        vkey = next(word for word in told.split() if word.startswith("vkey=")).removeprefix("vkey=")
        yield Party(parse_vkey(vkey), f"http://127.0.0.1:{port}")


def _run(*line: object, **environment: str) -> str:
    done = subprocess.run([*map(str, line)], env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout


def _start(stack: ExitStack, *line: object) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = stack.enter_context(
        subprocess.Popen([*map(str, line)], stdout=subprocess.DEVNULL, stderr=pipe, text=True)
    )
    stack.callback(process.kill)
    return process


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def prover(tree: Log) -> Callable[[int, int], Awaitable[Proof]]:
    async def prove(old: int, new: int) -> Proof:
        return consistency_proof(old, new, tree.nodes)

    return prove


async def test_litewitness_cosigns_what_grows_and_nothing_else(witness: Party) -> None:
    policy = Policy((Party(LOG.verifier),), {"lite": witness}, {}, "lite")
    log = Witnesses(policy, LIMIT_S)
    for size in (1, 256, 256, 257, 600):
        note = TREE.note(size)
        answer = await log.cosign(note, prover(TREE))
        assert (answer.names, answer.missing) == ({"lite"}, {})
        assert policy.open(bytes(note.with_signatures(*answer.signatures))).witnesses.keys() == {"lite"}
    fresh = Witnesses(policy, LIMIT_S)
    assert (await fresh.cosign(TREE.note(600), prover(TREE))).names == {"lite"}
    forked = await fresh.cosign(FORK.note(600), prover(FORK))
    assert "422" in forked.missing["lite"]
    with pytest.raises(Unverified, match="VER-12"):
        await Witnesses(policy, LIMIT_S).cosign(TREE.note(599), prover(TREE))
