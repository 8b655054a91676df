"""The README's story works line by line, on a product that has just been started with the demonstration company."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.product import LIMIT_S, Product

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PARTLY = 4
"""Exit status of an import that refused lines, as those of the examples do on purpose."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("story"), pytest.mark.timeout(300)]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    started = Product(tmp_path, "all", "demo")
    yield started
    started.close()


def test_each_line_of_the_story_works(product: Product) -> None:
    url = product.ready()
    company = product.data / "demonstration.json"
    product.until(lambda: company.exists() and '"complete": true' in company.read_text())
    story = re.search(r"<!-- story:begin.*?-->(.*)<!-- story:end -->", README, re.DOTALL)
    assert story
    blocks = re.findall(r"```(sh|python)\n(.*?)```", story[1], re.DOTALL)
    assert len(blocks) >= 6
    # One shell for all blocks, as a reader has one; where the README has .venv, the tests have their own Python.
    lines = ["set -euo pipefail"]
    for language, block in blocks:
        block = block.replace("http://localhost:8080", url)
        if language == "python":
            block = f"python - <<'END'\n{block}\nEND\n"
        lines += [re.sub(r"(?m)^(regard .* import .*)$", rf"\1 || test $? = {PARTLY}", block)]
    done = _shell(product, "\n".join(lines))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Le capteur tient : trois jours sans arrêt." in done.stdout
    assert "GWY-01" in done.stdout
    assert "as the events say" in done.stdout
    assert product.stop() == 0


def _shell(product: Product, script: str) -> "subprocess.CompletedProcess[str]":
    binaries = str(Path(sys.executable).parent)
    script = script.replace('"$PWD/.venv/bin:$PATH"', f'"{binaries}:$PATH"').replace(
        ".venv/bin/regard", f"{binaries}/regard"
    )
    environment = product.environment | {"XDG_CONFIG_HOME": str(product.folder / "config")}
    environment["PATH"] = f"{binaries}:{environment['PATH']}"
    return subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=LIMIT_S, check=False
    )
