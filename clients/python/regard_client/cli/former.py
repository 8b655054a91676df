"""People whose access has ended: who they are, and erasing them."""

from typing import Annotated

import typer
from regard.identity.v1.identity_pb2 import ErasePersonRequest, ListFormerPeopleRequest

from regard_client.cli.context import connected, err, pages, say, show

former = typer.Typer(no_args_is_help=True, help="People whose access has ended.")


@former.command("list")
def list_(query: Annotated[str, typer.Argument(help="Words of a name, a function or a site.")] = "") -> None:
    """List them, for administrators and the data protection officer."""
    with connected() as regard:
        asked = pages(lambda page: regard.people.ListFormerPeople(ListFormerPeopleRequest(query=query, page=page)))
        found = [person for answer in asked for person in answer.people]
    show(
        found,
        {
            "name": lambda one: one.profile.name,
            "function": lambda one: one.profile.function,
            "site": lambda one: one.profile.site,
            "id": lambda one: one.id,
        },
        empty=say("Nobody.", "Personne."),
    )


@former.command("erase")
def erase(
    person: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the person.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
) -> None:
    """Erase who somebody was and all that they wrote, for good: the data protection officer."""
    question = say(
        "Their name, and all that they wrote, in every group, for good?",
        "Le nom, et tout ce que cette personne a écrit, dans tous les groupes, pour de bon ?",
    )
    if not yes:
        typer.confirm(question, abort=True, err=True)
    with connected() as regard:
        regard.people.ErasePerson(ErasePersonRequest(person_id=person))
    done = say(
        "Erased. What they wrote follows within seconds.",
        "C’est effacé. Ce que cette personne a écrit suit dans les secondes qui viennent.",
    )
    err.print(done, markup=False)
