"""Pictures of every page for the documentation, written when REGARD_SCREENSHOTS names a folder: `docs/screenshots`."""

import base64
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, ROOT, Enter, add_file
from tests.browser.pages import PAGES, RECEIPT, SIGN_IN
from tests.system.conftest import Company

FOLDER = os.environ.get("REGARD_SCREENSHOTS", "")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
wanted = pytest.mark.skipif(not FOLDER, reason="REGARD_SCREENSHOTS names no folder to write pictures into")
expect.set_options(timeout=PATIENCE_MS)

PLAN = "semaine;poste;personnes\n48;Ligne 2;6\n49;Ligne 2;5\n50;Ligne 2;7\n"
QUALITY = 80
"""Of WebP: a page takes about 40 kB, and its letters stay sharp."""


def keep(page: Page, name: str) -> None:
    """Writes what is in the window."""
    page.evaluate("document.fonts.ready.then(() => undefined)")
    page.mouse.move(0, 0)
    asked = {"format": "webp", "quality": QUALITY}
    picture = page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)
    (Path(FOLDER) / f"{name}.webp").write_bytes(base64.b64decode(picture["data"]))


def show(visit: Enter, group: str, suffix: str = "", only: tuple[str, ...] = (), **options: object) -> None:
    """Goes to the pages as Léo and keeps each."""
    leo = visit(**options)
    page = leo.page
    # The ledger first, before Léo's own visits fill it.
    for row in (SIGN_IN, *sorted(PAGES, key=lambda row: row.name != "who-looked")):
        leo.open(row.route.replace("$groupId", group))
        expect(page.locator(row.sign).first).to_be_visible()
        if not only or row.name in only:
            keep(page, row.name + suffix)
        if row is SIGN_IN:
            leo.enter("leo")
    if not only:
        leo.open(f"/groups/{group}/looked")
        page.locator(".look a").first.click()
        expect(page.locator(RECEIPT.sign).first).to_contain_text("✓")
        keep(page, RECEIPT.name)


@wanted
def test_pictures_are_written(visit: Enter, line2: str, company: Company) -> None:
    Path(FOLDER).mkdir(parents=True, exist_ok=True)
    with company.client("awa") as awa:
        asked = {"groupIds": [line2], "purpose": "PURPOSE_INTERNAL_AUDIT", "purposeReference": "2026-15"}
        assert awa.post("/v1/audit/accesses:search", json=asked).status_code == 200
    with company.client("camille") as client:
        for name, text in (("Plan de charge.csv", PLAN), ("Consignes de sécurité.txt", "Lunettes et gants, partout.")):
            add_file(client, line2, name, "text/plain", text.encode())
    camille = visit("camille")
    camille.open(f"/groups/{line2}/chat")
    expect(camille.page.locator(".said").first).to_be_visible()
    desk = {"width": 1120, "height": 900}
    show(visit, line2, viewport=desk)
    show(visit, line2, "-dark", ("who-looked",), viewport=desk, color_scheme="dark")
    show(visit, line2, "-phone", ("chat",), viewport={"width": 360, "height": 740}, device_scale_factor=2)


def test_every_page_has_a_picture_that_is_shown() -> None:
    """A page that is new and has none: run this file with REGARD_SCREENSHOTS=docs/screenshots."""
    shown = (ROOT / "docs" / "web.md").read_text()
    for row in (SIGN_IN, RECEIPT, *PAGES):
        assert (ROOT / "docs" / "screenshots" / f"{row.name}.webp").is_file()
        assert f"screenshots/{row.name}.webp" in shown
