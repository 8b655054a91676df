"""Witnesses beside those that others wrote: our client asks litewitness and omniwitness, our witness serves tessera."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from regard_client.verify.hashing import EMPTY_ROOT
from regard_client.verify.keys import SigningKey, Type, parse_vkey
from regard_client.verify.policy import Party, Policy
from regard_client.verify.reasons import Unverified
from regard_client.verify.tree import Proof, consistency_proof
from regard_client.witness import Witnesses, open_witness
from tests import judged
from tests.contract.test_witness import command
from tests.product import LIMIT_S, free_port
from tests.unit.verify.logs import Log
from tests.unit.verify.receipts import LOG, ORIGIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TREE, FORK = Log.of(600), Log.of(600, fork_at=100)


@contextmanager
def litewitness(folder: Path) -> Iterator[Party]:
    """litewitness, knowing our log: its key and where it listens."""
    program = judged.built("litewitness")
    if not shutil.which("ssh-agent"):
        pytest.skip("litewitness keeps its key in ssh-agent, which is not here")
    port, agent, key, state = free_port(), folder / "a", folder / "key", folder / "w.db"
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


@contextmanager
def omniwitness(folder: Path) -> Iterator[Party]:
    """omniwitness, knowing our log; its flags keep it from asking or telling anybody else."""
    program = judged.built("omniwitness")
    port, key = free_port(), SigningKey.generate("omni.example/w", Type.COSIGNATURE_ED25519)
    secret, logs = folder / "key", folder / "logs.yaml"
    secret.write_text(key.secret())
    logs.write_text(f"Logs:\n- {{Origin: {ORIGIN}, URL: , PublicKey: {LOG.verifier}, Feeder: none}}\n")
    line = [program, "--private_key_path", secret, "--db_file", folder / "w.db", "--additional_logs", logs]
    line += ["--listen", f"127.0.0.1:{port}", "--metrics_listen", "", "--logtostderr=false", "--log_dir", folder]
    with ExitStack() as stack:
        process = _start(stack, *line)
        _until(lambda: _listens(port) or process.poll() is not None)
        assert process.poll() is None
        yield Party(key.verifier, f"http://127.0.0.1:{port}")


@pytest.fixture(params=[litewitness, omniwitness], ids=lambda witness: witness.__name__)
def witness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Party]:
    with request.param(tmp_path) as party:
        yield party


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


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def prover(tree: Log) -> Callable[[int, int], Awaitable[Proof]]:
    async def prove(old: int, new: int) -> Proof:
        return consistency_proof(old, new, tree.nodes)

    return prove


async def test_a_witness_of_others_cosigns_what_grows_and_nothing_else(witness: Party) -> None:
    policy = Policy((Party(LOG.verifier),), {"other": witness}, {}, "other")
    log = Witnesses(policy, LIMIT_S)
    for size in (1, 256, 256, 257, 600):
        note = TREE.note(size)
        answer = await log.cosign(note, prover(TREE))
        assert (answer.names, answer.missing) == ({"other"}, {})
        assert policy.open(bytes(note.with_signatures(*answer.signatures))).witnesses.keys() == {"other"}
    fresh = Witnesses(policy, LIMIT_S)
    assert (await fresh.cosign(TREE.note(600), prover(TREE))).names == {"other"}
    forked = await fresh.cosign(FORK.note(600), prover(FORK))
    assert "422" in forked.missing["other"]
    with pytest.raises(Unverified, match="VER-12"):
        await Witnesses(policy, LIMIT_S).cosign(TREE.note(599), prover(TREE))


def grown(folder: Path, key: Path, policy: Path, entries: int) -> str:
    """What tessera says after it added entries to its log: the size that it published, or why it did not."""
    line = [judged.built("tessera"), folder, key, policy, entries]
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False, timeout=LIMIT_S)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


def test_a_log_of_others_publishes_with_our_witness_and_not_once_it_was_set_back(tmp_path: Path) -> None:
    judged.built("tessera")
    log, key, policy, trusted = (tmp_path / name for name in ("log", "key", "policy", "trusted"))
    key.write_text(LOG.secret())
    trusted.write_bytes(bytes(Policy((Party(LOG.verifier),))))
    with command(tmp_path / "w", trusted) as (keys, url):
        party = Policy((Party(LOG.verifier),), {"ours": Party(keys[0], url)}, {}, "ours")
        policy.write_bytes(bytes(party))
        assert grown(log, key, policy, 300) == "300"
        shutil.copytree(log, tmp_path / "old")
        assert grown(log, key, policy, 200) == "500"
        vouched = party.open((log / "checkpoint").read_bytes())
        assert (vouched.checkpoint.size, vouched.witnesses.keys()) == (500, {"ours"})
        assert "context deadline exceeded" in grown(tmp_path / "old", key, policy, 300)
        assert party.open((tmp_path / "old" / "checkpoint").read_bytes()).checkpoint.size == 300
        assert open_witness(tmp_path / "w", "w.example", (LOG.verifier,)).evidence()
