"""People in a browser: finding them, letting them in and out of a group, what is held about oneself, and accounts."""

import json
import re
import uuid

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PATIENCE_MS, Enter
from tests.browser.test_pages import reach
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)


def search(page: Page, words: str) -> None:
    page.get_by_label("Chercher par nom, fonction ou site").fill(words)


def test_a_colleague_is_found_by_keyboard_alone_and_written_to(visit: Enter) -> None:
    page = (leo := visit("leo")).page
    leo.open("/")
    reach(page, "Personnes")
    page.keyboard.press("Enter")
    expect(page.locator(".directory a").nth(10)).to_be_visible()
    reach(page, "Chercher par nom, fonction ou site")
    page.keyboard.type("awa audit")
    expect(page.locator(".directory li")).to_have_count(1)
    reach(page, "Awa Diallo")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Awa Diallo")).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("Auditrice interne")
    reach(page, "Écrire un message direct")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Conversation directe")).to_be_visible()
    expect(page.get_by_label("Dire quelque chose")).to_be_visible()
    leo.open("/people")
    search(page, "personne de ce nom")
    expect(page.get_by_text("Personne ne porte ce nom")).to_be_visible()


def test_a_group_is_founded_someone_invited_made_a_moderator_and_removed(visit: Enter) -> None:
    name = f"Essais {uuid.uuid4().hex[:8]}"
    page = (leo := visit("leo")).page
    leo.open("/groups")
    page.get_by_label("Son nom").fill(name)
    page.get_by_label("À quoi il sert").fill("Trier les essais de la semaine")
    page.get_by_role("button", name="Le fonder").click()
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.locator("h1 .level")).to_contain_text("confidentiel")
    expect(page.locator(".directory > li")).to_have_count(1)
    search(page, "camille")
    page.get_by_role("button", name="Inviter Camille Roussel").click()
    expect(page.get_by_text("Camille Roussel trouvera l’invitation")).to_be_visible()
    assert leo.barriers() == []

    hers = (camille := visit("camille")).page
    camille.open("/groups")
    hers.get_by_role("button", name=f"Rejoindre {name}").click()
    expect(hers.locator("nav.groups").get_by_role("link", name=name)).to_be_visible()
    expect(hers.get_by_role("heading", name="Vous avez une invitation")).to_have_count(0)

    page.reload()
    expect(page.locator(".directory > li")).to_have_count(2)
    page.get_by_role("button", name="Nommer à la modération Camille Roussel").click()
    expect(page.get_by_role("button", name="Rendre simple membre Camille Roussel")).to_be_visible()
    page.get_by_role("button", name="Retirer du groupe Camille Roussel").click()
    assert leo.barriers() == []
    page.get_by_role("button", name="Oui").click()
    expect(page.locator(".directory > li")).to_have_count(1)
    hers.reload()
    expect(hers.locator("nav.groups a").first).to_be_visible()
    expect(hers.locator("nav.groups").get_by_role("link", name=name)).to_have_count(0)

    # The last who moderates cannot go, and is told why.
    page.get_by_role("button", name="Quitter ce groupe").click()
    page.get_by_role("button", name="Oui").click()
    expect(page.get_by_role("alert")).to_contain_text("GRP-")
    page.get_by_role("button", name="Non").click()
    expect(page.get_by_role("button", name="Quitter ce groupe")).to_be_visible()
    leo.problems = [one for one in leo.problems if "Refusal" not in one]


def test_a_group_that_asks_is_joined_once_somebody_lets_one_in(visit: Enter, company: Company) -> None:
    name = f"Sur demande {uuid.uuid4().hex[:8]}"
    rules = {"level": "LEVEL_RESTRICTED", "join": "JOIN_POLICY_ON_REQUEST", "discoverable": True}
    with company.client("leo") as client:
        assert client.post("/v1/groups", json={"name": name, "rules": rules}).status_code == 200
    hers = (camille := visit("camille")).page
    camille.open("/groups")
    hers.get_by_role("button", name=f"Rejoindre {name}").click()
    expect(hers.get_by_text("Votre demande est faite")).to_be_visible()
    page = (leo := visit("leo")).page
    leo.open("/")
    page.locator("nav.groups").get_by_role("link", name=name).click()
    page.locator("nav.tabs").get_by_role("link", name="Personnes").click()
    page.get_by_role("button", name="Admettre Camille Roussel").click()
    expect(page.locator(".directory > li")).to_have_count(2)
    expect(page.get_by_role("heading", name="Demandent à rejoindre")).to_have_count(0)


