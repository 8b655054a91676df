"""What every command shares: where Regard is, who calls, and how answers and errors are shown."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol, TypeVar

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import PageInfo, PageRequest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regard_client.client import DEFAULT_URL, Regard
from regard_client.errors import RegardError
from regard_client.session import Session

REFUSED, USAGE, UNREACHABLE, PARTLY = 1, 2, 3, 4
"""Exit codes: Regard said no; the command was written wrong; nobody answered; done, but lines were refused."""
LARGEST_PAGE = 200
"""Entries in one page of a list."""
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@dataclass(slots=True)
class Options:
    """The options before the command's name."""

    url: str = ""
    person: str = ""
    language: Literal["fr", "en"] = "en"
    json: bool = False
    break_glass: str = ""


options = Options()


def say(en: str, fr: str) -> str:
    """The one in the chosen language."""
    return fr if options.language == "fr" else en


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The demonstration company of an embedded installation, as its seeding wrote it down."""

    url: str
    password: str
    people: tuple[dict[str, str], ...]

    def find(self, who: str) -> dict[str, str]:
        """The person with this key, e-mail address or name, or the only one whose name begins so."""
        wanted = who.casefold()
        exact = [one for one in self.people if wanted in {one["key"], one["email"].casefold(), one["name"].casefold()}]
        found = exact or [one for one in self.people if one["name"].casefold().startswith(wanted)]
        if len(found) != 1:
            known = ", ".join(one["key"] for one in self.people[:12])
            fail(
                say(
                    f"{'More than one person' if found else 'Nobody'} of the demonstration company is called “{who}”.",
                    f"{'Plusieurs personnes' if found else 'Personne'} de la société de démonstration : « {who} ».",
                ),
                say(f"Some who are: {known}.", f"Par exemple : {known}."),
                USAGE,
            )
        return found[0]


def data_folder() -> Path:
    """Where an embedded installation keeps its data."""
    return Path(os.environ.get("REGARD_DATA", "data"))


def demonstration() -> Demonstration | None:
    """The demonstration company, if there is one here."""
    try:
        read = json.loads((data_folder() / "demonstration.json").read_text())
        return Demonstration(read["url"], read["password"], tuple(read["people"]))
    except (OSError, ValueError, KeyError):
        return None


def url() -> str:
    """Where Regard is: --url, REGARD_URL, the demonstration company here, or this machine's port."""
    port = os.environ.get("REGARD_PORT", "")
    here = demonstration()
    return (
        options.url
        or os.environ.get("REGARD_URL", "")
        or (f"http://localhost:{port}" if port else "")
        or (here.url if here else DEFAULT_URL)
    )


