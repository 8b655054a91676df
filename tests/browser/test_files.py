"""Files of a group: sent, looked at, downloaded and withdrawn by people; what is in them stays what it is."""

import base64
import hashlib
import random
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import PATIENCE_MS, Enter, Visit, add_file
from tests.browser.test_pages import reach
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)

SEED = 20261126
UPLOAD_PART = "**/regard.feed.v1.FeedService/UploadPart"
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)
HOSTILE = "<svg xmlns='http://www.w3.org/2000/svg' onload='taken = 1'><script>taken = 1</script></svg>"


def line(page: Page, name: str) -> Locator:
    return page.locator(".kept li", has_text=name)


def files_of(visit: Visit, group: str) -> Page:
    visit.open(f"/groups/{group}/files")
    expect(visit.page.locator(".will-read")).to_contain_text("pourront lire ceci")
    expect(visit.page.get_by_role("status").first).to_be_attached()
    return visit.page


def choose(page: Page, *paths: Path) -> None:
    """By keyboard: the browser's own window follows."""
    with page.expect_file_chooser() as chooser:
        reach(page, "Choisir des fichiers…")
        page.keyboard.press("Enter")
    chooser.value.set_files(paths)


def test_what_one_sends_another_downloads_as_it_was_and_the_ledger_says_so(
    visit: Enter, company: Company, tmp_path: Path
) -> None:
    camille, leo = visit("camille"), visit("leo")
    with company.client("leo") as client, company.client("camille") as reader:
        camille_id = reader.get("/v1/people/me").json()["person"]["id"]
        name = f"Ligne {hashlib.sha256(str(tmp_path).encode()).hexdigest()[:8]}"
        rules = {"level": "LEVEL_CONFIDENTIAL", "readers": "READERS_SHOWN_EVERYONE_BY_NAME"}
        group = client.post("/v1/groups", json={"name": name, "rules": rules}).json()["group"]["id"]
        assert client.post(f"/v1/groups/{group}:invite", json={"personId": camille_id}).status_code == 200
        assert reader.post(f"/v1/groups/{group}:accept", json={}).status_code == 200
    page = files_of(leo, group)
    expect(page.get_by_text("Il n’y a pas encore de fichier dans ce groupe.")).to_be_visible()
    plan, notes = tmp_path / "plan.bin", tmp_path / "notes.txt"
    plan.write_bytes(random.Random(SEED).randbytes(3 * 512 * 1024 + 7))
    notes.write_text("Été : trois lignes.\n")
    choose(page, plan, notes)
    expect(page.get_by_text("2 fichiers ont été ajoutés")).to_be_visible()
    expect(line(page, "plan.bin")).to_contain_text("1,6 Mo")
    other = files_of(camille, group)
    with other.expect_download() as downloaded:
        other.get_by_role("button", name="Télécharger plan.bin").click()
    assert downloaded.value.suggested_filename == "plan.bin"
    assert Path(downloaded.value.path()).read_bytes() == plan.read_bytes()
    expect(other.get_by_role("button", name="Retirer")).to_have_count(0)
    leo.open(f"/groups/{group}/looked")
    downloads = page.locator(".look", has_text=company.name("camille")).filter(has_text="a téléchargé un fichier")
    expect(downloads).to_have_count(1)
    page = files_of(leo, group)
    page.get_by_role("button", name="Retirer plan.bin").click()
    page.get_by_role("button", name="Le retirer pour tout le monde").click()
    expect(page.locator(".kept li", has_text="(fichier retiré)")).to_be_visible()
    expect(page.get_by_text("plan.bin")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_only_pictures_and_text_are_shown_whatever_names_say(
    visit: Enter, company: Company, line2: str, scheme: str
) -> None:
    with company.client("camille") as camille:
        for name, kind, data in (
            (f"pixel-{scheme}.png", "image/png", PIXEL),
            (f"piège-{scheme}.png", "image/png", HOSTILE.encode()),
            (f"rien-{scheme}.txt", "text/plain", b"\x7fELF\x00\x01"),
            (f"abîmé-{scheme}.png", "image/png", PIXEL[:-30]),
            (f"page-{scheme}.html", "text/html", b"<script>taken = 1</script>"),
            (f"dessin-{scheme}.svg", "image/svg+xml", HOSTILE.encode()),
        ):
            add_file(camille, line2, name, kind, data)
    page = files_of(leo := visit("leo", color_scheme=scheme), line2)
    for name in ("pixel", "piège", "rien", "page"):
        page.get_by_role("button", name=f"Le voir {name}-{scheme}").click()
    expect(page.get_by_role("img", name=f"pixel-{scheme}.png")).to_be_visible()
    expect(page.get_by_role("region", name=f"piège-{scheme}.png")).to_have_text(HOSTILE)
    expect(page.get_by_role("region", name=f"page-{scheme}.html")).to_have_text("<script>taken = 1</script>")
    expect(line(page, f"rien-{scheme}")).to_contain_text("Ce n’est ni une image ni un texte")
    page.get_by_role("button", name=f"Le voir abîmé-{scheme}").click()
    expect(line(page, f"abîmé-{scheme}")).to_contain_text("Ce n’est ni une image ni un texte")
    expect(page.get_by_role("button", name=f"Le voir dessin-{scheme}")).to_have_count(0)
    expect(page.locator(".kept img, .kept iframe, .kept svg, .kept object")).to_have_count(0)
    assert page.evaluate("typeof taken") == "undefined"
    assert leo.barriers() == []
    page.get_by_role("button", name=f"Fermer pixel-{scheme}").click()
    expect(page.get_by_role("img", name=f"pixel-{scheme}.png")).to_have_count(0)


def test_a_part_that_does_not_arrive_is_sent_again_and_only_that(visit: Enter, line2: str, tmp_path: Path) -> None:
    page = files_of(leo := visit("leo"), line2)
    sent, refused = list[int](), list[int]()

    def deliver(route: Route) -> None:
        sent.append(len(route.request.post_data_buffer or b""))
        if len(sent) >= 3 and len(refused) < 5:
            refused.append(1)
            route.abort()
        else:
            route.continue_()

    page.route(UPLOAD_PART, deliver)
    data = random.Random(SEED).randbytes(4 * 512 * 1024)
    page.locator("input[type=file]").set_input_files({"name": "suite.bin", "mimeType": "", "buffer": data})
    expect(page.get_by_role("progressbar", name="Envoi de suite.bin")).to_be_visible()
    page.get_by_role("button", name="Réessayer suite.bin").click()
    expect(line(page, "suite.bin")).to_be_visible()
    assert len(sent) == 4 + len(refused) == 9
    leo.problems.clear()  # the browser complains of the lost parts, as it should


def test_a_file_is_dropped_a_large_one_is_told_and_one_is_cancelled(visit: Enter, line2: str, tmp_path: Path) -> None:
    page = files_of(visit("leo"), line2)
    dropped = page.evaluate_handle(
        "() => { const it = new DataTransfer(); it.items.add(new File(['x'], 'déposé.txt')); return it; }"
    )
    page.dispatch_event(".drop", "drop", {"dataTransfer": dropped})
    expect(line(page, "déposé.txt")).to_be_visible()
    large = tmp_path / "grand.bin"
    with large.open("wb") as file:
        file.truncate(64 * 1024 * 1024 + 1)
    page.locator("input[type=file]").set_input_files(large)
    expect(page.get_by_role("alert")).to_have_text("Ce fichier est trop gros : 64 Mio au plus.")
    page.get_by_role("button", name="Y renoncer grand.bin").click()
    page.route(UPLOAD_PART, lambda route: None)  # for ever under way
    page.locator("input[type=file]").set_input_files({"name": "long.txt", "mimeType": "", "buffer": b"x"})
    page.get_by_role("button", name="Annuler long.txt").click()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(line(page, "long.txt")).to_have_count(0)


@pytest.mark.parametrize(
    ("path", "field", "button", "text"),
    [
        ("", "Quelque chose à retenir", "Publier", ".post"),
        ("/chat", "Dire quelque chose", "Envoyer", ".said"),
    ],
)
def test_files_stand_with_what_is_written_until_they_are_withdrawn(
    visit: Enter, line2: str, path: str, field: str, button: str, text: str
) -> None:
    leo, camille = visit("leo"), visit("camille")
    page, other, word = leo.page, camille.page, secrets.token_hex(8)
    for one in (leo, camille):
        one.open(f"/groups/{line2}{path}")
        expect(one.page.locator(text).first).to_be_visible()
    for name in ("plan", "brouillon"):
        sent = {"name": f"{name}-{word}.txt", "mimeType": "text/plain", "buffer": name.encode()}
        page.locator("main input[type=file]").first.set_input_files(sent)
        expect(page.get_by_role("button", name=f"Retirer {name}-{word}.txt")).to_be_visible()
    page.get_by_role("button", name=f"Retirer brouillon-{word}.txt").click()
    expect(page.get_by_text(f"brouillon-{word}.txt")).to_have_count(0)
    page.get_by_label(field).fill(f"Avec un fichier : {word}")
    page.get_by_role("button", name=button).click()
    written = page.locator(text, has_text=word)
    expect(written.get_by_role("list", name="Fichiers joints")).to_contain_text(f"plan-{word}.txt")
    if not path:
        camille.open(f"/groups/{line2}")
    received = other.locator(text, has_text=word)
    received.get_by_role("button", name=f"Le voir plan-{word}.txt").click()
    expect(received.get_by_role("region", name=f"plan-{word}.txt")).to_have_text("plan")
    assert camille.barriers() == leo.barriers() == []
    files_of(leo, line2)
    line(page, f"plan-{word}.txt").get_by_role("button", name="Retirer").click()
    page.get_by_role("button", name="Le retirer pour tout le monde").click()
    expect(line(page, f"plan-{word}.txt")).to_have_count(0)
    leo.open(f"/groups/{line2}{path}")
    expect(page.locator(text, has_text=word)).to_contain_text("(fichier retiré)")
