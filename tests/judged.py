"""Programs of others that check what Regard wrote, built from Go modules; `python -m tests.judged` builds them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
_BUILT = ROOT / "build" / "judges"
_LIMIT_S = 600.0
_MINIO = "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"
_BUILD = ("build", "-mod=readonly", "-o", f"{_BUILT}/")
_PROGRAMS = {
    "fsck": ("tests/judges/fsck", (), (*_BUILD, ".")),
    "litewitness": ("tests/judges/litewitness", (), (*_BUILD, "filippo.io/torchwood/cmd/litewitness")),
    "omniwitness": (
        "tests/judges/omniwitness",
        (),
        (*_BUILD, "github.com/transparency-dev/witness/cmd/omniwitness"),
    ),
    "tessera": ("tests/judges/tessera", (), (*_BUILD, ".")),
    "minio": (".", (_MINIO,), ("install", _MINIO)),
}
"""By name: the folder where Go is asked, what it downloads (nothing: what go.mod there says), and how it builds."""


def built(name: str) -> Path:
    """The program; a test that asks for one whose modules were out of reach is skipped."""
    if program := found(name):
        return program
    pytest.skip(f"{name} is not built: see what `scripts/setup real` says, as `make real` does")


def found(name: str) -> Path | None:
    """The program, if it is built."""
    program = _BUILT / name
    return program if program.exists() else None


def build() -> None:
    """Builds all with the Go of the virtual environment, whose cache knows what is built already.

    Says whose modules cannot be downloaded, since their servers are not within everybody's reach. Raises
    CalledProcessError for a program that does not compile.
    """
    environment = {**os.environ, "GOBIN": str(_BUILT), "GOFLAGS": "", "GOWORK": "off"}
    go = str(Path(sys.executable).with_name("go"))
    for name, (folder, modules, how) in _PROGRAMS.items():
        print(f"Building {name} for the tests (up to some minutes the first time) ...", flush=True)
        download = [go, "mod", "download", *modules]
        if subprocess.run(download, cwd=ROOT / folder, env=environment, check=False).returncode:
            print(f"{name} cannot be downloaded: the tests that need it will be skipped.", file=sys.stderr, flush=True)
        else:
            subprocess.run([go, *how], cwd=ROOT / folder, env=environment, check=True)


def accepted(program: Path, folder: Path, vkey: str, origin: str) -> tuple[int | None, str]:
    """The size of the log in the folder if the judge accepts it, else None; and what it says."""
    said = subprocess.run(
        [str(program), str(folder), vkey, origin], capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    if said.returncode != 0:
        return None, said.stderr
    return int(said.stdout.removeprefix("ok ")), said.stderr


if __name__ == "__main__":
    build()