def config_folder() -> Path:
    """Where the command keeps what it needs from one run to the next."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "regard"


def sessions_file() -> Path:
    """Where sessions of `regard sign-in` are kept, for their owner only."""
    return config_folder() / "sessions.json"


def read_sessions() -> dict[str, dict[str, str]]:
    """The kept sessions by URL."""
    try:
        read = json.loads(sessions_file().read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def keep_session(address: str, session: Session | None) -> None:
    """Keeps a session for the next command, or forgets it."""
    sessions = read_sessions()
    sessions.pop(address, None)
    if session:
        sessions[address] = {"token": session.token, "refresh_token": session.refresh_token}
    path = sessions_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(sessions, file)
    fresh.replace(path)


@contextmanager
def connected(*, signed_in: bool = True) -> Iterator[Regard]:
    """A client for the caller: --as, REGARD_TOKEN, or the session of `regard sign-in`; errors end the command."""
    address = url()
    kept = read_sessions().get(address)
    session = Session(language=options.language, client="regard-cli", break_glass=options.break_glass)
    here = demonstration()
    with translated(), client(session) as regard:
        if options.person:
            if not here:
                no_demonstration()
            regard.sign_in(here.find(options.person)["email"], here.password)
        elif token := os.environ.get("REGARD_TOKEN", "").strip():
            if not _TOKEN.fullmatch(token):
                fail(say("REGARD_TOKEN is no access token.", "REGARD_TOKEN n’est pas un jeton d’accès."), "", USAGE)
            session.token = token
        elif kept:
            session.token, session.refresh_token = kept["token"], kept["refresh_token"]
        elif signed_in:
            example = f"regard --as {here.people[0]['key']} groups" if here else ""
            fail(
                say("Nobody is signed in.", "Personne n’est connecté."),
                say("Sign in with: regard sign-in EMAIL", "Connectez-vous : regard sign-in EMAIL")
                + (say(f"  or try: {example}", f"  ou essayez : {example}") if example else ""),
                USAGE,
            )
        try:
            yield regard
        finally:
            # However the command ends: a token that was renewed is the only one that renews again.
            if kept and not options.person and session.refresh_token not in {"", kept["refresh_token"]}:
                keep_session(address, session)


def client(session: Session) -> Regard:
    """A client of Regard where it is; an address that is none ends the command."""
    try:
        return Regard(url(), session=session)
    except ValueError:
        fail(
            say(f"“{url()}” is no address.", f"« {url()} » n’est pas une adresse."),
            say(f"An address looks like {DEFAULT_URL}", f"Une adresse ressemble à {DEFAULT_URL}"),
            USAGE,
        )


def no_demonstration() -> NoReturn:
    """Ends a command that needs the demonstration company."""
    fail(
        say(
            "There is no demonstration company on this machine.",
            "Il n’y a pas de société de démonstration sur cette machine.",
        ),
        say("Start one with: regard up", "Lancez-en une : regard up"),
        USAGE,
    )


@contextmanager
def translated() -> Iterator[None]:
    """Ends the command with a sentence and an exit code when Regard says no or does not answer."""
    try:
        yield
    except RegardError as error:
        if error.unreachable and not error.id:
            fail(
                say(f"Regard does not answer at {url()}.", f"Regard ne répond pas à {url()}."),
                say("Start it with: regard up", "Lancez-le : regard up"),
                UNREACHABLE,
            )
        for violation in error.violations:
            err.print(f"  {violation.field}: {violation.description}", markup=False)
        fail(f"{error.id or error.kind}: {error.sentence}", error.remedy, UNREACHABLE if error.unreachable else REFUSED)


def fail(sentence: str, remedy: str, code: int) -> NoReturn:
    """Says what is wrong and what to do, and ends the command."""
    err.print(f"{sentence} {remedy}".strip(), style="red", markup=False)
    raise typer.Exit(code)


class Paged(Protocol):
    """An answer that is a page of a list."""

    @property
    def page(self) -> PageInfo:
        """Where the list stands."""


Answer = TypeVar("Answer", bound=Paged)


def pages(ask: Callable[[PageRequest], Answer]) -> Iterator[Answer]:
    """A whole list, page by page."""
    page = PageRequest(size=LARGEST_PAGE)
    while True:
        answer = ask(page)
        yield answer
        if not answer.page.next_token:
            return
        page = PageRequest(size=LARGEST_PAGE, token=answer.page.next_token)


def show(messages: Sequence[Message], columns: dict[str, Callable[[Any], str]], *, empty: str) -> None:
    """Prints messages as a table for people, or a JSON object a line with --json."""
    if options.json:
        for message in messages:
            show_json(message)
    elif not messages:
        err.print(empty, markup=False)
    else:
        table = Table(box=None, pad_edge=False)
        for name in columns:
            # Ids are for copying, and the rest is for reading.
            table.add_column(name, overflow="fold", no_wrap=name in {"id", "when"})
        for message in messages:
            table.add_row(*(Text(harmless(cell(message))) for cell in columns.values()))
        out.print(table)


def harmless(text: str) -> str:
    """Without what would command a terminal: texts are written by others."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def show_json(message: Message) -> None:
    """Prints one message as one line of JSON."""
    sys.stdout.write(json.dumps(MessageToDict(message), ensure_ascii=False) + "\n")
    sys.stdout.flush()
