"""What someone read, said or saw in the ledger lies nowhere when they are gone: not in the browser, not in its folder.

The one exception is what they are writing: a draft outlives a crash of the page, in the storage of its window, until it
is sent or they sign out.
"""

import json
import re
import secrets
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import PATIENCE_MS, Visit, add_file
from tests.chromium import how_to_launch
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)

KEPT = """
async () => {
  const kept = { local: { ...localStorage }, session: { ...sessionStorage }, caches: {}, databases: {} };
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) kept.caches[request.url] = await (await cache.match(request)).text();
  }
  const done = (asked) =>
    new Promise((ok, no) => ((asked.onsuccess = () => ok(asked.result)), (asked.onerror = no)));
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      kept.databases[`${name}/${store}`] = await done(database.transaction(store).objectStore(store).getAll());
    }
  }
  return kept;
}
"""


def found_in(folder: Path, marker: str) -> list[str]:
    """Files below a folder that hold a text, in any of the ways in which browsers write text."""
    ways = [marker.encode(), marker.encode("utf-16-le")]
    return [
        str(file.relative_to(folder))
        for file in folder.rglob("*")
        if file.is_file() and not file.is_symlink() and any(way in file.read_bytes() for way in ways)
    ]


def test_nothing_confidential_is_kept(chromium: Browser, company: Company, line2: str, tmp_path: Path) -> None:
    said, posted, label, written, named, filed, drafted = (f"{what}{secrets.token_hex(8)}" for what in "spewnfd")
    with company.client("camille") as camille, company.client("awa") as awa:
        room = camille.get("/v1/rooms", params={"groupId": line2}).json()["rooms"][0]["id"]
        assert camille.post(f"/v1/rooms/{room}/messages", json={"body": said}).status_code == 200
        assert camille.post(f"/v1/groups/{line2}/posts", json={"body": posted}).status_code == 200
        add_file(camille, line2, f"{named}.txt", "text/plain", filed.encode())
        asked = {"groupIds": [line2], "purpose": "PURPOSE_INTERNAL_AUDIT", "purposeReference": label}
        assert awa.post("/v1/audit/accesses:search", json=asked).status_code == 200

    context = chromium.browser_type.launch_persistent_context(tmp_path, locale="fr-FR", **how_to_launch())
    page = context.new_page()
    leo = Visit(page, company)
    leo.enter("leo")
    leo.open("/")
    expect(page.get_by_text(posted)).to_be_visible()
    leo.open(f"/groups/{line2}/looked")
    expect(page.get_by_text(label).first).to_be_visible()
    page.locator(".look a").first.click()
    expect(page.locator(".verdict")).to_be_visible()
    leo.open(f"/groups/{line2}/files")
    page.get_by_role("button", name=f"Le voir {named}.txt").click()
    expect(page.get_by_text(filed)).to_be_visible()
    leo.open(f"/groups/{line2}/chat")
    expect(page.get_by_text(said)).to_be_visible()
    composer = page.get_by_label("Dire quelque chose")
    composer.fill(written)
    page.get_by_role("button", name="Envoyer").click()
    expect(page.locator(".said").last).to_contain_text(written)
    composer.fill(drafted)

    kept = page.evaluate(KEPT)
    drafts = {name: kept["session"].pop(name) for name in list(kept["session"]) if name.startswith("regard-draft-")}
    everything = json.dumps([kept, [one for one in context.cookies() if one["name"] != "regard-session"]])
    assert drafts == {f"regard-draft-{room}": drafted}
    assert [marker for marker in (said, posted, label, written, named, filed, drafted) if marker in everything] == []
    page.get_by_role("button", name="Se déconnecter").click()
    expect(page.get_by_role("button", name=re.compile("^Camille"))).to_be_visible()
    assert drafted not in json.dumps(page.evaluate(KEPT))
    assert leo.problems == []
    context.close()

    assert found_in(tmp_path, "regard-language") or found_in(tmp_path, company.url), "the folder is looked at"
    for marker in (said, posted, label, written, named, filed):
        assert found_in(tmp_path, marker) == []
    for marker in (said, posted, label, written, named, filed, drafted):
        assert [str(log) for log in company.product.logs if marker.encode() in log.read_bytes()] == []
