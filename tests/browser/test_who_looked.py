"""Who looked, in a browser: a reader appears as they read, and what the server says is not believed but verified."""

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import PATIENCE_MS, Enter, Visit
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)

RECEIPTS = "**/regard.audit.v1.LedgerService/GetReceipt"


def open_ledger(visit: Visit, group: str) -> None:
    """The group's ledger, once it is followed."""
    visit.open(f"/groups/{group}/looked")
    expect(visit.page.locator(".connection.live")).to_be_visible()
    expect(visit.page.locator(".look").first).to_be_visible()


def open_receipt(page: Page, nth: int = 0) -> None:
    """Of a line of the ledger that is open, the newest first."""
    page.locator(".hours").get_by_role("link", name="Reçu").nth(nth).click()
    expect(page.locator(".verdict")).to_be_visible()


def changed(page: Page, address: str, change: Callable[[bytes], bytes]) -> None:
    """Lets a hostile server answer: what it says at this address is changed."""

    def answer(route: Route) -> None:
        honest = route.fetch()
        route.fulfill(response=honest, body=change(honest.body()))

    page.route(address, answer)


def test_a_colleague_who_reads_appears_at_once_and_the_receipt_is_verified(
    visit: Enter, line2: str, company: Company
) -> None:
    camille, leo = visit("camille"), visit("leo")
    open_ledger(camille, line2)
    with company.client("camille") as client:  # what Léo has read already this hour would be no new line
        assert client.post(f"/v1/groups/{line2}/posts", json={"body": "À lire."}).status_code == 200
    leo.open(f"/groups/{line2}")
    page = camille.page
    page.locator(".look", has_text=re.compile("Léo Garnier, membre, a lu .*publication")).first.get_by_role(
        "link", name="Reçu"
    ).click()
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")
    for told in ("Il est dans le journal", "Le registre dit la même chose", "Ce navigateur le garde en mémoire"):
        expect(page.locator(".steps")).to_contain_text(told)
    expect(page.locator(".facts")).to_contain_text("Léo Garnier")
    with page.expect_download() as download:
        page.get_by_role("link", name="Garder le reçu").click()
    assert download.value.path().read_bytes().startswith(b"c2sp.org/tlog-proof@v1\n")
    page.get_by_role("link", name="Retour à qui a regardé").click()
    open_receipt(page, -1)
    expect(page.locator(".steps")).to_contain_text("que ce navigateur avait vues la dernière fois, inchangées")


def test_a_receipt_that_was_changed_is_refused_with_the_reason(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    last_digit = re.compile(rb"(\nindex \d*)(\d)\n")
    changed(page, RECEIPTS, lambda body: last_digit.sub(lambda m: b"%b%d\n" % (m[1], int(m[2]) ^ 1), body))
    open_ledger(leo, line2)
    open_receipt(page)
    expect(page.locator(".verdict")).to_contain_text("✗ Ce reçu ne prouve pas ce qui est affiché")
    expect(page.locator(".steps .failed")).to_contain_text("VER-04")


def test_a_good_receipt_of_something_else_is_refused(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    given = list[bytes]()

    def the_first(body: bytes) -> bytes:
        if b"tlog-proof" in body:  # and not that it is too early for a receipt
            given.append(body)
        return given[0] if given else body

    changed(page, RECEIPTS, the_first)
    open_ledger(leo, line2)
    open_receipt(page)
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")
    page.get_by_role("link", name="Retour à qui a regardé").click()
    open_receipt(page, 1)
    expect(page.locator(".steps .failed")).to_contain_text("C’est le reçu d’autre chose que ce qui était demandé")


def test_another_policy_is_told_and_trusted_only_when_its_reader_says_so(visit: Enter, line2: str) -> None:
    page = (leo := visit("leo")).page
    open_ledger(leo, line2)
    open_receipt(page)
    changed(page, "**/log/policy", lambda policy: b"# another\n" + policy)
    page.reload()
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")
    expect(page.get_by_role("alert")).to_contain_text("d’autres clés ou d’autres témoins")
    page.get_by_role("button", name="Leur faire confiance désormais").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator(".verdict")).to_contain_text("✓ Ce reçu est bon")


def test_a_log_that_forgets_is_noticed(visit: Enter, line2: str, company: Company) -> None:
    page = (leo := visit("leo")).page
    shown = list[bytes]()
    changed(page, "**/log/checkpoint", lambda body: shown.append(body) or shown[0])  # type: ignore[func-returns-value]
    open_ledger(leo, line2)
    page.evaluate("fetch('/log/checkpoint').then(answer => answer.text())")
    with company.client("leo") as client:
        while client.get("/log/checkpoint").content == shown[0]:  # the receipt is of a log that has grown since
            time.sleep(0.05)
    open_receipt(page)
    expect(page.locator(".verdict")).to_contain_text("le journal n’est plus ce qu’il était")
    expect(page.locator(".steps .failed")).to_contain_text("VER-10")
