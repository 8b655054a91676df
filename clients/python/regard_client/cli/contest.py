"""Contesting an access, answering a contest, and seeing which there are."""

from typing import Annotated

import typer
from regard.audit.v1.audit_pb2 import (
    ContestAccessRequest,
    ContestState,
    ListContestsRequest,
    SettleContestRequest,
)
from regard.audit.v1.events_pb2 import ContestOutcome, ContestReason

from regard_client.cli.content import GroupName, group_id, names_of, when
from regard_client.cli.context import USAGE, connected, fail, say, show

contest = typer.Typer(no_args_is_help=True, help="Say that an access should be explained, and read the answers.")

Access = Annotated[str, typer.Argument(metavar="ACCESS", help="Id of the access: regard --json ledger GROUP.")]


@contest.command("add")
def add(
    group: GroupName,
    access: Access,
    reason: Annotated[str, typer.Option(help="not_recognised, unjustified or too_much.")] = "not_recognised",
) -> None:
    """Contest an access: it is to be answered within 30 days, for all members to read."""
    with connected() as regard:
        regard.ledger.ContestAccess(
            ContestAccessRequest(
                group_id=group_id(regard, group),
                access_id=access,
                reason=_named("CONTEST_REASON_", reason, ContestReason.keys()),
            )
        )


@contest.command("settle")
def settle(
    group: Annotated[str, typer.Argument(help="Id of the group.")],
    access: Access,
    outcome: Annotated[str, typer.Option(help="in_order or not_in_order.")],
    answer: Annotated[str, typer.Option(help="The answer, which every member can read.")],
) -> None:
    """Answer a contest, as an auditor or data protection officer."""
    with connected() as regard:
        regard.ledger.SettleContest(
            SettleContestRequest(
                group_id=group,
                access_id=access,
                outcome=_named("CONTEST_OUTCOME_", outcome, ContestOutcome.keys()),
                answer=answer,
            )
        )


@contest.command("list")
def list_(group: GroupName) -> None:
    """List the contests of a group's accesses, with their answers."""
    with connected() as regard:
        found = regard.ledger.ListContests(ListContestsRequest(group_id=group_id(regard, group))).contests
        names = names_of(regard, (one.settled_by for one in found))
    show(
        found,
        {
            "state": lambda one: ContestState.Name(one.state).removeprefix("CONTEST_STATE_").lower(),
            "reason": lambda one: ContestReason.Name(one.reason).removeprefix("CONTEST_REASON_").lower(),
            "due": lambda one: when(one.due_at),
            "answer": lambda one: one.answer,
            "answered by": lambda one: names.get(one.settled_by, ""),
            "access": lambda one: one.access_id,
        },
        empty=say("No access is contested.", "Aucun accès n’est contesté."),
    )


def _named(prefix: str, name: str, known: list[str]) -> str:
    """The value of that name, as the contract calls it; ends the command if there is none."""
    wanted = prefix + name.upper()
    if wanted not in known:
        names = ", ".join(one.removeprefix(prefix).lower() for one in known[1:])
        fail(
            say(f"There is no “{name}” here.", f"Il n’y a pas de « {name} » ici."),
            say(f"The words are: {names}.", f"Les mots sont : {names}."),
            USAGE,
        )
    return wanted
