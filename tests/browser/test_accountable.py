"""What makes looking accountable, in a browser: contesting, auditing, break-glass with two keys, and the public log."""

import re
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from regard_client.verify.export import verify_export
from regard_client.verify.policy import parse_policy
from tests.browser.conftest import PATIENCE_MS, Enter
from tests.browser.test_pages import reach
from tests.browser.test_who_looked import changed, open_ledger
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)


def reference(page: Page, words: str) -> None:
    page.get_by_label("Référence, comme le numéro de l’audit").fill(words)


def test_an_access_is_contested_and_answered_for_all_to_read(visit: Enter, line2: str, company: Company) -> None:
    word = uuid.uuid4().hex[:8]
    with company.client("awa") as awa:
        asked = {"groupIds": [line2], "purpose": "PURPOSE_INTERNAL_AUDIT", "purposeReference": word}
        assert awa.post("/v1/audit/accesses:search", json=asked).status_code == 200
    page = (leo := visit("leo")).page
    open_ledger(leo, line2)
    line = page.locator(".look", has_text=word)
    line.get_by_role("button", name="Je ne reconnais pas cet accès").click()
    line.get_by_label("Ce qui ne va pas").select_option(label="le motif donné n’est pas une bonne raison")
    assert leo.barriers() == []
    line.get_by_role("button", name="Contester", exact=True).click()
    expect(page.locator(".look", has_text=word).get_by_role("link", name=re.compile("^contesté"))).to_be_visible()
    contests = page.locator("section[aria-labelledby=contests]")
    expect(contests).to_contain_text("(par moi)")
    access = page.locator(".look", has_text=word).get_by_role("link", name="Reçu").get_attribute("href") or ""

    with company.client("ines") as ines:  # who protects the data answers
        settled = {"outcome": "CONTEST_OUTCOME_NOT_IN_ORDER", "answer": f"Motif insuffisant, voir {word}."}
        where = f"/v1/groups/{line2}/accesses/{access.rpartition('/')[2]}:settle"
        assert ines.post(where, json=settled).status_code == 200
    leo.open(f"/groups/{line2}/looked")
    expect(contests).to_contain_text(f"Motif insuffisant, voir {word}.")
    expect(contests).to_contain_text("Inès Fournier")
    expect(page.locator(".hours .look", has_text=word).first).to_contain_text("contesté, avec réponse")


def test_the_ledger_is_filtered_and_drawn(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    open_ledger(leo, line2)
    page.get_by_label("Ce qui a été fait").select_option(label="lu le registre")
    expect(page.locator(".hours .look").first).to_contain_text("a lu le registre")
    expect(page.locator(".hours .look", has_text="a suivi")).to_have_count(0)
    expect(page.get_by_role("img", name="Accès par jour")).to_be_visible()
    page.get_by_text("La même chose en nombres").click()
    expect(page.locator(".timeline li").first).to_contain_text(re.compile(r"\d+ par qui en fait partie"))
    page.get_by_label("Au", exact=True).fill("2020-01-01")
    expect(page.get_by_text("Personne, aussi loin que vont ces lignes.")).to_be_visible()


def test_an_auditor_asks_and_the_group_reads_it(visit: Enter, line2: str) -> None:
    word = uuid.uuid4().hex[:8]
    page = (awa := visit("awa")).page
    awa.open("/audit")
    reference(page, word)
    page.get_by_label(re.compile("Groupes, par leurs identifiants")).fill(line2)
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator(".looks .look").first).to_be_visible()
    page.get_by_role("button", name="Compter par jour").click()
    expect(page.locator("table.numbers td").first).to_be_visible()
    assert awa.barriers() == []
    page.get_by_label("Chercher par nom, fonction ou site").fill("léo garnier")
    page.get_by_role("button", name="Seulement Léo Garnier").click()
    page.get_by_role("button", name="Chercher").click()
    expect(page.locator(".looks .look").first).to_contain_text("Léo Garnier")
    page.get_by_role("button", name="Comparer").click()
    expect(page.locator("section[aria-labelledby=completeness] [role=status]")).to_be_visible()
    page.get_by_label(re.compile("Son identifiant")).fill(str(uuid.uuid4()))
    page.get_by_role("button", name="Le montrer").click()
    expect(page.get_by_role("alert")).to_contain_text("AUD-32")
    leo = visit("leo")
    open_ledger(leo, line2)
    expect(leo.page.locator(".look", has_text=word).first).to_contain_text("Awa Diallo")


