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
_PACKAGES = {
    "fsck": ("tests/judges/fsck", "build", "-mod=readonly", "-o", f"{_BUILT}/", "."),
    "litewitness": (
        "tests/judges/litewitness",
        "build",
        "-mod=readonly",
        "-o",
        f"{_BUILT}/",
        "filippo.io/torchwood/cmd/litewitness",
    ),
    "minio": (".", "install", "github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c"),
}
"""By the program's name: the folder where Go is asked, and what."""


def built(name: str) -> Path:
    """The program; a test that asks for one that could not be built is skipped."""
    program = _BUILT / name
    if not program.exists():
        pytest.skip(f"{name} is not built: see what `scripts/setup real` says, as `make real` does")
    return program


def build() -> None:
    """Builds those that are not there yet with the Go of the virtual environment, and says which it could not.

    Servers of Go modules are not everywhere within reach; what is left does not depend on them.
    """
    environment = {**os.environ, "GOBIN": str(_BUILT), "GOFLAGS": "", "GOWORK": "off"}
    for name, (folder, *arguments) in _PACKAGES.items():
        if (_BUILT / name).exists():
            continue
        print(f"Building {name} for the tests (up to some minutes, once) ...", flush=True)
        done = subprocess.run(
            [str(Path(sys.executable).with_name("go")), *arguments], cwd=ROOT / folder, env=environment, check=False
        )
        if done.returncode:
            print(f"{name} could not be built: the tests that need it will be skipped.", file=sys.stderr, flush=True)


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
