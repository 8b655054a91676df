"""What the web client's own tools say of it: types, unit tests, the size of its first load."""

import json
import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from services.page.service import WEB_CLIENT
from tests.browser.conftest import ROOT, Enter


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(not (WEB_CLIENT / "index.html").is_file(), reason="the web client is not built: see `make web`")
def test_types_unit_tests_and_size_are_good() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "web.py"), "npm", "run", "--silent", "check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_size_that_is_limited_is_that_of_the_first_load(visit: Enter) -> None:
    page = (somebody := visit()).page
    asked = set[str]()
    page.on("request", lambda request: asked.add(request.url))
    somebody.open("/sign-in")
    expect(page.locator(".people button").first).to_be_visible()
    loaded = {url.rpartition("/app/")[2] for url in asked if "/app/assets/" in url}
    (limited,) = json.loads((ROOT / "clients" / "web" / "package.json").read_text())["size-limit"]
    counted = "|".join(re.search(r"\{(.*?)\}", limited["path"][1])[1].split(","))  # type: ignore[index]
    assert loaded
    assert {one for one in loaded if not re.fullmatch(rf"assets/({counted})-[\w-]+\.(js|css)", one)} == set()
