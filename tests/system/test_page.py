"""The page through the gateway, as a browser without a script sees it; and as those do who mean harm."""

import html
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.page.site import Site
from tests.product import free_port
from tests.system.conftest import Company

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(300)]

HEADERS = {
    "content-security-policy": "default-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
HOSTILE = {
    "<script>alert('<b>')</script><img src=x onerror=alert(1)>",
    "**gras** [lien](javascript:alert(1)) `code` {{ 7 * 7 }} {% raw %}",
    "שלום \u202eמי הסתכל\u202c؟ &amp; &lt;",
}


@pytest.fixture
def browser(company: Company) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=company.url, timeout=60, headers={"accept-language": "fr,en;q=0.5"}) as client:
        yield client


def enter(browser: httpx.Client, key: str) -> str:
    """Signs in as a person of the company; the group page that follows."""
    answer = browser.post("/sign-in", data={"person": key})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    return page(browser.get("/"))


def page(answer: httpx.Response, status: int = 200) -> str:
    """What every page has in common, whatever it says."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for name, value in HEADERS.items():
        assert answer.headers[name].startswith(value)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    text = answer.text
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|<[^>]*\son[a-z]+=|=\"javascript:", text), "inline"
    assert not re.search(r"(src|href|action)=\"(https?:)?//", text), "from somewhere else"
    assert "Traceback" not in text
    assert ".py" not in text
    return text


def field(text: str, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found, name
    return html.unescape(found[1])


def composer(text: str) -> dict[str, str]:
    return {name: field(text, name) for name in ("csrf", "group", "room", "key")}


def texts(text: str) -> list[str]:
    """What was said, as a reader sees it."""
    return [html.unescape(one) for one in re.findall(r'<p class="text" dir="auto">(.*?)</p>', text, re.DOTALL)]


# Coming in


def test_the_welcome_is_in_the_browsers_language_until_another_is_chosen(browser: httpx.Client) -> None:
    french = page(browser.get("/"))
    assert '<html lang="fr">' in french
    assert "Un réseau social d’entreprise où l’on ose parler" in french
    english = page(browser.get("/", headers={"accept-language": "de,en-GB;q=0.8,fr;q=0.5"}))
    assert '<html lang="en">' in english
    assert "everyone can see who looked" in english
    chosen = browser.get("/?lang=en")
    assert "HttpOnly" in chosen.headers["set-cookie"]
    assert '<html lang="en">' in page(browser.get("/"))
    assert '<html lang="fr">' in page(browser.get("/?lang=fr"))


def test_a_visitor_sees_a_group_with_its_chat_its_ledger_and_who_can_see(browser: httpx.Client) -> None:
    seen = enter(browser, "leo")
    assert "Léo Garnier" in seen
    assert "<h1>Ligne 2" in seen
    assert "Et si quelqu’un d’autre regarde, on le voit ?" in texts(seen)
    assert "personnes pourront lire ceci" in seen
    assert "Anyone" not in seen
    assert "Toute personne de l’audit" in seen
    ledger = seen[seen.index('class="accesses"') :]
    assert re.search(r"Léo Garnier, membre, a lu", ledger), "the page shows its own reading"
    assert re.search(r'class="privileged"><p>Awa Diallo, audit', ledger)
    other = page(browser.get(re.findall(r'href="(/\?group=[^"]+)" >', seen)[0]))
    assert "<h1>Ligne 2" not in other
    here = browser.get(f"/?group={field(seen, 'group')}").text
    english = page(browser.get("/" + html.unescape(re.findall(r'href="(\?group=[^"]+)" hreflang="en"', here)[0])))
    assert "<h1>Ligne 2" in english, "another language, not another group"
    assert "Anyone of the audit" in english


def test_the_cookie_is_for_this_site_and_no_script_and_says_nothing(company: Company) -> None:
    with httpx.Client(base_url=company.url) as client:
        cookie = client.post("/sign-in", data={"person": "camille"}).headers["set-cookie"]
        secure = client.post("/sign-in", data={"person": "camille"}, headers={"x-forwarded-proto": "https"})
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert re.match(r"regard-visitor=[\w-]{32};", cookie)
    assert "camille" not in cookie
    assert secure.status_code == 303


def test_an_address_and_a_password_sign_in_and_wrong_ones_are_told(browser: httpx.Client, company: Company) -> None:
    wrong = browser.post("/sign-in", data={"email": company.email("ines"), "password": "nothing of the kind"})
    assert "IDN-01" in page(wrong, 401)
    assert "set-cookie" not in wrong.headers
    right = browser.post("/sign-in", data={"email": company.email("ines"), "password": company.password})
    assert right.status_code == 303
    assert "Inès Fournier" in page(browser.get("/"))


def test_signing_out_ends_the_visit(browser: httpx.Client) -> None:
    seen = enter(browser, "mathilde")
    cookie = {"regard-visitor": browser.cookies["regard-visitor"]}
    assert browser.post("/sign-out", data={"csrf": field(seen, "csrf")}).status_code == 303
    assert "regard-visitor" not in browser.cookies
    again = httpx.get(f"{browser.base_url}", cookies=cookie)
    assert "Mathilde Kervella</span>" not in page(again), "the cookie that was kept opens nothing"


def test_who_administers_and_belongs_to_no_group_is_told_how_to_go_on(browser: httpx.Client, company: Company) -> None:
    email, password = f"{uuid.uuid4()}@atelier-mercier.example", "a long enough password"
    with company.client("nadia") as nadia:
        profile = {"name": "Zélie Administre", "email": email}
        made = nadia.post("/v1/people:provision", json={"profile": profile, "password": password})
        assert made.status_code == 200, made.text
        person = made.json()["person"]["id"]
        colleague = browser.post("/sign-in", data={"email": email, "password": password})
        assert colleague.status_code == 303
        alone = page(browser.get("/"))
        granted = nadia.post(f"/v1/people/{person}:grantRole", json={"role": "ROLE_PLATFORM_ADMINISTRATOR"})
        assert granted.status_code == 200, granted.text
    assert "Vous n’appartenez encore à aucun groupe" in alone
    assert "regard create-group" in alone
    assert "regard import" not in alone
    browser.post("/sign-in", data={"email": email, "password": password})
    assert "regard import people" in page(browser.get("/"))


# Speaking


def test_a_form_that_is_sent_twice_sends_once(browser: httpx.Client) -> None:
    said = f"Envoyé une fois, {uuid.uuid4()}"
    form = composer(enter(browser, "leo")) | {"body": said}
    for _ in range(2):
        sent = browser.post("/say", data=form)
        assert (sent.status_code, sent.headers["location"]) == (303, f"/?group={form['group']}")
    assert texts(page(browser.get(sent.headers["location"]))).count(said) == 1
    fragment = browser.get(f"/fragments/chat?group={form['group']}")
    assert texts(fragment.text).count(said) == 1
    assert "<html" not in fragment.text
    assert "Léo Garnier" in browser.get(f"/fragments/ledger?group={form['group']}").text


def test_hostile_texts_are_shown_as_they_were_written(browser: httpx.Client) -> None:
    form = composer(enter(browser, "leo"))
    for body in HOSTILE:
        assert browser.post("/say", data=form | {"body": body, "key": str(uuid.uuid4())}).status_code == 303
    seen = browser.get(f"/?group={form['group']}").text
    assert set(texts(seen)) >= HOSTILE
    assert "<script>alert" not in seen
    assert "<img src=x" not in seen
    assert set(texts(browser.get(f"/fragments/chat?group={form['group']}").text)) >= HOSTILE


def test_a_text_that_is_refused_is_told_with_its_id(browser: httpx.Client) -> None:
    form = composer(enter(browser, "leo"))
    told = page(browser.post("/say", data=form | {"body": ""}), 400)
    assert "RPC-02" in told
    assert "RPC-02" in page(browser.post("/say", data=form | {"body": "x" * 10_001}), 400)


# Harm


def test_a_form_from_elsewhere_does_nothing(browser: httpx.Client) -> None:
    form = composer(enter(browser, "camille"))
    said = f"Jamais envoyé, {uuid.uuid4()}"
    forged = {
        "another site": ({}, {"origin": "https://elsewhere.example"}),
        "a frame without an origin": ({}, {"origin": "null"}),
        "no token": ({"csrf": None}, {}),
        "a wrong token": ({"csrf": "x" * 22}, {}),
        "a token that is not ASCII": ({"csrf": "é"}, {}),
        "no key": ({"key": None}, {}),
        "a key that is none": ({"key": "é\n"}, {}),
        "more than a form holds": ({"more": "x" * 70_000}, {}),
    }
    for name, (changed, headers) in forged.items():
        data = {key: value for key, value in (form | {"body": said} | changed).items() if value is not None}
        assert "n’est plus valable" in page(browser.post("/say", data=data, headers=headers), 403), name
    for data, headers in (({}, {}), ({"csrf": form["csrf"]}, {"origin": "https://elsewhere.example"})):
        page(browser.post("/sign-out", data=data, headers=headers), 403)
    elsewhere = browser.post("/sign-in", data={"person": "leo"}, headers={"origin": "https://elsewhere.example"})
    page(elsewhere, 403)
    assert said not in texts(page(browser.get(f"/?group={form['group']}")))
    assert "Camille Roussel</span>" in browser.get("/").text


def test_what_is_no_form_is_told(browser: httpx.Client) -> None:
    enter(browser, "camille")
    odd = "multipart/form-data; boundary=x"
    page(browser.post("/say", content=b"zibeline", headers={"content-type": odd}), 400)
    page(browser.post("/say", data={f"a{number}": "1" for number in range(50)}), 400)
    page(browser.post("/sign-in", data={"person": "é"}), 404)
    page(browser.get("/say"), 405)


def test_a_group_of_others_is_not_shown(browser: httpx.Client, company: Company) -> None:
    with company.client("p05") as other:
        groups = other.get("/v1/groups:mine").json()["groups"]
        group = next(one["id"] for one in groups if one["name"] == "Projet Horizon")
    for path in ("/fragments/chat", "/fragments/ledger"):
        assert browser.get(f"{path}?group={group}").status_code == 401, "nobody is signed in"
    seen = enter(browser, "leo")
    told = page(browser.get(f"/?group={group}"), 404)
    assert "ACC-01" in told
    assert page(browser.get(f"/?group={uuid.uuid4()}"), 404).replace(group, "").count("ACC-01") == told.count("ACC-01")
    page(browser.get("/?group=%ff"), 400)
    assert page(browser.get(f"/fragments/ledger?group={group}"), 404)
    assert "Projet Horizon" not in browser.get(f"/fragments/chat?group={group}").text
    form = composer(seen)
    assert "CHT-01" in page(browser.post("/say", data=form | {"room": str(uuid.uuid4()), "body": "x"}), 404)


def test_addresses_that_are_none_and_those_of_documents(browser: httpx.Client) -> None:
    for path in ("/zibeline", "/static/zibeline.css", "/static/../site.py", "/static/%2e%2e/site.py", "/.env"):
        assert "Cette page n’existe pas" in page(browser.get(path), 404)
    assert "There is no such page" in page(browser.get("/zibeline?lang=en"), 404)
    assert "POST /v1/rooms/{roomId}/messages" in page(browser.get("/api"))
    assert browser.get("/openapi.json").json()["openapi"].startswith("3.1")
    assert browser.get("/asyncapi.json").json()["asyncapi"]
    for path, kind in (("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")):
        served = browser.get(f"/static/{path}")
        assert served.headers["content-type"].startswith(kind)
        assert served.headers["x-content-type-options"] == "nosniff"


async def test_when_regard_does_not_answer_the_page_says_that_nothing_is_lost(tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    site = Site(nobody, nobody, tmp_path / "none.json", {}, tmp_path / "web")
    transport = httpx.ASGITransport(site.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://page") as client:
        welcome = page(await client.get("/"))
        assert "regard claim CODE" in welcome, "there is no company, so it says how to begin"
        credentials = {"email": "a@b.example", "password": "a long enough password"}
        told = page(await client.post("/sign-in", data=credentials, headers={"accept-language": "en"}), 503)
    assert "Nothing is lost" in told
    await site.visitors.close()
