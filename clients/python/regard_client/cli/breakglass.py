"""Break-glass: asking for it, approving or refusing what others ask, ending it, and seeing which there are."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from regard.groups.v1.break_glass_pb2 import (
    ApproveBreakGlassRequest,
    BreakGlassCase,
    EndBreakGlassRequest,
    ListBreakGlassRequest,
    RefuseBreakGlassRequest,
    RequestBreakGlassRequest,
)
from regard.groups.v1.rules_pb2 import BreakGlassScope

from regard_client.cli.content import group_id, names_of, purpose_of, when
from regard_client.cli.context import connected, err, options, out, pages, say, show, show_json
from regard_client.client import Regard

break_glass = typer.Typer(
    no_args_is_help=True, help="Open a group by two people with two different roles, for its members to see."
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Identifier of the break-glass.")]


@break_glass.command("request")
def request(
    group: Annotated[str, typer.Argument(help="Id of the group.")],
    reason: Annotated[str, typer.Option(help="security_incident, legal_obligation or harassment_complaint.")],
    reference: Annotated[str, typer.Option(help="Reference of the reason, such as a case's number.")],
    days: Annotated[int, typer.Option(help="After how many days it ends.", min=1, max=7)] = 1,
    only: Annotated[list[str] | None, typer.Option(help="Id of a room, post or message: only these.")] = None,
    since: Annotated[datetime | None, typer.Option("--from", help="Only what was written from then on, UTC.")] = None,
    before: Annotated[datetime | None, typer.Option("--to", help="Only what was written before then, UTC.")] = None,
    told: Annotated[
        datetime | None, typer.Option(help="Day on which members are told, 90 days ahead at most; without, at once.")
    ] = None,
    because: Annotated[str, typer.Option("--because", help="Why they are told later.")] = "",
) -> None:
    """Ask for the content of a group, and print the id; somebody with another role has to approve."""
    scope = BreakGlassScope(object_ids=only or ())
    for bound, at in (("from", since), ("to", before)):
        if at:
            getattr(scope, bound).FromDatetime(at)
    asked = RequestBreakGlassRequest(
        group_id=group,
        reason=purpose_of(reason),
        reference=reference,
        scope=scope,
        delay_reason=because,
    )
    if told:
        asked.disclose_at.FromDatetime(told)
    # A little early, so that seven days are seven days by the server's clock too.
    asked.ends_at.FromDatetime(datetime.now(UTC) + timedelta(days=days) - timedelta(minutes=1))
    with connected() as regard:
        answer = regard.break_glass.RequestBreakGlass(asked)
    if options.json:
        show_json(answer)
        return
    err.print(
        say(
            "Asked. Somebody with another role approves with: regard break-glass approve",
            "Demande faite. Quelqu’un d’un autre rôle l’approuve par : regard break-glass approve",
        ),
        answer.break_glass_id,
        markup=False,
    )
    out.print(answer.break_glass_id, markup=False)


@break_glass.command("approve")
def approve(
    id: Id,
    told: Annotated[
        datetime | None, typer.Option(help="Day on which members are told, as it was asked for; without, at once.")
    ] = None,
) -> None:
    """Approve what somebody else asked for: it is open to them from here; members see it at once, or on that day."""
    asked = ApproveBreakGlassRequest(break_glass_id=id)
    with connected() as regard:
        if told:
            asked.disclose_at.FromDatetime(told)
            cases = {one.break_glass_id: one for one in _cases(regard, "")}
            # Whoever asked may have named an hour too, of the same day.
            if id in cases and _day(cases[id]) == f"{told:%Y-%m-%d}":
                asked.disclose_at.CopyFrom(cases[id].disclose_at)
        regard.break_glass.ApproveBreakGlass(asked)


@break_glass.command("refuse")
def refuse(id: Id) -> None:
    """Refuse what somebody asked for, or take back what you asked for."""
    with connected() as regard:
        regard.break_glass.RefuseBreakGlass(RefuseBreakGlassRequest(break_glass_id=id))


@break_glass.command("end")
def end(id: Id) -> None:
    """End one that is open, at once."""
    with connected() as regard:
        regard.break_glass.EndBreakGlass(EndBreakGlassRequest(break_glass_id=id))


@break_glass.command("list")
def list_(
    group: Annotated[str, typer.Argument(help="A group of yours; without, all groups, for those who hold a key.")] = "",
) -> None:
    """List which there are: of a group for its members, of all groups for those who hold one of the roles."""
    with connected() as regard:
        found = _cases(regard, group_id(regard, group) if group else "")
        names = names_of(regard, (who for one in found for who in (one.requested_by, one.approved_by)))
    show(
        found,
        {
            "state": lambda one: BreakGlassCase.State.Name(one.state).removeprefix("STATE_").lower(),
            "asked by": lambda one: names.get(one.requested_by, "?"),
            "approved by": lambda one: names.get(one.approved_by, ""),
            "reference": lambda one: one.reference,
            "opened": lambda one: when(one.opened_at),
            "ends": lambda one: when(one.ended_at if one.HasField("ended_at") else one.ends_at),
            "members told": _day,
            "id": lambda one: one.break_glass_id,
        },
        empty=say("There is none.", "Il n’y en a pas."),
    )


def _cases(regard: Regard, group: str) -> list[BreakGlassCase]:
    """All of a group, or of all groups; newest first."""
    asked = pages(lambda page: regard.break_glass.ListBreakGlass(ListBreakGlassRequest(group_id=group, page=page)))
    return [case for answer in asked for case in answer.cases]


def _day(case: BreakGlassCase) -> str:
    """The day on which members are told, UTC; empty for at its opening."""
    return f"{case.disclose_at.ToDatetime():%Y-%m-%d}" if case.HasField("disclose_at") else ""
