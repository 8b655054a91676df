"""The commands that run, sign in and bring in data; those about content are in `content`."""

import asyncio
import json as json_module
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, Literal, Protocol

import typer
from regard.identity.v1.identity_pb2 import SignOutRequest
from rich import progress as bars

from regard_client.cli import content
from regard_client.cli.context import (
    PARTLY,
    REFUSED,
    UNREACHABLE,
    USAGE,
    connected,
    data_folder,
    demonstration,
    err,
    fail,
    keep_session,
    options,
    out,
    translated,
    url,
)
from regard_client.cli.provisioners import provisioners
from regard_client.client import AsyncRegard, Regard
from regard_client.importers import BadFile, Progress, Refusal, Report, import_mattermost, import_people
from regard_client.session import Session

app = typer.Typer(no_args_is_help=True, help="Regard: everyone can see who looked.", pretty_exceptions_enable=False)
imports = typer.Typer(no_args_is_help=True, help="Bring in people and history. Repeating is harmless.")
app.add_typer(imports, name="import")
app.add_typer(provisioners, name="provisioners")
content.register(app)


@app.callback()
def common(
    at: Annotated[str, typer.Option("--url", help="Where Regard is.", envvar="REGARD_URL")] = "",
    person: Annotated[
        str, typer.Option("--as", help="Call as this person of the demonstration company (embedded only).")
    ] = "",
    language: Annotated[Literal["fr", "en"], typer.Option(help="Language of sentences.")] = "en",
    json: Annotated[bool, typer.Option("--json", help="JSON, one object a line, for scripts.")] = False,
) -> None:
    """Options for every command."""
    options.url, options.person, options.language, options.json = at.rstrip("/"), person, language, json


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
    if options.json:
        out.print(json_module.dumps({"url": address, "answers": ok}), markup=False)
    else:
        out.print(f"{address}: {'answers' if ok else 'does not answer'}", markup=False)
    if not ok:
        raise typer.Exit(UNREACHABLE)


@app.command()
def doctor() -> None:
    """Explain what is wrong with the installation on this machine."""
    folder = data_folder()
    parent = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free_bytes = shutil.disk_usage(parent).free
    address = url()
    checks = [
        ((3, 11) <= sys.version_info[:2] <= (3, 14), "Python 3.11 to 3.14", "Set PYTHON and set up again."),
        (os.access(parent, os.W_OK), f"{folder} can be written to", "Give your account the right to write there."),
        (free_bytes > 1 << 30, f"{free_bytes >> 20} MiB free on its disk", "Free at least 1 GiB: events need room."),
        (_answers(f"{address}/healthz"), f"{address} answers", "Start Regard: regard up"),
        (_answers(f"{address}/.well-known/jwks.json"), "sign-in keys are served", "Restart Regard; see its log."),
    ]
    for ok, what, remedy in checks:
        out.print(f"[green]✓[/] {what}" if ok else f"[red]✗[/] {what}. {remedy}")
    if not all(ok for ok, _, _ in checks):
        raise typer.Exit(REFUSED)


@app.command()
def check() -> None:
    """Verify the installation on this machine: streams against views, ledger against access streams."""
    raise typer.Exit(subprocess.run([sys.executable, "-m", "services", "check"], check=False).returncode)


@app.command("sign-in")
def sign_in(email: Annotated[str, typer.Argument(help="Company e-mail address.")]) -> None:
    """Sign in with a password, and stay signed in for the next commands."""
    password = typer.prompt("Password", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    session = Session(language=options.language, client="regard-cli")
    with translated(), Regard(url(), session=session) as regard:
        person = regard.sign_in(email, password)
    keep_session(url(), session)
    out.print(f"Signed in as {person.profile.name}.", markup=False)


@app.command("sign-out")
def sign_out() -> None:
    """End the session of `regard sign-in`."""
    with connected() as regard:
        regard.auth.SignOut(SignOutRequest())
    keep_session(url(), None)


@app.command()
def token(
    person: Annotated[str, typer.Argument(help="Key, name or e-mail address of a person of the company.")] = "",
) -> None:
    """Print an access token of a demonstration person, for curl and scripts; without a name, list who there is."""
    here = demonstration()
    if not here:
        fail("There is no demonstration company here.", "Start one with: regard up", USAGE)
    if not person:
        for one in here.people:
            out.print(f"{one['key']:<16} {one['name']:<28} {one['about']}", markup=False)
        return
    with translated(), Regard(url(), session=Session(client="regard-cli")) as regard:
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


class Importer(Protocol):
    """An importer of one kind of file."""

    def __call__(self, regard: AsyncRegard, path: Path, *, progress: Progress) -> Awaitable[Report]:
        """Imports the file."""


def _import(file: Path, importer: Importer) -> None:
    if not file.is_file():
        fail(f"{file} is not a file.", "", USAGE)
    with connected() as signed_in:
        session = signed_in.session
    with translated():
        try:
            report = asyncio.run(_run(file, importer, session))
        except BadFile as error:
            fail(error.text(options.language), "Nothing was imported.", USAGE)
        except KeyboardInterrupt:
            fail("Stopped.", "Repeat the command to go on: what is there is not imported twice.", REFUSED)
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
