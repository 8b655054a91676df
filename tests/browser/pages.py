"""Every page of the web client: where it is, and what stands there once it is loaded.

`test_every_page_is_tried` fails for a page of `clients/web/src/app/router.tsx` that has no row here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A page, as someone sees it."""

    name: str
    """Names its picture in docs/screenshots."""
    route: str
    """Its address below /app, as the router writes it."""
    sign: str
    """Selector of something that is there once the page is loaded."""
    who: str = "leo"
    """As whom to look: pages for a role are looked at by someone who holds it."""

    def at(self, places: Mapping[str, str]) -> str:
        """Its address with what stands for each name that begins with a dollar."""
        parts = self.route.split("/")
        return "/".join(places.get(part, part) for part in parts)


def by_person(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows by as whom to look, Léo's first."""
    found: dict[str, list[Row]] = {"leo": []}
    for row in rows:
        found.setdefault(row.who, []).append(row)
    return found


SIGN_IN = Row("sign-in", "/sign-in", ".people button")
RECEIPT = Row("receipt", "/groups/$groupId/looked/$accessId", ".steps li")
"""Reached from the ledger: a receipt's address is not known before."""
PAGES = (
    Row("home", "/", ".post"),
    Row("my-data", "/me", ".looks .look"),
    Row("passkeys", "/me/passkeys", "form.stacked input"),
    Row("people", "/people", ".directory a"),
    Row("person", "/people/$personId", ".facts dd"),
    Row("groups", "/groups", ".directory li"),
    Row("administration", "/administration", ".accounts li", "nadia"),
    Row("transparency", "/transparency", ".verdict"),
    Row("audit", "/audit", "form textarea", "awa"),
    Row("break-glass", "/break-glass", "form.stacked input", "karim"),
    Row("group", "/groups/$groupId", ".post"),
    Row("chat", "/groups/$groupId/chat", ".said"),
    Row("files", "/groups/$groupId/files", ".drop"),
    Row("members", "/groups/$groupId/people", ".directory a"),
    Row("rules", "/groups/$groupId/rules", ".panel td"),
    Row("who-looked", "/groups/$groupId/looked", ".look"),
)
"""What someone signed in opens by its address."""
