"""What people say, in two browsers at once: live, after a lost connection, and as text whatever it is."""

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Enter
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)

HOSTILE = "<img src=x onerror=\"document.title='pris'\"><script>alert(1)</script> [l](javascript:alert(1)) {{ 7 * 7 }}"


def say(page: Page, text: str) -> None:
    page.get_by_label("Dire quelque chose").fill(text)
    page.get_by_role("button", name="Envoyer").click()
    expect(page.get_by_label("Dire quelque chose")).to_have_value("")


def listening(page: Page) -> None:
    expect(page.locator(".connection.live")).to_be_visible()
    expect(page.locator(".said").last).to_be_visible()


def test_what_one_says_the_other_reads_and_a_lost_connection_is_told_and_made_up_for(visit: Enter, line2: str) -> None:
    camille, leo = visit("camille"), visit("leo")
    for one in (camille, leo):
        one.open(f"/groups/{line2}/chat")
        listening(one.page)
    word = uuid.uuid4().hex
    say(camille.page, f"En direct : {word}")
    expect(leo.page.locator(".said").last).to_contain_text(f"En direct : {word}")
    leo.page.context.set_offline(True)
    expect(leo.page.locator(".connection.behind")).to_contain_text("La connexion est perdue")
    say(camille.page, f"Pendant la coupure : {word}")
    leo.page.context.set_offline(False)
    expect(leo.page.locator(".connection.live")).to_be_visible()
    expect(leo.page.locator(".said").last).to_contain_text(f"Pendant la coupure : {word}")
    expect(leo.page.locator(".said", has_text=f"En direct : {word}")).to_have_count(1)
    leo.problems.clear()  # the browser complains of the lost connection, as it should


def test_a_long_conversation_moves_only_when_its_reader_does(visit: Enter, company: Company) -> None:
    with company.client("camille") as camille, company.client("leo") as client:
        leo_id = client.get("/v1/people/me").json()["person"]["id"]
        room = camille.post("/v1/rooms:openDirect", json={"personIds": [leo_id]}).json()["room"]
        tall = [f"Ligne {number}" + "\nencore" * (number % 7) for number in range(120)]
        for body in tall:
            assert camille.post(f"/v1/rooms/{room['id']}/messages", json={"body": body}).status_code == 200

        page = (leo := visit("leo")).page
        leo.open(f"/groups/{room['groupId']}/chat")
        listening(page)
        expect(page.locator(".said", has_text="Ligne 119")).to_be_in_viewport()
        expect(page.get_by_role("log")).to_have_text("")
        camille.post(f"/v1/rooms/{room['id']}/messages", json={"body": "Ligne 120, suivie"})
        expect(page.locator(".said", has_text="Ligne 120, suivie")).to_be_in_viewport()
        expect(page.get_by_role("log")).to_have_text(f"{company.name('camille')} : Ligne 120, suivie")

        talk = page.locator(".talk")
        talk.focus()
        page.keyboard.press("Home")
        first = page.locator(".said", has_text="Ligne 70")
        expect(first).to_be_in_viewport()
        before = first.bounding_box()
        talk.get_by_role("button", name="Messages plus anciens").click()
        expect(page.locator(".said", has_text="Ligne 69")).to_be_attached()
        after = first.bounding_box()
        assert before and after and abs(before["y"] - after["y"]) < 60, "what is being read stays where it is"
        camille.post(f"/v1/rooms/{room['id']}/messages", json={"body": "Ligne 121, plus tard"})
        expect(page.get_by_role("log")).to_contain_text("Ligne 121, plus tard")
        expect(first).to_be_in_viewport()


def test_whatever_is_written_is_text(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}/chat")
    listening(page)
    say(page, HOSTILE)
    expect(page.locator(".said").last).to_contain_text(HOSTILE)
    leo.open(f"/groups/{line2}")
    page.get_by_label("Quelque chose à retenir").fill(HOSTILE)
    page.get_by_role("button", name="Publier").click()
    expect(page.locator(".post").first).to_contain_text(HOSTILE)
    expect(page.locator("main img, main script")).to_have_count(0)
    assert "pris" not in page.title()


def test_who_will_read_is_said_before_anything_is_written(visit: Enter, line2: str, company: Company) -> None:
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}/chat")
    with company.client("leo") as client:
        panel = client.get(f"/v1/groups/{line2}:whoCanSee").json()["entries"]
    readers = sum(1 for one in panel if one.get("readsContent") and one.get("personId"))
    expect(page.locator(".will-read")).to_contain_text(f"{readers} personnes pourront lire ceci")
    page.get_by_role("link", name="Qui, et pourquoi ?").click()
    expect(page.locator(".panel tbody tr")).to_have_count(len(panel))


def test_a_draft_outlives_the_page_and_ends_with_the_session(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}/chat")
    listening(page)
    page.get_by_label("Dire quelque chose").fill("À finir demain")
    page.reload()
    expect(page.get_by_label("Dire quelque chose")).to_have_value("À finir demain")
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("button", name="Camille")).to_be_visible()
    assert page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })").count("finir") == 0
    leo.open(f"/groups/{line2}/chat")
    expect(page.get_by_role("button", name="Camille")).to_be_visible()


def test_the_language_can_be_changed_anywhere_and_is_remembered(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}/rules")
    expect(page.get_by_role("heading", name="Qui peut voir ce groupe")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Who can see this group now, and why")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Who can see this group now, and why")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"