def test_what_an_auditor_takes_out_is_verified_without_regard(
    visit: Enter, line2: str, company: Company, tmp_path: Path
) -> None:
    page = (awa := visit("awa")).page
    awa.open("/audit")
    export = page.get_by_role("button", name="Exporter avec les reçus")
    expect(export).to_have_attribute("aria-disabled", "true")
    reference(page, uuid.uuid4().hex[:8])
    page.get_by_label(re.compile("Groupes, par leurs identifiants")).fill(line2)
    with page.expect_download() as download:
        export.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    assert f"{folder.name}.zip" == download.value.suggested_filename
    policy = parse_policy(httpx.get(f"{company.url}/log/policy").content)
    manifest = verify_export(folder, policy)
    assert manifest.accesses > 0
    expect(page.get_by_text(re.compile(f"^{manifest.accesses} accès (a|ont) été exporté"))).to_be_visible()
    page.get_by_label(re.compile("Groupes, par leurs identifiants")).fill(str(uuid.uuid4()))
    export.click()
    expect(page.get_by_role("alert")).to_contain_text("ACC-01")


def test_two_keys_open_a_group_and_its_members_see_it(visit: Enter, company: Company) -> None:
    word = uuid.uuid4().hex[:8]
    rules = {"level": "LEVEL_CONFIDENTIAL", "breakGlass": "BREAK_GLASS_TWO_KEYS"}
    with company.client("leo") as client:
        made = client.post("/v1/groups", json={"name": f"Vitre {word}", "rules": rules})
        group_id = made.json()["group"]["id"]
    his = (karim := visit("karim")).page
    karim.open("/break-glass")
    his.get_by_label(re.compile("Identifiant du groupe")).fill(group_id)
    his.get_by_label(re.compile("Référence du motif")).fill(word)
    his.get_by_role("button", name="Demander", exact=True).click()
    expect(his.get_by_text("C’est demandé.")).to_be_visible()
    mine = his.locator(".case", has_text=word)
    expect(mine).to_contain_text("Attend une seconde personne")
    expect(mine.get_by_role("button", name="Approuver")).to_have_count(0)

    hers = (ines := visit("ines")).page
    ines.open("/break-glass")
    theirs = hers.locator(".case", has_text=word)
    theirs.get_by_role("button", name="Approuver").click()
    assert ines.barriers() == []
    theirs.get_by_role("button", name="Oui").click()
    expect(theirs).to_contain_text("Ouvert")

    page = (leo := visit("leo")).page
    leo.open(f"/groups/{group_id}/rules")
    told = page.locator(".case", has_text=word)
    expect(told).to_contain_text("Karim Haddad")
    expect(told).to_contain_text("Inès Fournier")
    leo.open(f"/groups/{group_id}")
    expect(page.get_by_role("note")).to_contain_text("Ouvert par bris de glace : Karim Haddad lit ici")
    assert leo.barriers() == []
    his.reload()
    his.locator(".case", has_text=word).get_by_role("button", name="Y mettre fin").click()
    expect(his.locator(".case", has_text=word)).to_contain_text("Terminé")
    page.reload()
    expect(page.get_by_role("note")).to_contain_text("A été ouvert par bris de glace : Karim Haddad")
    page.get_by_role("note").get_by_role("link").click()
    expect(told).to_contain_text("Terminé")


