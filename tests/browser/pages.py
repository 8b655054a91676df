"""Every page of the web client: where it is, and what stands there once it is loaded.

`test_every_page_is_tried` fails for a page of `clients/web/src/app/router.tsx` that has no row here.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A page, as Léo sees it."""

    name: str
    """Names its picture in docs/screenshots."""
    route: str
    """Its address below /app, as the router writes it; `$groupId` is the confidential group Ligne 2."""
    sign: str
    """Selector of something that is there once the page is loaded."""


SIGN_IN = Row("sign-in", "/sign-in", ".people button")
RECEIPT = Row("receipt", "/groups/$groupId/looked/$accessId", ".steps li")
"""Reached from the ledger: a receipt's address is not known before."""
PAGES = (
    Row("home", "/", ".post"),
    Row("passkeys", "/me/passkeys", "form.stacked input"),
    Row("group", "/groups/$groupId", ".post"),
    Row("chat", "/groups/$groupId/chat", ".said"),
    Row("files", "/groups/$groupId/files", ".drop"),
    Row("rules", "/groups/$groupId/rules", ".panel td"),
    Row("who-looked", "/groups/$groupId/looked", ".look"),
)
"""What someone signed in opens by its address."""
