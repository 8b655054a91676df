"""Each fuzzer of this folder, for a moment; a longer run is started by hand (fuzzing.py)."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for this Python and platform")

ROOT = Path(__file__).parents[2]
RUNS = 20_000
LONGEST_S = 10


@pytest.mark.slow
@pytest.mark.parametrize("entry", sorted(Path(__file__).parent.glob("fuzz_*.py")), ids=lambda path: path.stem)
def test_a_parser_survives_whatever_it_is_given(entry: Path, tmp_path: Path) -> None:
    seed = random.randrange(1, 2**31)
    arguments = [f"-seed={seed}", f"-runs={RUNS}", f"-max_total_time={LONGEST_S}", f"-artifact_prefix={tmp_path}/"]
    line = [sys.executable, "-m", f"tests.fuzz.{entry.stem}", *arguments]
    # libFuzzer ends the process at once: what it lays down goes where pytest clears up.
    beside = os.environ | {"TMPDIR": str(tmp_path)}
    done = subprocess.run(line, cwd=ROOT, env=beside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"seed {seed}\n{done.stderr[-4000:]}"
    assert "Done" in done.stderr, done.stderr[-4000:]