def test_members_are_told_later_and_everybody_sees_how_much_they_are_not_told_yet(
    visit: Enter, company: Company
) -> None:
    word, told = uuid.uuid4().hex[:8], datetime.now(UTC) + timedelta(days=30)
    rules = {"level": "LEVEL_CONFIDENTIAL", "breakGlass": "BREAK_GLASS_TWO_KEYS"}
    with company.client("leo") as client:
        made = client.post("/v1/groups", json={"name": f"Enquête {word}", "rules": rules})
        group_id = made.json()["group"]["id"]
        assert client.post(f"/v1/groups/{group_id}/posts", json={"body": word}).status_code == 200
    his = (karim := visit("karim")).page
    karim.open("/break-glass")
    his.get_by_label(re.compile("Identifiant du groupe")).fill(group_id)
    his.get_by_label(re.compile("Référence du motif")).fill(word)
    his.get_by_label(re.compile("Ses membres sont prévenus plus tard")).check()
    his.get_by_label(re.compile("Jour où ils le sont")).fill(f"{told:%Y-%m-%d}")
    his.get_by_label(re.compile("Pourquoi plus tard")).fill("Enquête en cours")
    assert karim.barriers() == []
    his.get_by_role("button", name="Demander", exact=True).click()
    expect(his.get_by_text("C’est demandé.")).to_be_visible()

    hers = (ines := visit("ines")).page
    ines.open("/break-glass")
    theirs = hers.locator(".case", has_text=word)
    expect(theirs).to_contain_text("Enquête en cours")
    theirs.get_by_role("button", name="Approuver").click()
    expect(theirs).to_contain_text("Ses membres sauront que vous l’avez fait")
    theirs.get_by_role("button", name="Oui").click()
    expect(theirs).to_contain_text("Annoncé aux membres")
    break_glass = (theirs.locator("code").last.text_content() or "").strip()
    with company.client("karim") as client:
        read = client.get(f"/v1/groups/{group_id}/posts", headers={"x-regard-break-glass": break_glass})
        assert [post["body"] for post in read.json()["posts"]] == [word]

    page = (leo := visit("leo")).page
    leo.open(f"/groups/{group_id}/rules")
    expect(page.get_by_text("Deux personnes de fonctions différentes, ensemble")).to_be_visible()
    expect(page.locator(".case")).to_have_count(0)
    open_ledger(leo, group_id)
    expect(page.locator(".look", has_text="Karim")).to_have_count(0)
    expect(page.get_by_role("note")).to_have_count(0)
    leo.open("/transparency")
    expect(page.locator("section[aria-labelledby=untold] li")).to_contain_text("accès de")
    assert leo.barriers() == []
    with company.client("karim") as client:
        assert client.post(f"/v1/breakGlass/{break_glass}:end", json={}).status_code == 200


def test_the_public_log_is_verified_by_keyboard_alone_and_one_that_forgets_is_told(visit: Enter) -> None:
    page = (leo := visit("leo")).page
    leo.open("/")
    reach(page, "Transparence")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("Désormais, il garde en mémoire ce qu’il a vu")
    first = page.evaluate("localStorage.getItem('regard-log-checkpoint')")
    reach(page, "Regarder à nouveau")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("tout ce que ce navigateur en avait vu")
    expect(page.locator("section[aria-labelledby=the-log] .facts")).to_contain_text("/log")
    shown = list[bytes]()
    page.evaluate("fetch('/log/checkpoint').then(answer => answer.text())")
    changed(page, "**/log/checkpoint", lambda body: shown.append(body) or shown[0])  # type: ignore[func-returns-value]
    page.wait_for_function("first => localStorage.getItem('regard-log-checkpoint') !== first", arg=first)
    page.reload()
    expect(page.locator(".verdict")).to_be_visible()
    shown[0] = shown[0].replace(b"\n", b"\nx", 1)
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("VER-")


def test_pages_of_roles_say_whose_they_are(visit: Enter) -> None:
    page = (leo := visit("leo")).page
    for path in ("/audit", "/break-glass", "/administration"):
        leo.open(path)
        expect(page.get_by_role("status").first).to_contain_text("un rôle que vous n’avez pas")
        assert leo.barriers() == []
