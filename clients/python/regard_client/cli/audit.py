"""What auditors ask of the ledger: each question says why, and the groups that it concerns see that it was asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import (
    CheckCompletenessRequest,
    CheckCompletenessResponse,
    GetBreakGlassTrailRequest,
    GetBreakGlassTrailResponse,
    GetStatisticsRequest,
    SearchAccessesRequest,
)
from regard.audit.v1.events_pb2 import Action, ReaderKind
from regard.common.v1.common_pb2 import PageRequest, Purpose
from regard.common.v1.options_pb2 import Role
from regard.groups.v1.break_glass_pb2 import BreakGlassCase
from regard.groups.v1.rules_pb2 import BreakGlassScope

from regard_client import exports
from regard_client.cli.content import (
    Limit,
    PurposeName,
    Reference,
    names_of,
    purpose_of,
    show_entries,
    when,
)
from regard_client.cli.context import (
    REFUSED,
    USAGE,
    connected,
    fail,
    harmless,
    options,
    out,
    pages,
    say,
    show,
    show_json,
)
from regard_client.cli.log import PolicyFile, counted, has_policy, verify_folder
from regard_client.verify.reasons import Unverified

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


@audit.command("export")
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to, which must not exist.")],
    reference: Reference,
    group: Annotated[list[str] | None, typer.Option(help="Id of a group; more than once for several.")] = None,
    purpose: PurposeName = "internal_audit",
    reader: Reader = "",
    since: Annotated[str, typer.Option("--from", help="Only from this day or moment on (ISO 8601, UTC).")] = "",
    until: Annotated[str, typer.Option("--to", help="Only before this day or moment.")] = "",
    policy: PolicyFile = None,
) -> None:
    """Export accesses with their receipts, signed, to keep or hand on: members of the groups will see that you did."""
    query = _query(group or [], reference, purpose, reader)
    for name, words in (("from", since), ("to", until)):
        if words:
            getattr(query, name).FromDatetime(_moment(words))
    with connected() as regard, _exporting(folder), counted(folder.name) as told:
        exports.export(regard, query, folder, told)
    if policy or has_policy():
        verify_folder(folder, policy)
    elif not options.json:
        out.print(
            say(
                f"{folder} is complete. Who signed it says: regard verify {folder} (after regard trust).",
                f"{folder} est complet. Qui l’a signé : regard verify {folder} (après regard trust).",
            ),
            markup=False,
        )


@contextmanager
def _exporting(folder: Path) -> Iterator[None]:
    """Ends the command with a sentence when the folder cannot be made of what came."""
    try:
        yield
    except FileExistsError:
        fail(
            say(f"{folder} is there already.", f"{folder} existe déjà."),
            say("Name a new folder.", "Nommez un nouveau dossier."),
            USAGE,
        )
    except OSError as error:
        reason = error.strerror
        fail(say(f"{folder} can’t be written: {reason}.", f"{folder} ne peut pas être écrit : {reason}."), "", USAGE)
    except (exports.BadExport, Unverified):
        fail(
            say(
                "What came is no whole export: nothing was kept.",
                "L’exportation reçue n’est pas entière : rien n’est gardé.",
            ),
            say("Try again; if it stays so, report it.", "Réessayez ; si cela persiste, signalez-le."),
            REFUSED,
        )


def _moment(words: str) -> datetime:
    try:
        moment = datetime.fromisoformat(words)
    except ValueError:
        fail(
            say(f"“{words}” is no day or moment.", f"« {words} » n’est ni un jour ni un moment."),
            say("Write 2026-11-27 or 2026-11-27T08:30.", "Écrivez 2026-11-27 ou 2026-11-27T08:30."),
            USAGE,
        )
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


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


@audit.command("trail")
def trail(
    id: Annotated[str, typer.Argument(metavar="ID", help="Identifier of the break-glass.")],
    reference: Reference,
    purpose: PurposeName = "internal_audit",
) -> None:
    """Show all of a break-glass: who asked, approved and ended it, and each access. Its group will see that you did."""
    asked = GetBreakGlassTrailRequest(break_glass_id=id, purpose=purpose_of(purpose), purpose_reference=reference)
    with connected() as regard:

        def ask(page: PageRequest) -> GetBreakGlassTrailResponse:
            asked.page.CopyFrom(page)
            return regard.audit.GetBreakGlassTrail(asked)

        answer, *others = pages(ask)
        for one in others:
            answer.accesses.extend(one.accesses)
        answer.ClearField("page")
        if options.json:
            show_json(answer)
            return
        case = answer.case
        names = names_of(regard, (case.requested_by, case.approved_by, case.ended_by))
        for label, words in _told(answer, names):
            out.print(f"{label:<18}{harmless(words)}", markup=False)
        out.print()
        show_entries(regard, answer.accesses)


def _told(trail: GetBreakGlassTrailResponse, names: dict[str, str]) -> list[tuple[str, str]]:
    """What was decided, as lines: what, and the words."""
    case = trail.case
    unseen = say("never: it was not opened", "jamais : il n’a pas été ouvert")
    lines = [
        (say("state", "état"), BreakGlassCase.State.Name(case.state).removeprefix("STATE_").lower()),
        (say("group", "groupe"), case.group_id),
        (say("reason", "motif"), f"{Purpose.Name(case.reason).removeprefix('PURPOSE_').lower()}, {case.reference}"),
        (say("scope", "portée"), _scope(case.scope)),
        (say("asked", "demandé"), _by(when(case.requested_at), case.requested_by, names, case.requester_role)),
    ]
    if case.approved_by:
        approved = _by(when(trail.approved_at), case.approved_by, names, case.approver_role)
        lines.append((say("approved", "approuvé"), approved))
    lines += [
        (say("seen by members", "vu des membres"), when(case.opened_at) or unseen),
        (say("until", "jusqu’au"), when(case.ends_at)),
    ]
    if case.HasField("ended_at"):
        refused = case.state == BreakGlassCase.STATE_REFUSED
        label = say("refused", "refusé") if refused else say("ended", "terminé")
        lines.append((label, _by(when(case.ended_at), case.ended_by, names)))
    return lines


def _by(at: str, person_id: str, names: dict[str, str], role: Role = Role.ROLE_UNSPECIFIED) -> str:
    who = names.get(person_id, person_id)
    return f"{at}  {who}" + (f", {Role.Name(role).removeprefix('ROLE_').lower()}" if role else "")


def _scope(scope: BreakGlassScope) -> str:
    bounds = {name: when(getattr(scope, name)) for name in ("from", "to") if scope.HasField(name)}
    words = [
        *([say("from", "à partir du") + f" {bounds['from']}"] if "from" in bounds else []),
        *([say("before", "avant le") + f" {bounds['to']}"] if "to" in bounds else []),
        *scope.object_ids,
    ]
    return ", ".join(words) or say("all of the group", "tout le groupe")


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
