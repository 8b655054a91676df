"""What people say, in two browsers at once: live, after a lost connection, and as text whatever it is."""

import re
import time
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Enter
from tests.browser.test_pages import reach
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
    expect(page.get_by_role("button", name=re.compile("^Camille"))).to_be_visible()
    assert page.evaluate("JSON.stringify({ ...sessionStorage, ...localStorage })").count("finir") == 0
    leo.open(f"/groups/{line2}/chat")
    expect(page.get_by_role("button", name=re.compile("^Camille"))).to_be_visible()


def test_the_language_can_be_changed_anywhere_and_is_remembered(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}/rules")
    expect(page.get_by_role("heading", name="Qui peut voir ce groupe")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", name="Who can see this group now, and why")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Who can see this group now, and why")).to_be_visible()
    assert page.locator("html").get_attribute("lang") == "en"


def test_people_answer_mention_react_to_change_and_withdraw_what_was_said(visit: Enter, company: Company) -> None:
    word = uuid.uuid4().hex[:8]
    with company.client("camille") as client, company.client("leo") as other:
        leo_id = other.get("/v1/people/me").json()["person"]["id"]
        room = client.post("/v1/rooms:openDirect", json={"personIds": [leo_id]}).json()["room"]
        client.post(f"/v1/rooms/{room['id']}/messages", json={"body": f"Question {word}"})
    camille, leo = visit("camille"), visit("leo")
    for one in (camille, leo):
        one.open(f"/groups/{room['groupId']}/chat")
        listening(one.page)
    hers, his = camille.page, leo.page

    question = his.locator(".said", has_text=f"Question {word}")
    question.get_by_role("button", name="Que faire du texte de").click()
    assert leo.barriers() == []
    question.get_by_role("button", name="Réagir par 👍").click()
    expect(hers.locator(".said", has_text=f"Question {word}").get_by_role("button", name="👍 1")).to_be_visible()
    expect(question.get_by_role("button", name="👍 1")).to_have_attribute("aria-pressed", "true")
    question.get_by_role("button", name="Répondre").click()
    field = his.get_by_label("Dire quelque chose")
    expect(field).to_be_focused()
    expect(his.locator(".composer .answered")).to_contain_text(f"Question {word}")
    his.keyboard.type(f"Réponse {word} @cam")
    his.get_by_role("button", name="Mentionner Camille").click()
    expect(field).to_have_value(f"Réponse {word} @{company.name('camille')} ")
    his.get_by_role("button", name="Envoyer").click()
    answer = hers.locator(".said", has_text=f"Réponse {word}")
    expect(answer).to_contain_text("vous mentionne")
    expect(answer.locator(".answered")).to_contain_text(f"Réponse à {company.name('camille')} : Question {word}")
    expect(his.locator(".composer .answered")).to_have_count(0)

    mine = his.locator(".said", has_text=f"Réponse {word}")
    mine.get_by_role("button", name="Que faire du texte de").click()
    mine.get_by_role("button", name="Modifier").click()
    his.get_by_label("Le texte, modifié").fill(f"Mieux {word}")
    assert leo.barriers() == []
    his.get_by_role("button", name="Garder la modification").click()
    expect(hers.locator(".said", has_text=f"Mieux {word}")).to_contain_text("modifié")
    expect(hers.get_by_text(f"Réponse {word}")).to_have_count(0)
    changed = his.locator(".said", has_text=f"Mieux {word}")
    changed.get_by_role("button", name="Que faire du texte de").click()
    changed.get_by_role("button", name="Retirer").click()
    expect(changed).to_contain_text("rien ne le fait revenir")
    changed.get_by_role("button", name="Oui").click()
    expect(hers.get_by_text("(retiré)")).to_be_visible()
    expect(hers.get_by_text(f"Mieux {word}")).to_have_count(0)
    theirs = hers.locator(".said", has_text=f"Question {word}")
    theirs.get_by_role("button", name="👍 1").click()
    expect(question.get_by_role("button", name="👍 2")).to_be_visible()
    question.get_by_role("button", name="👍 2").click()
    expect(theirs.get_by_role("button", name="👍 1")).to_have_attribute("aria-pressed", "true")


def test_posts_and_comments_are_changed_reacted_to_and_withdrawn_by_keyboard_alone(visit: Enter, line2: str) -> None:
    word = uuid.uuid4().hex[:8]
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{line2}")
    page.get_by_label("Quelque chose à retenir").fill(f"Note {word}")
    page.keyboard.press("Control+Enter")
    post = page.locator(".post", has_text=word)
    post.get_by_role("button", name="Que faire du texte de").focus()
    page.keyboard.press("Enter")
    reach(page, "🎉")
    page.keyboard.press("Enter")
    expect(post.get_by_role("button", name="🎉 1")).to_have_attribute("aria-pressed", "true")
    reach(page, "Modifier")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Le texte, modifié")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type(f"Meilleure note {word}")
    reach(page, "Garder la modification")
    page.keyboard.press("Enter")
    expect(post.get_by_text(f"Meilleure note {word} (modifié)")).to_be_visible()
    post.get_by_role("button", name="Commenter").click()
    post.get_by_role("textbox", name="Commenter").fill(f"Suite {word}")  # the list may not be there yet
    page.keyboard.press("Control+Enter")
    comment = post.locator(".comments li", has_text=f"Suite {word}")
    comment.get_by_role("button", name="Que faire du texte de").click()
    comment.get_by_role("button", name="Retirer").click()
    comment.get_by_role("button", name="Oui").click()
    expect(post.locator(".comments")).to_contain_text("(retiré)")
    post.get_by_role("button", name="Que faire du texte de").first.click()
    post.get_by_role("button", name="Retirer").first.click()
    post.get_by_role("button", name="Oui").click()
    expect(page.locator(".post").first).to_contain_text("(retiré)")
    assert leo.barriers() == []


def test_what_came_since_one_was_there_is_marked(visit: Enter, company: Company) -> None:
    word = uuid.uuid4().hex[:8]
    with company.client("camille") as client, company.client("ines") as other:
        ines_id = other.get("/v1/people/me").json()["person"]["id"]
        room = client.post("/v1/rooms:openDirect", json={"personIds": [ines_id]}).json()["room"]
        said = f"/v1/rooms/{room['id']}/messages"
        client.post(said, json={"body": f"Un {word}"})
        read = other.get(said).json()["messages"][0]["sequence"]
        assert other.post(f"/v1/rooms/{room['id']}:markRead", json={"sequence": read}).status_code == 200
        client.post(said, json={"body": f"Deux {word}"})
        client.post(said, json={"body": f"Trois {word}"})
        while True:  # the browser sees it once the view has it
            shown = other.get(f"/v1/rooms/{room['id']}").json()["room"]
            if (shown.get("readSequence"), int(shown["lastSequence"])) == (read, int(read) + 2):
                break
            time.sleep(0.05)
        page = (ines := visit("ines")).page
        ines.open(f"/groups/{room['groupId']}/chat")
        listening(page)
        marked = page.locator(".said", has=page.locator(".new"))
        expect(marked).to_have_count(1)
        expect(marked).to_contain_text(f"Deux {word}")
        client.post(said, json={"body": f"Quatre {word}"})
        expect(page.locator(".said").last).to_contain_text(f"Quatre {word}")
        expect(marked).to_have_count(1)