def test_my_data_tells_who_looked_at_what_i_wrote_and_where_i_looked(
    visit: Enter, line2: str, company: Company
) -> None:
    with company.client("camille") as client:
        assert client.post(f"/v1/groups/{line2}/posts", json={"body": "À lire par Léo."}).status_code == 200
    leo = visit("leo")
    leo.open(f"/groups/{line2}")
    expect(leo.page.locator(".post").first).to_be_visible()
    page = (camille := visit("camille")).page
    camille.open("/me")
    about, by = page.locator("section[aria-labelledby=about-me]"), page.locator("section[aria-labelledby=by-me]")
    expect(about.locator(".look").first).to_contain_text("Léo Garnier")
    expect(by.locator(".look").first).to_contain_text("Camille Roussel")
    about.get_by_role("link", name="Reçu").first.click()
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")


def test_a_copy_of_what_is_held_about_oneself_is_one_file(visit: Enter, line2: str, company: Company) -> None:
    word = uuid.uuid4().hex
    with company.client("camille") as client, company.client("leo") as other:
        for who, text in ((client, f"à moi {word}"), (other, f"à lui {word}")):
            assert who.post(f"/v1/groups/{line2}/posts", json={"body": text}).status_code == 200
        room = client.get("/v1/rooms", params={"groupId": line2}).json()["rooms"][0]["id"]
        assert client.post(f"/v1/rooms/{room}/messages", json={"body": f"dit {word}"}).status_code == 200
    page = (camille := visit("camille")).page
    camille.open("/me")
    with page.expect_download() as download:
        page.get_by_role("button", name="Faire une copie").click()
    text = download.value.path().read_text()
    held = json.loads(text)
    assert held["me"]["profile"]["name"] == "Camille Roussel"
    assert [one for one in held["messages"] if one["body"] == f"dit {word}"]
    assert [one for one in held["posts_and_comments"] if one.get("post", {}).get("body") == f"à moi {word}"]
    assert f"à lui {word}" not in text
    assert held["sessions"] and held["where_i_looked"] is not None
    expect(page.get_by_text(re.compile("Une copie de .* est faite"))).to_be_visible()
    assert word not in json.dumps(page.evaluate("({ ...localStorage, ...sessionStorage })"))


def test_a_session_elsewhere_is_ended_from_here(visit: Enter, company: Company) -> None:
    page = (awa := visit("awa")).page
    with company.client("awa") as elsewhere:
        assert elsewhere.get("/v1/people/me").status_code == 200
        awa.open("/me")
        sessions = page.locator("section[aria-labelledby=sessions]")
        expect(sessions.locator("li").first).to_contain_text("ici")
        assert awa.barriers() == []
        before = sessions.locator("li").count()
        others = sessions.get_by_role("button", name=re.compile("^La fermer"))
        for _ in range(before - 1):
            count = sessions.locator("li").count()
            others.first.click()
            expect(sessions.locator("li")).to_have_count(count - 1)
        while elsewhere.get("/v1/people/me").status_code != 401:
            page.wait_for_timeout(50)
    page.reload()
    expect(sessions.locator("li")).to_have_count(1)


