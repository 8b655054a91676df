"""The web client as it is served: its files, its policy, and sessions that no script can take away."""

import re
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie

import httpx
import pytest

from services.page.service import WEB_CLIENT
from tests.system.conftest import Company

pytestmark = [pytest.mark.xdist_group("company"), pytest.mark.timeout(300)]
built = pytest.mark.skipif(
    not (WEB_CLIENT / "index.html").is_file(), reason="the web client is not built: see what `make web` says"
)
JSON = {"content-type": "application/json"}


@pytest.fixture
def browser(company: Company) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=company.url, timeout=60, headers={"accept-language": "fr"}) as client:
        yield client


def enter(browser: httpx.Client, key: str = "leo") -> str:
    """Signs in; the access token."""
    answer = browser.post("/app/session", json={"person": key})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["accessToken"])


def me(browser: httpx.Client, token: str) -> httpx.Response:
    return browser.get("/v1/people/me", headers={"authorization": f"Bearer {token}"})


def cookie(answer: httpx.Response) -> str:
    return SimpleCookie(answer.headers["set-cookie"])["regard-session"].value


# Sessions


def test_an_access_token_is_given_and_the_refresh_token_lies_where_no_script_reads(browser: httpx.Client) -> None:
    answer = browser.post("/app/session", json={"person": "leo"})
    assert set(answer.json()) == {"accessToken", "expiresInS"}
    assert answer.headers["cache-control"] == "no-store"
    given = SimpleCookie(answer.headers["set-cookie"])["regard-session"]
    assert (given["httponly"], given["samesite"], given["path"]) == (True, "strict", "/app/session")
    assert given.value not in answer.text
    assert me(browser, answer.json()["accessToken"]).json()["person"]["profile"]["name"] == "Léo Garnier"


def test_with_address_and_password_too_and_a_refusal_says_why_and_what_to_do(
    company: Company, browser: httpx.Client
) -> None:
    asked = {"email": company.email("camille"), "password": company.password}
    assert browser.post("/app/session", json=asked).status_code == 200
    wrong = browser.post("/app/session", json=asked | {"password": "pas celui-là"})
    assert wrong.status_code == 401
    assert wrong.json()["id"].startswith("IDN-")
    assert wrong.json()["sentence"]
    assert wrong.json()["remedy"]
    assert "set-cookie" not in wrong.headers
    assert browser.post("/app/session", json={"person": "personne"}).status_code == 404


def test_what_is_no_passkey_begins_no_session(browser: httpx.Client) -> None:
    answer = browser.post("/app/session", json={"passkey": "{}"})
    assert answer.status_code == 401
    assert answer.json()["id"] == "IDN-21"
    assert "set-cookie" not in answer.headers


def test_a_session_goes_on_and_two_tabs_that_ask_at_once_are_given_the_same(browser: httpx.Client) -> None:
    first = enter(browser)
    kept = browser.cookies["regard-session"]
    one = browser.post("/app/session/renew", json={})
    assert one.status_code == 200
    assert cookie(one) != kept
    browser.cookies.clear()
    browser.cookies.set("regard-session", kept)
    other = browser.post("/app/session/renew", json={})
    assert other.status_code == 200, "an answer that was lost ends no session"
    assert (other.json(), cookie(other)) == (one.json(), cookie(one))
    assert me(browser, other.json()["accessToken"]).status_code == 200
    assert other.json()["accessToken"] != first


def test_what_is_no_session_is_over(browser: httpx.Client) -> None:
    assert browser.post("/app/session/renew", json={}).status_code == 204
    browser.cookies.set("regard-session", "jeton-inventé".encode().hex())
    over = browser.post("/app/session/renew", json={})
    assert over.status_code == 401
    assert over.json()["id"] == "IDN-04"
    assert 'regard-session=""' in over.headers["set-cookie"]


def test_signing_out_ends_the_session_and_the_browser_forgets_it(browser: httpx.Client) -> None:
    token = enter(browser)
    kept = browser.cookies["regard-session"]
    assert browser.post("/v1/auth:signOut", json={}, headers={"authorization": f"Bearer {token}"}).status_code == 200
    ended = browser.request("DELETE", "/app/session", json={})
    assert ended.status_code == 204
    assert 'regard-session=""' in ended.headers["set-cookie"]
    browser.cookies.clear()
    browser.cookies.set("regard-session", kept)
    deadline_s = time.monotonic() + 60
    while browser.post("/app/session/renew", json={}).status_code != 401:
        assert time.monotonic() < deadline_s
        browser.cookies.clear()
        browser.cookies.set("regard-session", kept)
        time.sleep(0.1)


@pytest.mark.parametrize("path", ["/app/session", "/app/session/renew"])
def test_other_sites_and_forms_are_not_served(browser: httpx.Client, path: str) -> None:
    enter(browser)
    asked = {"person": "leo"}
    assert browser.post(path, json=asked, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert browser.post(path, json=asked, headers={"origin": "null"}).status_code == 403
    assert browser.post(path, data=asked).status_code == 415
    assert browser.post(path, content=b"{", headers=JSON).status_code == 400
    assert browser.post(path, content=b" " * 100_000, headers=JSON).status_code == 413
    assert browser.get(path).status_code in {200, 405, 503}, "reading gives the client's page at most"


def test_the_demonstration_names_people_and_gives_no_password(company: Company, browser: httpx.Client) -> None:
    answer = browser.get("/app/demonstration")
    assert {"leo", "camille", "awa"} <= {one["key"] for one in answer.json()}
    assert company.password not in answer.text
    assert "@" not in answer.text


# Files


@built
def test_every_address_of_the_client_gives_the_client_under_a_policy_without_exceptions(browser: httpx.Client) -> None:
    for path in ("/app/", "/app/groups/00000000-0000-0000-0000-000000000000/chat", "/app/sign-in?from=%2F"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "require-trusted-types-for 'script'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|<[^>]*\son[a-z]+=", answer.text), "inline"
        assert not re.search(r"(src|href)=\"(https?:)?//", answer.text), "from somewhere else"
    assert browser.get("/app", follow_redirects=False).headers["location"] == "/app/"
    assert 'href="/app/"' in browser.get("/").text, "the page leads there"


@built
def test_files_are_kept_by_browsers_because_their_names_say_what_is_in_them(browser: httpx.Client) -> None:
    script = re.findall(r'src="(/app/assets/[^"]+\.js)"', browser.get("/app/").text)[0]
    answer = browser.get(script)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert browser.get("/app/assets/nothing.js").status_code == 404, "an old page finds no other script in its place"


@built
def test_the_service_worker_is_asked_for_again_each_time(browser: httpx.Client) -> None:
    answer = browser.get("/app/sw.js")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "connect-src 'self'" in answer.headers["content-security-policy"]


@built
@pytest.mark.parametrize("path", ["../../pyproject.toml", "..%2f..%2fpyproject.toml", "%2e%2e/%2e%2e/pyproject.toml"])
def test_nothing_beside_the_client_is_served(browser: httpx.Client, path: str) -> None:
    assert "[project]" not in browser.get(f"/app/{path}").text
    assert "[project]" not in browser.get(f"/app/assets/{path}").text
