"""The commands that run, sign in and bring in data; those about content are in `content`."""

import asyncio
import json as json_module
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Literal, Protocol

import typer
from regard.identity.v1.identity_pb2 import ClaimInstallationRequest, GetMeRequest, Profile, SignOutRequest
from rich import progress as bars
from rich.text import Text

from regard_client.cli import content, files, log
from regard_client.cli.audit import audit
from regard_client.cli.breakglass import break_glass
from regard_client.cli.contest import contest
from regard_client.cli.context import (
    PARTLY,
    REFUSED,
    UNREACHABLE,
    USAGE,
    client,
    connected,
    data_folder,
    demonstration,
    err,
    fail,
    keep_session,
    no_demonstration,
    options,
    out,
    say,
    translated,
    url,
)
from regard_client.cli.former import former
from regard_client.cli.provisioners import provisioners
from regard_client.client import AsyncRegard, Regard
from regard_client.errors import RegardError
from regard_client.importers import BadFile, Progress, Refusal, Report, import_mattermost, import_people, import_slack
from regard_client.session import Session

app = typer.Typer(no_args_is_help=True, help="Regard: everyone can see who looked.", pretty_exceptions_enable=False)
imports = typer.Typer(no_args_is_help=True, help="Bring in people and history. Repeating is harmless.")
app.add_typer(imports, name="import")
app.add_typer(provisioners, name="provisioners")
app.add_typer(former, name="former")
app.add_typer(break_glass, name="break-glass")
app.add_typer(contest, name="contest")
app.add_typer(audit, name="audit")
content.register(app)
files.register(app)
log.register(app)


