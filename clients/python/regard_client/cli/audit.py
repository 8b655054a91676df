"""What auditors ask of the ledger: each question says why, and the groups that it concerns see that it was asked."""

from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import (
    CheckCompletenessRequest,
    CheckCompletenessResponse,
    GetStatisticsRequest,
    SearchAccessesRequest,
)
from regard.audit.v1.events_pb2 import Action, ReaderKind
from regard.common.v1.common_pb2 import PageRequest, Purpose

from regard_client.cli.content import Limit, PurposeName, Reference, purpose_of, show_entries, when
from regard_client.cli.context import REFUSED, connected, options, out, say, show, show_json

audit = typer.Typer(
    no_args_is_help=True, help="Search, count and check the ledger as an auditor, for a stated purpose."
)

Groups = Annotated[list[str], typer.Argument(metavar="GROUP...", help="Ids of groups.")]
SomeGroups = Annotated[list[str] | None, typer.Argument(metavar="[GROUP]...", help="Ids of groups; none for all.")]
Reader = Annotated[str, typer.Option(help="Only what this person accessed: their id.")]
Kind = CheckCompletenessResponse.Kind

_EXPLAINED = {
    Kind.KIND_NOT_IN_LEDGER: ("fewer in the ledger than counted", "moins au registre que comptés"),
    Kind.KIND_NOT_COUNTED: ("more in the ledger than counted", "plus au registre que comptés"),
    Kind.KIND_NOT_THE_SAME: ("as many, and not the same", "autant, mais pas les mêmes"),
    Kind.KIND_NOT_IN_LOG: ("in the ledger, and not in the log", "au registre, mais pas au journal"),
    Kind.KIND_ONLY_IN_LOG: ("in the log, and not in the ledger", "au journal, mais pas au registre"),
    Kind.KIND_NO_PLACE: ("a place that the log does not have", "une place que le journal n’a pas"),
    Kind.KIND_TWICE: ("recorded twice", "enregistré deux fois"),
}


@audit.command("search")
def search(
    group: Groups, reference: Reference, purpose: PurposeName = "internal_audit", reader: Reader = "", limit: Limit = 50
) -> None:
    """Search the ledgers of groups: their members will see that you did."""
    with connected() as regard:
        query = _query(group, reference, purpose, reader)
        query.page.CopyFrom(PageRequest(size=limit))
        show_entries(regard, regard.audit.SearchAccesses(query).entries)


@audit.command("statistics")
def statistics(
    group: Groups, reference: Reference, purpose: PurposeName = "internal_audit", reader: Reader = ""
) -> None:
    """Count accesses by day, capacity, action and purpose: members of the groups will see that you did."""
    with connected() as regard:
        counts = regard.audit.GetStatistics(
            GetStatisticsRequest(query=_query(group, reference, purpose, reader))
        ).counts
    show(
        counts,
        {
            "day": lambda one: str(one.day.ToDatetime().date()),
            "capacity": lambda one: ReaderKind.Name(one.reader_kind).removeprefix("READER_KIND_").lower(),
            "action": lambda one: Action.Name(one.action).removeprefix("ACTION_").lower(),
            "purpose": lambda one: Purpose.Name(one.purpose).removeprefix("PURPOSE_").lower(),
            "accesses": lambda one: str(one.accesses),
            "people": lambda one: str(one.readers),
            "groups": lambda one: str(one.groups),
        },
        empty=say("Nobody has looked yet.", "Personne n’a encore regardé."),
    )


@audit.command("completeness")
def completeness(reference: Reference, group: SomeGroups = None, purpose: PurposeName = "internal_audit") -> None:
    """Compare what was counted as it was recorded with the ledger and the log; exit code 1 if anything differs."""
    with connected() as regard:
        answer = regard.audit.CheckCompleteness(
            CheckCompletenessRequest(group_ids=group or (), purpose=purpose_of(purpose), purpose_reference=reference)
        )
    if options.json:
        show_json(answer)
    else:
        _tell(answer)
    if answer.differences or answer.withheld:
        raise typer.Exit(REFUSED)


def _query(group_ids: list[str], reference: str, purpose: str, reader_id: str) -> SearchAccessesRequest:
    return SearchAccessesRequest(
        group_ids=group_ids, reader_id=reader_id, purpose=purpose_of(purpose), purpose_reference=reference
    )


def _tell(answer: CheckCompletenessResponse) -> None:
    if answer.proven_to.ToMicroseconds() <= answer.proven_from.ToMicroseconds():
        nothing = say(
            "Nothing can be compared yet: what is counted is told five minutes later.",
            "Rien ne peut encore être comparé : ce qui est compté est annoncé cinq minutes plus tard.",
        )
        out.print(nothing, markup=False)
        return
    since, until = when(answer.proven_from), when(answer.proven_to)
    out.print(say(f"From {since} to {until}:", f"Du {since} au {until} :"), markup=False)
    for number, words in (
        (answer.counted, say("accesses counted as they were recorded", "accès comptés à l’enregistrement")),
        (answer.in_ledger, say("in the ledger", "au registre")),
        (answer.in_log, say("in the log", "au journal")),
        (answer.erased, say("erased since, as tombstones say", "effacés depuis, comme il est mentionné")),
        (answer.uncounted, say("that nobody counted", "que personne n’a comptés")),
        (answer.groups, say("groups", "groupes")),
    ):
        out.print(f"{number:>8}  {words}", markup=False)
    for one in answer.guards:
        if one.silent:
            out.print(_silent(one.guard_id, one.counted_to), markup=False)
    if answer.behind:
        late = "The ledger or the log is late: what is missing may be on its way."
        out.print(say(late, "Le registre ou le journal est en retard : ce qui manque est peut-être en route."))
    show(
        answer.differences,
        {
            "differs": lambda one: say(*_EXPLAINED[one.kind]),
            "group": lambda one: one.group_id,
            "where": lambda one: when(one.span) if one.revision < 0 else f"{one.revision}.{one.index}",
            "counted": lambda one: str(one.counted) if one.revision < 0 else "",
            "held": lambda one: str(one.held) if one.revision < 0 else "",
        },
        empty=say("Nothing is missing, added or changed.", "Rien ne manque, rien n’est ajouté ni changé.")
        if not answer.withheld
        else "",
    )
    if answer.withheld:
        besides = say("differences that cannot be named here", "différences qui ne peuvent être nommées ici")
        out.print(f"{answer.withheld:>8}  {besides}", markup=False)


def _silent(guard_id: str, counted_to: Timestamp) -> str:
    told = when(counted_to) if counted_to.ToMicroseconds() else "-"
    return say(
        f"The guard {guard_id} broke down: it had told what it recorded up to {told}.",
        f"Le gardien {guard_id} s’est arrêté : il avait annoncé ce qu’il a enregistré jusqu’à {told}.",
    )
