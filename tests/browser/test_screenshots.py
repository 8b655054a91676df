"""Pictures of every page for the documentation, written when REGARD_SCREENSHOTS names a folder: `docs/screenshots`."""

import base64
import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, ROOT, Enter, add_file
from tests.browser.pages import PAGES, RECEIPT, SIGN_IN, by_person
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


def show(visit: Enter, places: dict[str, str], suffix: str = "", only: tuple[str, ...] = (), **options: object) -> None:
    """Goes to the pages as those whom they are for and keeps each."""
    visits = {who: visit(**options) for who in by_person(PAGES)}
    leo = visits["leo"]
    page = leo.page
    leo.open(SIGN_IN.route)
    expect(page.locator(SIGN_IN.sign).first).to_be_visible()
    if not only:
        keep(page, SIGN_IN.name)
    for who, rows in by_person(PAGES).items():
        visits[who].enter(who)
        # The ledger first, before Léo's own visits fill it.
        for row in sorted(rows, key=lambda row: row.name != "who-looked"):
            if not only or row.name in only:
                visits[who].open(row.at(places))
                expect(visits[who].page.locator(row.sign).first).to_be_visible()
                # Names come after the sentences that they belong to.
                expect(visits[who].page.locator("strong", has_text=re.compile("^…"))).to_have_count(0)
                keep(visits[who].page, row.name + suffix)
    if not only:
        leo.open(f"/groups/{places['$groupId']}/looked")
        page.locator(".look a").first.click()
        expect(page.locator(RECEIPT.sign).first).to_contain_text("✓")
        keep(page, RECEIPT.name)


@wanted
def test_pictures_are_written(visit: Enter, line2: str, places: dict[str, str], company: Company) -> None:
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
    show(visit, places, viewport=desk)
    show(visit, places, "-dark", ("who-looked",), viewport=desk, color_scheme="dark")
    show(visit, places, "-phone", ("chat",), viewport={"width": 360, "height": 740}, device_scale_factor=2)


def test_every_page_has_a_picture_that_is_shown() -> None:
    """A page that is new and has none: run this file with REGARD_SCREENSHOTS=docs/screenshots."""
    shown = (ROOT / "docs" / "web.md").read_text()
    for row in (SIGN_IN, RECEIPT, *PAGES):
        assert (ROOT / "docs" / "screenshots" / f"{row.name}.webp").is_file()
        assert f"screenshots/{row.name}.webp" in shown
