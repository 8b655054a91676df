"""Every page, in both languages and both themes: open to everybody, as far as a program can tell; and to keyboards."""

import re
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, ROOT, Enter, Visit
from tests.browser.pages import PAGES, RECEIPT, SIGN_IN, Row, by_person
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
FOCUSED = """(({ labels, innerText, localName }) =>
  (labels?.[0] ?? (["a", "button", "summary"].includes(localName) ? { innerText } : undefined))?.innerText ?? ""
)(document.activeElement)"""
expect.set_options(timeout=PATIENCE_MS)


def reach(page: Page, name: str) -> None:
    """Goes on with the Tab key until something of this name has the focus, and can be seen to have it."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if name in page.evaluate(FOCUSED):
            seen = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert seen != "none", f"nothing shows that {name} has the focus"
            return
    raise AssertionError(f"the keyboard does not lead to {name}")


def test_every_page_is_tried() -> None:
    router = (ROOT / "clients" / "web" / "src" / "app" / "router.tsx").read_text()
    below: dict[str, tuple[str, str]] = {}
    for name, parent, path in re.findall(
        r"const (\w+) = createRoute\(\{\s*getParentRoute: \(\) => (\w+),(?:\s*path: \"([^\"]*)\",)?", router
    ):
        below[name] = (parent, path)

    def address(name: str) -> str:
        parent, path = below.get(name, ("", ""))
        return address(parent).rstrip("/") + path if parent else ""

    pages = {address(name) or "/" for name, (_, path) in below.items() if path}
    tried = {row.route for row in (SIGN_IN, RECEIPT, *PAGES)}
    assert {page.rstrip("/") or "/" for page in pages} == tried


@pytest.mark.parametrize(
    ("locale", "scheme"), [("fr-FR", "light"), ("fr-FR", "dark"), ("en-GB", "light"), ("en-GB", "dark")]
)
def test_no_page_has_a_barrier(visit: Enter, places: dict[str, str], locale: str, scheme: str) -> None:
    found = dict[str, list[str]]()

    def look(someone: Visit, row: Row) -> None:
        someone.open(row.at(places))
        expect(someone.page.locator(row.sign).first).to_be_visible()
        assert someone.page.locator("html").get_attribute("lang") == locale[:2]
        found[row.route] = someone.barriers()

    visits = {who: visit(locale=locale, color_scheme=scheme) for who in by_person(PAGES)}
    leo = visits["leo"]
    look(leo, SIGN_IN)
    for who, rows in by_person(PAGES).items():
        visits[who].enter(who)
        for row in rows:
            look(visits[who], row)
    page = leo.page
    leo.open(f"/groups/{places['$groupId']}/looked")
    page.locator(".look a").first.click()
    expect(page.locator(RECEIPT.sign).first).to_contain_text("✓")
    page.locator("summary").first.click()
    found[RECEIPT.route] = leo.barriers()
    leo.open("/nowhere")
    found["/nowhere"] = leo.barriers()
    assert {route: barriers for route, barriers in found.items() if barriers} == {}


@pytest.mark.parametrize(
    "viewport", [{"width": 320, "height": 640}, {"width": 640, "height": 400}], ids=["phone", "200 %"]
)
def test_nothing_is_cut_off_on_a_phone_or_at_200_percent(
    visit: Enter, places: dict[str, str], viewport: dict[str, int]
) -> None:
    for who, rows in by_person(PAGES).items():
        someone = visit(who, viewport=viewport)
        for row in rows:
            someone.open(row.at(places))
            expect(someone.page.locator(row.sign).first).to_be_visible()
            wide = someone.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide == 0, f"{row.route} is {wide} px wider than the window"


def test_a_conversation_by_keyboard_alone(visit: Enter, line2: str) -> None:
    page = (leo := visit()).page
    leo.open("/sign-in")
    expect(page.get_by_role("button", name="Léo Garnier")).to_be_visible()
    reach(page, "Léo Garnier")
    page.keyboard.press("Enter")
    expect(page.locator("nav.groups").get_by_role("link", name="Ligne 2")).to_be_visible()
    reach(page, "Ligne 2")
    page.keyboard.press("Enter")
    reach(page, "Discussion")
    page.keyboard.press("Enter")
    reach(page, "Dire quelque chose")
    page.keyboard.type("Au clavier, sans souris.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".said").last).to_contain_text("Au clavier, sans souris.")


def test_signing_in_writing_a_post_and_opening_a_receipt_by_keyboard_alone(visit: Enter, company: Company) -> None:
    page = (leo := visit()).page
    leo.open("/")
    expect(page.get_by_label("Mot de passe")).to_be_visible()
    reach(page, "Adresse")
    page.keyboard.type(company.email("leo"))
    page.keyboard.press("Tab")
    page.keyboard.type(company.password)
    page.keyboard.press("Enter")
    expect(page.get_by_label("Écrire dans")).to_be_visible()
    reach(page, "Écrire dans")
    page.keyboard.type("Ligne 2")
    expect(page.locator(".will-read")).to_contain_text("pourront lire ceci")
    reach(page, "Quelque chose à retenir")
    word = uuid.uuid4().hex
    page.keyboard.type(f"Écrit au clavier : {word}")
    reach(page, "Publier")
    page.keyboard.press("Enter")
    expect(page.locator(".post").first).to_contain_text(word)
    reach(page, "Ligne 2")
    page.keyboard.press("Enter")
    expect(page.locator("nav.tabs")).to_be_visible()
    reach(page, "Qui a regardé")
    page.keyboard.press("Enter")
    expect(page.locator(".look").first).to_be_visible()
    reach(page, "Reçu")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")
