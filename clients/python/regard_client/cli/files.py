"""The commands about files of groups."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from regard.common.v1.common_pb2 import PageRequest
from regard.feed.v1.feed_pb2 import File, ListFilesRequest
from rich import progress as bars
from rich.filesize import decimal

from regard_client import files as sdk
from regard_client.cli.content import GroupName, Limit, group_id, names_of, when
from regard_client.cli.context import REFUSED, USAGE, connected, err, fail, harmless, options, out, say, show, show_json


def register(app: typer.Typer) -> None:
    """Adds these commands to the `regard` command."""
    app.command("upload")(upload)
    app.command("files")(files)
    app.command("download")(download)


def upload(group: GroupName, file: Annotated[Path, typer.Argument(help="The file: 64 MiB at most.")]) -> None:
    """Add a file to a group, and print its id."""
    with connected() as regard, _told_of_files(), _progress(file.name) as told:
        try:
            added = sdk.upload(regard, group_id(regard, group), file, told)
        except sdk.TooLarge:
            fail(
                say("The file is larger than 64 MiB.", "Le fichier dépasse 64 Mio."),
                say("Make smaller ones of it.", "Découpez-le."),
                USAGE,
            )
    show_json(added) if options.json else out.print(added.id, markup=False)


def files(group: GroupName, limit: Limit = 20) -> None:
    """List a group's files, newest first. In a confidential group this is recorded for its members to see."""
    with connected() as regard:
        request = ListFilesRequest(group_id=group_id(regard, group), page=PageRequest(size=limit))
        found = regard.feed.ListFiles(request).files
        names = names_of(regard, (one.author_id for one in found))
        show(
            found,
            {
                "when": lambda one: when(one.added_at),
                "who": lambda one: names.get(one.author_id, one.author_id),
                "file": lambda one: one.description.name or _without(one),
                "size": lambda one: decimal(one.size),
                "id": lambda one: one.id,
            },
            empty=say("This group has no file yet.", "Ce groupe n’a pas encore de fichier."),
        )


def download(
    file: Annotated[str, typer.Argument(help="Id of a file.")],
    to: Annotated[Path, typer.Option(help="Folder to put it in; nothing there is replaced.")] = Path(),
) -> None:
    """Download a file. In a confidential group this is recorded for its members to see."""
    with connected() as regard, _told_of_files(), _progress(file) as told:
        try:
            place = sdk.download(regard, file, to, told)
        except sdk.BadDownload:
            fail(
                say(
                    "What came is not the whole file; nothing was kept.",
                    "Le fichier reçu est incomplet, rien n’est gardé.",
                ),
                say("Try again; it may have been withdrawn or erased.", "Réessayez ; il a pu être retiré ou effacé."),
                REFUSED,
            )
    out.print(harmless(str(place)), markup=False)


@contextmanager
def _told_of_files() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fail(
            say(f"A file can’t be used: {error.strerror}.", f"Un fichier est inutilisable : {error.strerror}."),
            say("Check its path and your rights.", "Vérifiez son chemin et vos droits."),
            USAGE,
        )


@contextmanager
def _progress(name: str) -> Iterator[sdk.Told]:
    """A bar at the terminal, and nothing where there is none."""
    columns = (bars.TextColumn("{task.description}", markup=False), bars.BarColumn(), bars.DownloadColumn())
    with bars.Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(harmless(name))
        yield lambda done, of: progress.update(task, completed=done, total=of)


def _without(file: File) -> str:
    return say("(erased)", "(effacé)") if file.erased else say("(withdrawn)", "(retiré)")
