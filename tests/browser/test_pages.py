"""Every page, in both languages and both themes: open to everybody, as far as a program can tell; and to keyboards."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Enter

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
FOCUSED = "document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText || ''"
expect.set_options(timeout=PATIENCE_MS)


@pytest.mark.parametrize(
    ("locale", "scheme"), [("fr-FR", "light"), ("fr-FR", "dark"), ("en-GB", "light"), ("en-GB", "dark")]
)
def test_no_page_has_a_barrier(visit: Enter, line2: str, locale: str, scheme: str) -> None:
    leo = visit(locale=locale, color_scheme=scheme)
    page = leo.page
    leo.open("/sign-in")
    expect(page.get_by_role("button", name="Léo Garnier")).to_be_visible()
    found = {"sign-in": leo.barriers()}
    leo.enter("leo")
    ready = {
        "/": ".post",
        f"/groups/{line2}": ".post",
        f"/groups/{line2}/chat": ".said",
        f"/groups/{line2}/rules": ".panel td",
        f"/groups/{line2}/looked": ".look",
        "/nowhere": "h1",
    }
    for path, sign in ready.items():
        leo.open(path)
        expect(page.locator(sign).first).to_be_visible()
        found[path] = leo.barriers()
    leo.open(f"/groups/{line2}/looked")
    page.locator(".look a").first.click()
    expect(page.locator(".steps")).to_contain_text("✓")
    page.locator("summary").first.click()
    found["receipt"] = leo.barriers()
    assert {path: barriers for path, barriers in found.items() if barriers} == {}


@pytest.mark.parametrize(
    "viewport", [{"width": 320, "height": 640}, {"width": 640, "height": 400}], ids=["phone", "200 %"]
)
def test_nothing_is_cut_off_on_a_phone_or_at_200_percent(visit: Enter, line2: str, viewport: dict[str, int]) -> None:
    leo = visit("leo", viewport=viewport)
    for path in ("/", f"/groups/{line2}", f"/groups/{line2}/chat", f"/groups/{line2}/rules", f"/groups/{line2}/looked"):
        leo.open(path)
        expect(leo.page.locator("main a, main button").first).to_be_visible()
        wide = leo.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{path} is {wide} px wider than the window"


def test_a_conversation_by_keyboard_alone(visit: Enter, line2: str) -> None:
    page = (leo := visit()).page
    leo.open("/sign-in")
    expect(page.get_by_role("button", name="Léo Garnier")).to_be_visible()

    def reach(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate(FOCUSED):
                return
        raise AssertionError(f"the keyboard does not lead to {name}")

    reach("Léo Garnier")
    page.keyboard.press("Enter")
    expect(page.locator("nav.groups").get_by_role("link", name="Ligne 2")).to_be_visible()
    reach("Ligne 2")
    page.keyboard.press("Enter")
    reach("Discussion")
    page.keyboard.press("Enter")
    reach("Dire quelque chose")
    page.keyboard.type("Au clavier, sans souris.")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".said").last).to_contain_text("Au clavier, sans souris.")
