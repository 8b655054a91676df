"""What the web client's own tools say of it: types, unit tests, the size of its first load."""

import subprocess
import sys

import pytest

from services.page.service import WEB_CLIENT
from tests.browser.conftest import ROOT


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (WEB_CLIENT / "index.html").is_file(), reason="the web client is not built: see `make web`")
def test_types_unit_tests_and_size_are_good() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "web.py"), "npm", "run", "--silent", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