@app.callback()
def common(
    at: Annotated[str, typer.Option("--url", help="Where Regard is.", envvar="REGARD_URL")] = "",
    person: Annotated[
        str, typer.Option("--as", help="Call as this person of the demonstration company (embedded only).")
    ] = "",
    language: Annotated[Literal["fr", "en"], typer.Option(help="Language of sentences.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="JSON, one object a line, for scripts.")] = False,
    break_glass_id: Annotated[
        str, typer.Option("--break-glass", help="Read under this break-glass, of which members are told later.")
    ] = "",
) -> None:
    """Options for every command."""
    options.url, options.person, options.language, options.json = at.rstrip("/"), person, language, json
    options.break_glass = break_glass_id


@app.command()
def up(
    empty: Annotated[bool, typer.Option(help="Without the demonstration company.")] = False,
) -> None:
    """Start everything on this machine; Ctrl-C stops it."""
    targets = ["all"] if empty else ["all", "demo"]
    # Replaces this process, so that Ctrl-C and kill reach the product itself.
    os.execv(sys.executable, [sys.executable, "-m", "services", *targets])  # noqa: S606


@app.command()
def status() -> None:
    """Tell whether Regard answers, and who is signed in."""
    address = url()
    ok = _answers(f"{address}/healthz")
    who = _signed_in() if ok else ""
    if options.json:
        out.print(json_module.dumps({"url": address, "answers": ok, "person": who}, ensure_ascii=False), markup=False)
    else:
        answers = say("answers", "répond") if ok else say("does not answer", "ne répond pas")
        out.print(f"{address}: {answers}", markup=False)
        if ok:
            nobody = say("nobody is signed in", "personne n’est connecté")
            out.print(say("signed in: ", "connecté : ") + who if who else nobody, markup=False)
    if not ok:
        raise typer.Exit(UNREACHABLE)


def _signed_in() -> str:
    """The name of whoever the commands call as; empty if nobody is, or is any more."""
    with connected(signed_in=False) as regard:
        try:
            return regard.people.GetMe(GetMeRequest()).person.profile.name if regard.session.token else ""
        except RegardError as error:
            if error.kind != "UNAUTHENTICATED":
                raise
            return ""


@app.command()
def doctor() -> None:
    """Explain what is wrong with the installation on this machine."""
    folder = data_folder()
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(parent).free
    address = url()
    python = say("Python 3.11 to 3.14", "Python 3.11 à 3.14")
    writable = say(f"{folder} can be written to", f"{folder} est accessible en écriture")
    free = say(f"{free_bytes >> 20} MiB free on its disk", f"{free_bytes >> 20} Mio libres sur son disque")
    answers = say(f"{address} answers", f"{address} répond")
    keys = say("sign-in keys are served", "les clés de connexion sont servies")
    checks = [
        (
            (3, 11) <= sys.version_info[:2] <= (3, 14),
            python,
            say("Set PYTHON and set up again.", "Définissez PYTHON et réinstallez."),
        ),
        (
            os.access(parent, os.W_OK),
            writable,
            say("Give your account the right to write there.", "Donnez à votre compte le droit d’y écrire."),
        ),
        (
            free_bytes > 1 << 30,
            free,
            say("Free at least 1 GiB: events need room.", "Libérez au moins 1 Gio pour les événements."),
        ),
        (_answers(f"{address}/healthz"), answers, say("Start Regard: regard up", "Lancez Regard : regard up")),
        (
            _answers(f"{address}/.well-known/jwks.json"),
            keys,
            say("Restart Regard; see its log.", "Relancez Regard ; voyez son journal."),
        ),
    ]
    for ok, what, remedy in checks:
        out.print(
            Text.assemble(("✓", "green"), f" {what}") if ok else Text.assemble(("✗", "red"), f" {what}. {remedy}")
        )
    if not all(ok for ok, _, _ in checks):
        raise typer.Exit(REFUSED)


@app.command()
def check() -> None:
    """Verify the installation on this machine: streams against views, ledger against access streams."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "services", "check"], check=False).returncode)


@app.command()
def claim(
    code: Annotated[str, typer.Argument(help="What the empty installation printed when it started.")],
    name: Annotated[str, typer.Argument(help="Of the first administrator.")],
    email: Annotated[str, typer.Argument(help="Their company e-mail address.")],
) -> None:
    """Make the first account of an empty installation, choose its password, and stay signed in."""
    profile = Profile(name=name, email=email, language=options.language)
    request = ClaimInstallationRequest(code=code, profile=profile, password=_password())
    _begin(lambda regard: regard.auth.ClaimInstallation(request), email, request.password)


@app.command("sign-in")
def sign_in(email: Annotated[str, typer.Argument(help="Company e-mail address.")]) -> None:
    """Sign in with a password, and stay signed in for the next commands."""
    _begin(lambda _: None, email, _password())


def _begin(prepare: Callable[[Regard], object], email: str, password: str) -> None:
    """Begins a session and keeps it."""
    session = Session(language=options.language, client="regard-cli")
    with translated(), client(session) as regard:
        prepare(regard)
        person = regard.sign_in(email, password)
    keep_session(url(), session)
    name = person.profile.name
    out.print(say(f"Signed in as {name}.", f"Connecté : {name}."), markup=False)


def _password() -> str:
    """A password: asked for, or a line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = typer.prompt(say("Password", "Mot de passe"), hide_input=True)
    return asked


@app.command("sign-out")
def sign_out() -> None:
    """End the session of `regard sign-in`."""
    with connected() as regard:
        try:
            regard.auth.SignOut(SignOutRequest())
        except RegardError as error:
            if error.kind != "UNAUTHENTICATED":  # it has ended already
                raise
    keep_session(url(), None)


@app.command()
def token(
    person: Annotated[str, typer.Argument(help="Key, name or e-mail address of a person of the company.")] = "",
) -> None:
    """Print an access token of a demonstration person, for curl and scripts; without a name, list who there is."""
    here = demonstration()
    if not here:
        no_demonstration()
    if not person:
        for one in here.people:
            about = one.get(f"about_{options.language}") or one["about"]
            out.print(f"{one['key']:<16} {one['name']:<28} {about}", markup=False)
        return
    with translated(), client(Session(language=options.language, client="regard-cli")) as regard:
        regard.sign_in(here.find(person)["email"], here.password)
        sys.stdout.write(regard.session.token + "\n")


@imports.command("people")
def people(file: Annotated[Path, typer.Argument(help="LDIF, or CSV with a header: name, email, function …")]) -> None:
    """Bring in people from a CSV or an LDIF file."""
    _import(file, import_people)


@imports.command("mattermost")
def mattermost(file: Annotated[Path, typer.Argument(help="Bulk export, JSON Lines.")]) -> None:
    """Bring in channels and their history from a Mattermost bulk export."""
    _import(file, import_mattermost)


@imports.command("slack")
def slack(file: Annotated[Path, typer.Argument(help="Export, ZIP.")]) -> None:
    """Bring in channels and their history from a Slack export."""
    _import(file, import_slack)


class Importer(Protocol):
    """An importer of one kind of file."""

    def __call__(self, regard: AsyncRegard, path: Path, *, progress: Progress) -> Awaitable[Report]:
        """Imports the file."""


def _import(file: Path, importer: Importer) -> None:
    if not file.is_file():
        fail(say(f"{file} is not a file.", f"{file} n’est pas un fichier."), "", USAGE)
    with connected() as signed_in:
        try:
            report = asyncio.run(_run(file, importer, signed_in.session))
        except BadFile as error:
            nothing = say("Nothing was imported.", "Rien n’a été importé.")
            fail(error.text(options.language), nothing, USAGE)
        except KeyboardInterrupt:
            fail(
                say("Stopped.", "Arrêté."),
                say(
                    "Repeat the command to go on: what is there is not imported twice.",
                    "Répétez la commande pour continuer : rien n’est importé deux fois.",
                ),
                REFUSED,
            )
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
    _tell(report)
    if report.refused:
        raise typer.Exit(PARTLY)


async def _run(file: Path, importer: Importer, session: Session) -> Report:
    columns = (bars.TextColumn("{task.description:<14}"), bars.BarColumn(), bars.MofNCompleteColumn())
    tasks: dict[str, bars.TaskID] = {}
    with bars.Progress(*columns, bars.TimeRemainingColumn(), console=err) as shown:

        def progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = shown.add_task(step, total=total)
            shown.update(tasks[step], completed=done)

        async with AsyncRegard(url(), session=session) as regard:
            return await importer(regard, file, progress=progress)


def _tell(report: Report) -> None:
    if options.json:
        told = {
            "created": dict(report.created),
            "present": dict(report.present),
            "refused": [_refused(one) for one in report.refused],
            "notes": dict(report.notes),
        }
        out.print(json_module.dumps(told, ensure_ascii=False), markup=False)
        return
    for kind in sorted({*report.created, *report.present}):
        out.print(f"{kind}: {report.created[kind]} new, {report.present[kind]} there already", markup=False)
    for sentence, times in sorted(report.notes.items()):
        out.print(f"note: {sentence} ({times})", markup=False)
    for one in report.refused:
        place = f"{one.file}, entry {one.line}" if one.file else f"line {one.line}"
        err.print(f"{place} refused: {one.reason}", markup=False)


def _refused(one: Refusal) -> dict[str, str | int]:
    told: dict[str, str | int] = {"line": one.line, "reason": one.reason}
    return told | ({"file": one.file} if one.file else {})


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=3) as answer:  # noqa: S310  # the operator's own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def main() -> None:
    """Runs the command."""
    app()