def test_an_administrator_adds_someone_gives_a_role_ends_and_gives_back_their_access(
    visit: Enter, company: Company
) -> None:
    word = uuid.uuid4().hex[:8]
    name, address, password = f"Zoé {word}", f"zoe.{word}@atelier.example", "une phrase assez longue"
    page = (nadia := visit("nadia")).page
    nadia.open("/administration")
    for label, text in (
        ("Prénom et nom", name),
        ("Adresse de l’entreprise", address),
        ("Fonction", "Essayeuse"),
        ("Premier mot de passe", password),
    ):
        page.get_by_label(label, exact=label == "Fonction").fill(text)
    page.get_by_role("button", name="Ajouter").click()
    expect(page.get_by_text(f"{name} a un compte.")).to_be_visible()
    search(page, word)
    row = page.locator(".accounts li", has_text=name)
    expect(row).to_have_count(1)
    row.get_by_label(f"Rôle pour {name}").select_option(label="audit")
    row.get_by_role("button", name="Donner ce rôle").click()
    expect(row.get_by_role("button", name="Retirer")).to_be_visible()
    row.get_by_role("button", name="Mettre fin à l’accès").click()
    expect(row.get_by_text("ses sessions sont closes partout")).to_be_visible()
    assert nadia.barriers() == []
    row.get_by_role("button", name="Oui").click()
    expect(row.get_by_role("status")).to_contain_text("n’a plus accès")
    row.get_by_role("button", name="Rendre l’accès").click()
    expect(row.get_by_role("button", name="Mettre fin à l’accès")).to_be_visible()

    page.get_by_label("Nom de l’annuaire").fill(f"Annuaire {word}")
    page.get_by_role("button", name="Créer un jeton").click()
    expect(page.get_by_text("Son jeton, montré cette seule fois")).to_be_visible()
    page.get_by_role("button", name=f"Révoquer son jeton Annuaire {word}").click()
    page.get_by_role("button", name="Oui").click()
    expect(page.locator("li", has_text=f"Annuaire {word}")).to_contain_text("son jeton ne compte plus")

    hers = (zoe := visit()).page
    zoe.open("/sign-in")
    hers.get_by_label("Adresse").fill(address)
    hers.get_by_label("Mot de passe").fill(password)
    hers.keyboard.press("Enter")
    expect(hers.locator("nav.groups")).to_contain_text("Vous n’appartenez encore à aucun groupe")
    zoe.open("/me")
    expect(hers.locator(".facts").first).to_contain_text("audit")
    zoe.open("/transparency")
    acts = hers.locator("section[aria-labelledby=acts]")
    expect(acts).to_contain_text(f"{name} a reçu le rôle « audit » · par Nadia")
    expect(acts).to_contain_text(f"« Annuaire {word} » n’a plus le droit de faire entrer des personnes")
    expect(acts).to_contain_text("l’accès de 1 personne a pris fin")
    expect(hers.locator("section[aria-labelledby=entries]")).to_contain_text("minuit UTC")
    assert zoe.barriers() == []
    zoe.open("/me")
    hers.get_by_text("Changer mon mot de passe").click()
    hers.get_by_label("L’actuel").fill(password)
    hers.get_by_label("Le nouveau").fill(f"{password} et nouvelle")
    hers.get_by_role("button", name="Le changer").click()
    expect(hers.get_by_text("Votre mot de passe est changé.")).to_be_visible()


def test_who_has_left_is_erased_by_whoever_protects_the_data_and_their_words_with_them(
    visit: Enter, company: Company
) -> None:
    word = uuid.uuid4().hex[:8]
    name, password = f"Odile {word}", "une phrase assez longue"
    with company.client("nadia") as nadia, company.client("leo") as leo:
        profile = {"name": name, "email": f"odile.{word}@atelier.example"}
        made = nadia.post("/v1/people:provision", json={"profile": profile, "password": password})
        person_id = made.json()["person"]["id"]
        rules = {"level": "LEVEL_CONFIDENTIAL"}
        group_id = leo.post("/v1/groups", json={"name": f"Départ {word}", "rules": rules}).json()["group"]["id"]
        assert leo.post(f"/v1/groups/{group_id}:invite", json={"personId": person_id}).status_code == 200
        signed_in = httpx.post(f"{company.url}/v1/auth:signIn", json={"email": profile["email"], "password": password})
        hers = {"authorization": f"Bearer {signed_in.json()['tokens']['accessToken']}"}
        with httpx.Client(base_url=company.url, headers=hers) as odile:
            assert odile.post(f"/v1/groups/{group_id}:accept", json={}).status_code == 200
            assert odile.post(f"/v1/groups/{group_id}/posts", json={"body": f"Mots {word}"}).status_code == 200
        assert nadia.post(f"/v1/people/{person_id}:deactivate", json={}).status_code == 200
    his = (reader := visit("leo")).page
    reader.open(f"/groups/{group_id}")
    expect(his.get_by_text(f"Mots {word}")).to_be_visible()
    reader.open("/people")
    search(his, word)
    expect(his.get_by_text("Personne ne porte ce nom")).to_be_visible()
    expect(his.locator("section[aria-labelledby=former]")).to_have_count(0)

    page = (ines := visit("ines")).page
    ines.open("/people")
    search(page, word)
    gone = page.locator("section[aria-labelledby=former]")
    expect(gone.locator("li")).to_have_count(1)
    gone.get_by_role("button", name=f"Effacer {name}").click()
    assert ines.barriers() == []
    gone.get_by_role("button", name="Oui").click()
    expect(gone).to_contain_text("Personne qui soit parti ne porte ce nom")
    reader.open(f"/groups/{group_id}")
    expect(his.get_by_text("(effacé)")).to_be_visible()
    expect(his.get_by_text(f"Mots {word}")).to_have_count(0)
    reader.open(f"/people/{person_id}")
    expect(his.get_by_role("heading", name="Une personne effacée")).to_be_visible()
    reader.open("/transparency")
    expect(his.locator("section[aria-labelledby=acts]")).to_contain_text("a été effacée · par Inès")


