"""What the browser tests share: the system's Chromium, the demonstration company, and visits that must stay clean."""

import base64
import hashlib
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from services.page.service import WEB_CLIENT
from tests.chromium import how_to_launch
from tests.system.conftest import Company, company

__all__ = ["company"]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE_MS = 60_000
"""Two cores may be busy with other tests."""

Enter = Callable[..., "Visit"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's browser, without a window; ended with the module, since Playwright keeps an event loop running."""
    try:
        launched = how_to_launch()
    except LookupError as reason:
        pytest.skip(str(reason))
    if not (WEB_CLIENT / "index.html").is_file():
        pytest.skip("the web client is not built: see what `make web` says")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launched)
        yield browser
        browser.close()


class Visit:
    """A person at the web client. What goes wrong on the way is written down: errors, refused scripts, other hosts."""

    def __init__(self, page: Page, company: Company) -> None:
        self.page = page
        self.company = company
        self.problems = list[str]()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        page.on("request", self._asked)

    def enter(self, key: str) -> None:
        """Signs in as a person of the demonstration company."""
        self.page.goto(f"{self.company.url}/app/")
        self.page.get_by_role("button", name=self.company.name(key)).click()
        self.page.locator("nav.groups a").nth(1).wait_for()

    def open(self, path: str) -> None:
        """Goes to a page of the client by its address."""
        self.page.goto(f"{self.company.url}/app{path}")
        self.page.locator("h1").first.wait_for()

    def barriers(self) -> list[str]:
        """What keeps people out of the page as it is now, as axe sees it."""
        self.page.evaluate(AXE.read_text())
        found: dict[str, Any] = self.page.evaluate("tags => axe.run(document, { runOnly: tags })", STANDARDS)
        return [f"{one['id']}: {node['html']}" for one in found["violations"] for node in one["nodes"]]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "blocked by Playwright" not in message.text:
            self.problems.append(f"{message.type}: {message.text} {message.location['url']}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.company.url}/", "blob:")):
            self.problems.append(f"asked somewhere else: {request.url}")


@pytest.fixture
def visit(chromium: Browser, company: Company) -> Iterator[Enter]:
    """Begins a visit in a browser of its own; options are Playwright's. All of them must end without a problem."""
    visits = list[Visit]()

    def begin(key: str = "", **options: Any) -> Visit:
        # Without the service worker unless asked for: a visit that no test looks for twice need keep nothing.
        context = chromium.new_context(**{"locale": "fr-FR", "service_workers": "block", **options})
        visits.append(Visit(context.new_page(), company))
        if key:
            visits[-1].enter(key)
        return visits[-1]

    try:
        yield begin
        assert [problem for one in visits for problem in one.problems] == []
    finally:
        for one in visits:
            one.page.context.close()


@pytest.fixture(scope="session")
def line2(company: Company) -> str:
    """Id of the confidential group Ligne 2, whose ledger names who looked."""
    with company.client("leo") as client:
        groups = client.get("/v1/groups:mine").json()["groups"]
    return str(next(one["id"] for one in groups if one["name"] == "Ligne 2"))


@pytest.fixture(scope="session")
def places(company: Company, line2: str) -> dict[str, str]:
    """What stands in addresses of pages: the confidential group Ligne 2, and Camille, who moderates it."""
    with company.client("camille") as client:
        return {"$groupId": line2, "$personId": client.get("/v1/people/me").json()["person"]["id"]}


def add_file(client: httpx.Client, group_id: str, name: str, media_type: str, data: bytes) -> str:
    """A file of one part, by whoever `client` calls as; its id."""
    upload_id, group = str(uuid.uuid4()), f"/v1/groups/{group_id}"
    part = {"data": base64.b64encode(data).decode()}
    assert client.post(f"{group}/uploads/{upload_id}/parts/0", json=part).status_code == 200
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    described = {"uploadId": upload_id, "name": name, "mediaType": media_type, "size": len(data), "sha256": digest}
    answer = client.post(f"{group}/files", json=described)
    assert answer.status_code == 200
    return str(answer.json()["file"]["id"])
