"""The client on a device: it opens without a network and says so, keeps its own files only, and is replaced."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from services.page.service import WEB_CLIENT
from tests.browser.conftest import PATIENCE_MS, Enter
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def versions(chromium: Browser, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """The client's files on a server without Regard, and their folder, in which they can be changed."""
    folder = tmp_path / "app"
    shutil.copytree(WEB_CLIENT, folder)

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/app/", folder
        server.shutdown()


def installed(page: Page) -> None:
    """Waits until the worker has kept what it keeps."""
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")


def kept(page: Page) -> list[str]:
    """Paths of everything in the caches."""
    return [
        str(path)
        for path in page.evaluate(
            """async () => {
              const opened = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
              const kept = await Promise.all(opened.map((cache) => cache.keys()));
              return kept.flat().map((request) => new URL(request.url).pathname + new URL(request.url).search);
            }"""
        )
    ]


def test_it_keeps_its_own_files_whatever_was_looked_at(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo", service_workers="allow")).page
    installed(page)
    for path in ("/", f"/groups/{line2}", f"/groups/{line2}/chat", f"/groups/{line2}/looked", "/sign-in?from=%2F"):
        leo.open(path)
    files = {f"/app/{file.relative_to(WEB_CLIENT)}" for file in WEB_CLIENT.rglob("*") if file.is_file()}
    made_by_the_build = {"/app/index.html", "/app/sw.js", "/app/made-from"}
    assert set(kept(page)) == files - made_by_the_build | {"/app/"}


def test_without_a_network_it_opens_and_says_why_there_is_nothing(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo", service_workers="allow")).page
    installed(page)
    leo.open(f"/groups/{line2}/chat")
    page.get_by_label("Dire quelque chose").fill("À finir hors ligne")
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_role("heading", name="Vous êtes hors ligne")).to_be_visible()
    assert leo.barriers() == []
    page.context.set_offline(False)
    expect(page.get_by_label("Dire quelque chose")).to_have_value("À finir hors ligne")
    assert all("Refusal" in one or "ERR_INTERNET_DISCONNECTED" in one for one in leo.problems), leo.problems
    leo.problems.clear()


def test_a_new_version_waits_until_its_reader_wants_it(chromium: Browser, versions: tuple[str, Path]) -> None:
    address, folder = versions
    page = chromium.new_page(locale="en-GB")
    page.goto(address)
    installed(page)
    page.reload()
    before = page.evaluate("caches.keys()")
    assert len(before) == 1
    worker = folder / "sw.js"
    worker.write_text(worker.read_text().replace('"version":"', '"version":"next-', 1))
    page.evaluate("navigator.serviceWorker.ready.then((registration) => registration.update()).then(() => undefined)")
    expect(page.get_by_text("A new version of Regard is there.")).to_be_visible()
    assert set(before) < set(page.evaluate("caches.keys()")), "the old one is still whole"
    with page.expect_navigation():
        page.get_by_role("button", name="Load it now").click()
    page.locator("h1").first.wait_for()
    assert page.evaluate("caches.keys()") == [before[0].replace("shell-", "shell-next-")]
    expect(page.get_by_text("A new version of Regard is there.")).to_have_count(0)
    page.context.close()


def test_a_device_can_install_it(company: Company, visit: Enter) -> None:
    page = (leo := visit(service_workers="allow")).page
    leo.open("/sign-in")
    asked = page.context.new_cdp_session(page)
    told = asked.send("Page.getAppManifest")
    assert told["errors"] == []
    assert json.loads(told["data"])["scope"] == "/app/"
    assert asked.send("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )
