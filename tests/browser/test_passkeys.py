"""Passkeys in a browser with an authenticator that Chromium plays: added, used, removed."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, Enter, Visit
from tests.system.conftest import Company

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(300)]
expect.set_options(timeout=PATIENCE_MS)


def with_authenticator(visit: Visit, *, unlocked: bool = True) -> None:
    """Gives the browser a device that holds passkeys, and whose owner is there."""
    asked = visit.page.context.new_cdp_session(visit.page)
    asked.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": unlocked,
        "automaticPresenceSimulation": True,
    }
    asked.send("WebAuthn.addVirtualAuthenticator", {"options": options})


def test_a_passkey_is_added_signs_in_and_is_removed(visit: Enter, company: Company) -> None:
    page = (leo := visit("leo")).page
    with_authenticator(leo)
    page.get_by_role("link", name="Léo Garnier").click()
    page.get_by_role("link", name="Mes clés d’accès").click()
    expect(page.get_by_text("Vous n’en avez pas encore.")).to_be_visible()
    page.get_by_label("Comment l’appeler").fill("Portable de l’atelier")
    page.get_by_label("Votre mot de passe").fill(company.password)
    page.get_by_role("button", name="Ajouter une clé d’accès").click()
    held = page.locator(".passkeys li", has_text="Portable de l’atelier")
    expect(held).to_contain_text("pas encore utilisée")
    assert leo.barriers() == []

    page.get_by_label("Comment l’appeler").fill("La même encore")
    page.get_by_label("Votre mot de passe").fill(company.password)
    page.get_by_role("button", name="Ajouter une clé d’accès").click()
    expect(page.get_by_text("cet appareil en a déjà une pour vous")).to_be_visible()

    page.get_by_role("button", name="Se déconnecter").click()
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    page.get_by_role("link", name="Léo Garnier").click()
    page.get_by_role("link", name="Mes clés d’accès").click()
    expect(held).to_contain_text("dernière utilisation")

    held.get_by_role("button", name="Supprimer Portable de l’atelier").click()
    expect(page.get_by_text("Vous n’en avez pas encore.")).to_be_visible()
    page.get_by_role("button", name="Se déconnecter").click()
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    expect(page.get_by_role("alert")).to_contain_text("Personne ne peut se connecter ici avec cette clé d’accès")
    assert [one for one in leo.problems if "401" not in one] == []
    leo.problems.clear()


def test_whoever_goes_back_is_told_nothing_and_stays(visit: Enter) -> None:
    page = (leo := visit()).page
    with_authenticator(leo, unlocked=False)
    leo.open("/sign-in")
    page.get_by_role("button", name="Se connecter avec une clé d’accès").click()
    expect(page.get_by_role("button", name="Se connecter avec une clé d’accès")).to_have_attribute(
        "aria-disabled", "false"
    )
    expect(page.get_by_role("alert")).to_have_count(0)
