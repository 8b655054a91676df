"""Builds and asks the judges in tests/judges."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_BUILT = ROOT / "build" / "judges"
_LIMIT_S = 600.0


def go() -> str:
    """The Go compiler of the virtual environment."""
    compiler = Path(sys.executable).with_name("go")
    assert compiler.exists(), "this needs Go: run scripts/setup real, as `make real` does"
    return str(compiler)


def fsck() -> Path:
    """tessera's checker, built if it was not; AssertionError with what the compiler says."""
    return _built("fsck", ".")


def litewitness() -> Path:
    """torchwood's witness, built if it was not; AssertionError with what the compiler says."""
    return _built("litewitness", "filippo.io/torchwood/cmd/litewitness")


def _built(name: str, package: str) -> Path:
    _BUILT.mkdir(parents=True, exist_ok=True)
    program = _BUILT / name
    with open(_BUILT / "lock", "w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = subprocess.run(
            [go(), "build", "-mod=readonly", "-o", str(program), package],
            cwd=ROOT / "tests/judges" / name,
            env={**os.environ, "GOFLAGS": "", "GOWORK": "off"},
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    assert built.returncode == 0, built.stderr
    return program


def accepted(program: Path, folder: Path, vkey: str, origin: str) -> tuple[int | None, str]:
    """The size of the log in the folder if the judge accepts it, else None; and what it says."""
    said = subprocess.run(
        [str(program), str(folder), vkey, origin], capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if said.returncode != 0:
        return None, said.stderr
    return int(said.stdout.removeprefix("ok ")), said.stderr