def test_rules_are_changed_with_the_consent_of_members_and_a_group_renamed_archived_and_deleted(
    visit: Enter, company: Company
) -> None:
    name = f"Atelier {uuid.uuid4().hex[:8]}"
    with company.client("leo") as client, company.client("camille") as other:
        made = client.post("/v1/groups", json={"name": name, "rules": {"level": "LEVEL_CONFIDENTIAL"}}).json()
        group_id, person = made["group"]["id"], other.get("/v1/people/me").json()["person"]["id"]
        assert client.post(f"/v1/groups/{group_id}:invite", json={"personId": person}).status_code == 200
        assert other.post(f"/v1/groups/{group_id}:accept", json={}).status_code == 200
    page = (leo := visit("leo")).page
    leo.open(f"/groups/{group_id}/rules")
    form = page.locator("section[aria-labelledby=change-rules]")
    form.get_by_label("Comment qui a regardé est montré").select_option(label="tout le monde par son nom")
    form.get_by_role("button", name="Proposer ces règles").click()
    expect(page.locator(".versions h3").first).to_contain_text("Version 2 · adoptée")
    form.get_by_label("Bris de glace").select_option(label="par deux personnes de rôles différents")
    form.get_by_role("button", name="Proposer ces règles").click()
    expect(form.get_by_role("status")).to_contain_text("C’est proposé.")
    expect(page.locator(".versions h3").first).to_contain_text("Version 3 · le vote est ouvert")
    assert leo.barriers() == []

    hers = (camille := visit("camille")).page
    camille.open(f"/groups/{group_id}/rules")
    expect(hers.locator("section[aria-labelledby=change-rules]")).to_have_count(0)
    hers.get_by_role("button", name="Je suis d’accord", exact=True).click()
    leo.open(f"/groups/{group_id}/rules")
    if page.get_by_role("button", name="Je suis d’accord", exact=True).is_visible():
        page.get_by_role("button", name="Je suis d’accord", exact=True).click()
    expect(page.locator(".versions h3").first).to_contain_text("Version 3 · adoptée")

    naming = page.locator("section[aria-labelledby=rename]")
    naming.get_by_label("Son nom").fill(f"{name} bis")
    naming.get_by_role("button", name="Le renommer").click()
    expect(page.get_by_role("heading", name=f"{name} bis")).to_be_visible()
    page.get_by_role("button", name="L’archiver").click()
    page.get_by_role("button", name="Oui").click()
    expect(page.get_by_text("Il est archivé")).to_be_visible()
    expect(page.locator("section[aria-labelledby=rename]")).to_have_count(0)
    page.get_by_text("Le supprimer, avec tout ce qu’il contient").click()
    page.get_by_label("Son nom, pour être sûr").fill(name)
    expect(page.get_by_role("button", name="Le supprimer définitivement")).to_have_attribute("aria-disabled", "true")
    page.get_by_label("Son nom, pour être sûr").fill(f"{name} bis")
    assert leo.barriers() == []
    page.get_by_role("button", name="Le supprimer définitivement").click()
    expect(page).to_have_url(re.compile(r"/app/groups$"))
    expect(page.locator("nav.groups").get_by_role("link", name=f"{name} bis")).to_have_count(0)
