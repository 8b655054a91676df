"""The commands about the log of accesses: verify a receipt, look at the log, witness it, monitor it."""

import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from regard.audit.v1.audit_pb2 import GetReceiptRequest, ListAccessesRequest, OpenLogRequest
from regard.common.v1.common_pb2 import PageRequest
from rich import progress as bars

from regard_client.cli.content import GroupName, PurposeName, Reference, group_id, purpose_of
from regard_client.cli.context import (
    PARTLY,
    REFUSED,
    USAGE,
    config_folder,
    connected,
    err,
    fail,
    options,
    out,
    say,
    translated,
    url,
)
from regard_client.client import Regard
from regard_client.errors import RegardError
from regard_client.log import LastSeen, TransparencyLog, fetch
from regard_client.monitor import (
    Counts,
    Opening,
    explained_up_to,
    format_head,
    read_head,
    read_openings,
    verified_entries,
)
from regard_client.verify.checkpoint import Checkpoint, parse_checkpoint
from regard_client.verify.export import verify_export
from regard_client.verify.hashing import format_hash
from regard_client.verify.history import require_growth
from regard_client.verify.places import Place, place_of, require_no_gap
from regard_client.verify.policy import Policy, Vouched, parse_policy
from regard_client.verify.reasons import Unverified
from regard_client.verify.receipt import SUFFIX, Step, parse_receipt, verify_receipt

PolicyFile = Annotated[
    Path | None,
    typer.Option("--policy", help="Whose log, and which witnesses are needed (a tlog-policy).", envvar="REGARD_POLICY"),
]
LogUrl = Annotated[str, typer.Option("--log", help="Where the log is, if not where the policy or Regard says.")]

_PROVABLE_WITHIN_S = 10
_NOT_YET = ("AUD-04", "AUD-05")  # recorded, and not in the published log yet
_FIRST = Step(
    "first",
    "Nothing of this log was seen here before; what the receipt says of it is remembered.",
    "Rien de ce journal n’avait été vu ici ; ce que le reçu en dit est retenu.",
)
_SAME = Step(
    "same",
    "It is the log that was seen here before.",
    "C’est le journal déjà vu ici.",
)
_OTHER_SIZE = Step(
    "later",
    "Not compared with the log as it was seen here at another size: that takes a network (regard log).",
    "Non comparé avec le journal vu ici à une autre taille : il faut pour cela un réseau (regard log).",
)


def register(app: typer.Typer) -> None:
    """Adds these commands to the `regard` command."""
    for name, command in (
        ("receipt", receipt),
        ("verify", verify),
        ("trust", trust),
        ("log", look),
        ("witness", witness),
        ("monitor", monitor),
        ("openings", openings),
    ):
        app.command(name)(command)


def receipt(
    group: GroupName,
    access: Annotated[str, typer.Argument(help="Id of an access; by default the newest that you can have.")] = "",
    to: Annotated[Path, typer.Option(help="Folder to write it to.")] = Path(),
) -> None:
    """Get the receipt of an access: what proves to anybody, for good, that it is in the log."""
    with connected() as regard:
        identifier = group_id(regard, group)
        asked = GetReceiptRequest(group_id=identifier, access_id=access or _newest(regard, identifier))
        file = to / f"{asked.access_id}{SUFFIX}"
        data = _provable(lambda: regard.ledger.GetReceipt(asked).receipt)
    _write(file, data)
    out.print(str(file), markup=False)


def _newest(regard: Regard, group_id: str) -> str:
    """The newest access whose reader the group's rules show by name."""
    asked = ListAccessesRequest(scope=ListAccessesRequest.SCOPE_GROUP, group_id=group_id, page=PageRequest(size=200))
    entries = regard.ledger.ListAccesses(asked).entries
    named = next((one.access_id for one in entries if one.access_id and one.reader_id), "")
    if not named:
        fail(
            say("No access to this group is shown by name.", "Aucun accès à ce groupe n’est montré nommément."),
            say("The group’s rules count them.", "Les règles du groupe les comptent."),
            REFUSED,
        )
    return named


def _provable(ask: Callable[[], bytes]) -> bytes:
    """The receipt, as soon as the log that holds the access is published."""
    until = time.monotonic() + _PROVABLE_WITHIN_S
    while True:
        try:
            return ask()
        except RegardError as error:
            if error.id not in _NOT_YET or time.monotonic() > until:
                raise
        time.sleep(0.2)


def trust(policy: PolicyFile = None) -> None:
    """Trust the log that this policy says, or the one that Regard serves now: from then on no other."""
    data = _read(policy) if policy else _served_policy()
    kept = config_folder() / "policy"
    try:
        trusted = parse_policy(data)
        changed = kept.is_file() and parse_policy(_read(kept)) != trusted
    except Unverified as refused:
        _fail(refused)
    if changed:
        fail(
            say(f"{kept} says otherwise.", f"{kept} dit autre chose."),
            say(
                "Ask somebody else which is right: the works council, a witness. To change your mind, delete the file.",
                "Demandez ailleurs lequel est juste : comité d’entreprise, témoin. Pour changer d’avis, effacez-le.",
            ),
            REFUSED,
        )
    _write(kept, data)
    for log in trusted.logs:
        out.print(say(f"log {log.key}", f"journal {log.key}"), markup=False)
    for name, witness in trusted.witnesses.items():
        out.print(say(f"witness {name} {witness.key}", f"témoin {name} {witness.key}"), markup=False)


def _served_policy() -> bytes:
    with translated():
        return fetch(f"{url()}/log/policy")


def verify(
    files: Annotated[
        list[Path], typer.Argument(help="Receipts (.tlog-proof), or folders of exports.", metavar="FILE...")
    ],
    policy: PolicyFile = None,
) -> None:
    """Verify receipts and exports step by step, without a network and without trusting Regard."""
    trusted = _policy(policy)
    verified = [_verify_export(file, trusted) if file.is_dir() else _verify(file, trusted) for file in files]
    places = [place for _, place in verified if place]
    for group in sorted({place.group for place in places}):
        _tell_places([place for place in places if place.group == group])
    if not all(ok for ok, _ in verified):
        raise typer.Exit(REFUSED)


def look(policy: PolicyFile = None, log: LogUrl = "") -> None:
    """Look at the log: that the policy accepts it, and that it contains what was seen here before."""
    trusted = _policy(policy)
    with _reported(), _opened(trusted, log) as seen:
        _tell_checkpoint(seen.look())


def monitor(
    policy: PolicyFile = None,
    log: LogUrl = "",
    openings: Annotated[
        Path | None,
        typer.Option(help="What opens the entries, from an auditor: JSON, one a line.", exists=True, dir_okay=False),
    ] = None,
    publish: Annotated[Path | None, typer.Option(help="Where to write what was found, as JSON.")] = None,
) -> None:
    """Read the whole log again: every file against the signed root, and every entry explained."""
    trusted = _policy(policy)
    with _reported(), _opened(trusted, log) as seen:
        counted = vouched = seen.look()
        entries = verified_entries(seen, vouched.checkpoint)
        if openings:
            counted = trusted.open(read_head(openings))
            counts = explained_up_to(entries, counted.checkpoint, read_openings(openings), datetime.now(UTC))
        else:
            counts = None
            deque(entries, maxlen=0)
    _tell_checkpoint(vouched)
    _tell_counts(counted, counts, publish)
    if counts and counts.unexplained:
        raise typer.Exit(PARTLY)


def openings(
    file: Annotated[Path, typer.Argument(help="Where to write it, for `regard monitor --openings`.", dir_okay=False)],
    reference: Reference,
    purpose: PurposeName = "internal_audit",
) -> None:
    """Write what opens the entries of the log, as an auditor: every group that has any will see that you did."""
    asked = OpenLogRequest(purpose=purpose_of(purpose), purpose_reference=reference)
    fresh = file.with_name(f"{file.name}.{os.getpid()}")
    count = 0
    try:
        fresh.touch(mode=0o600)  # it tells who accessed what
        with connected() as regard, fresh.open("w", encoding="utf-8") as lines:
            for frame in regard.audit.OpenLog(asked):
                if frame.checkpoint:
                    lines.write(format_head(frame.checkpoint))
                for one in frame.openings:
                    lines.write(str(Opening(one.index, one.salt, one.record)))
                count += len(frame.openings)
        fresh.replace(file)
    except OSError as error:
        _cannot_write(file, error)
    finally:
        fresh.unlink(missing_ok=True)
    out.print(say(f"{file}: {count} entries open", f"{file} : {count} entrées ouvertes"), markup=False)


def witness(
    name: Annotated[str, typer.Option(help="Name of this witness, such as council.example/w1. It can't be changed.")],
    policy: PolicyFile = None,
    folder: Annotated[Path, typer.Option(help="Where its keys and what it has seen are kept.")] = Path("witness"),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 7380,
) -> None:
    """Be a witness of the logs of a policy, until Ctrl-C: cosign what only grows (tlog-witness)."""
    import uvicorn  # no other command needs these two

    from regard_client.witness import application, open_witness

    logs = [log.key for log in _policy(policy).logs]
    if not logs:
        fail(say("The policy names no log.", "La politique ne nomme aucun journal."), "", USAGE)
    try:
        mine = open_witness(folder, name, logs)
    except Unverified as refused:
        _fail(refused)
    except (ValueError, OSError) as error:
        fail(str(error), "", USAGE)
    config = uvicorn.Config(application(mine), host, port, log_level="warning", lifespan="off", server_header=False)
    listening = config.bind_socket()
    listening.listen()  # so that whoever reads the address below is not refused
    for key in mine.verifiers:
        out.print(str(key), markup=False)
    out.print(f"http://{host}:{listening.getsockname()[1]}", markup=False)
    uvicorn.Server(config).run(sockets=[listening])


def _tell_places(places: list[Place]) -> None:
    """Whether the receipts of one group follow one another: they need not, and it is told."""
    if options.json or len(places) < 2:
        return
    try:
        require_no_gap(places)
    except Unverified as gap:
        out.print(f"  ! {gap.id} {gap.sentence(options.language)}", style="yellow", markup=False)
        return
    group, count = places[0].group, len(places)
    told = say(f"Nothing is missing between these {count}.", f"Rien ne manque entre ces {count}.")
    out.print(f"  ✓ {group}: {told}", markup=False)


def _verify(file: Path, policy: Policy) -> tuple[bool, Place | None]:
    """Whether it verifies, and the place of what it proves, if that has one."""
    if not options.json:
        out.print(str(file), markup=False)
    try:
        data = _read(file)
        verified = verify_receipt(data, policy, _tell_step)
        _tell_step(_compared(verified.vouched, policy))
        place = place_of(parse_receipt(data))
    except Unverified as refused:
        _tell_unverified(file, refused)
        return False, None
    if options.json:
        _print_json({"file": str(file), "verified": True, "index": verified.index, "record": dict(verified.record)})
    else:
        record = json.dumps(verified.record, ensure_ascii=False, indent=2).replace("\n", "\n    ")
        told = say("Verified. The record says:", "Vérifié. L’enregistrement dit :")
        out.print(f"  {told}\n    {record}", markup=False)
    return True, place


def has_policy() -> bool:
    """Whether a log is trusted here."""
    return (config_folder() / "policy").is_file()


def verify_folder(folder: Path, policy: Path | None) -> None:
    """Verifies an export step by step; ends the command if it does not verify."""
    ok, _ = _verify_export(folder, _policy(policy))
    if not ok:
        raise typer.Exit(REFUSED)


@contextmanager
def counted(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar of how many accesses are done; nothing with --json, or where nobody looks."""
    with bars.Progress(console=err, disable=options.json, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _verify_export(folder: Path, policy: Policy) -> tuple[bool, Place | None]:
    """Whether it verifies."""
    if not options.json:
        out.print(str(folder), markup=False)
    try:
        with counted(folder.name) as told:
            manifest = verify_export(folder, policy, _tell_step, told)
    except Unverified as refused:
        _tell_unverified(folder, refused)
        return False, None
    except OSError as error:
        reason = error.strerror
        fail(say(f"{folder} can’t be read: {reason}.", f"{folder} ne peut pas être lu : {reason}."), "", USAGE)
    if options.json:
        _print_json({"file": str(folder), "verified": True, "accesses": manifest.accesses, **manifest.said})
    return True, None


def _tell_step(step: Step) -> None:
    if not options.json:
        out.print(f"  ✓ {step.sentence(options.language)}", markup=False)


def _tell_unverified(file: Path, refused: Unverified) -> None:
    why = {"id": refused.id, "sentence": refused.sentence(options.language)}
    if options.json:
        _print_json({"file": str(file), "verified": False, **why})
    else:
        out.print(f"  ✗ {say('NOT VERIFIED', 'NON VÉRIFIÉ')}: {_described(refused)}", style="red", markup=False)
    _keep_evidence(refused)


def _compared(vouched: Vouched, policy: Policy) -> Step:
    """What is known of the log from before, offline. Raises Unverified when not both can be of one log."""
    seen, now = LastSeen(_seen_folder()), vouched.checkpoint
    last = seen.get(now.origin, policy)
    if last is None:
        seen.keep(now.origin, vouched.note)
        return _FIRST
    if parse_checkpoint(last.text).size != now.size:
        return _OTHER_SIZE
    require_growth(last, vouched.note, lambda old, new: ())
    return _SAME


def _policy(file: Path | None) -> Policy:
    path = file or config_folder() / "policy"
    if not path.is_file():
        fail(
            say(f"There is no policy file {path}.", f"Il n’y a pas de fichier de politique {path}."),
            say(
                "Ask those you trust for it and give it with --policy, or believe Regard once: regard trust",
                "Demandez-le à qui vous faites confiance (--policy), ou croyez Regard une fois : regard trust",
            ),
            USAGE,
        )
    try:
        return parse_policy(_read(path))
    except Unverified as refused:
        _fail(refused)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror
        fail(say(f"{file} can’t be read: {reason}.", f"{file} ne peut pas être lu : {reason}."), "", USAGE)


def _write(file: Path, data: bytes) -> None:
    """The whole file or nothing of it: others may be reading."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_name(f"{file.name}.{os.getpid()}")
        fresh.write_bytes(data)
        fresh.replace(file)
    except OSError as error:
        _cannot_write(file, error)


def _cannot_write(file: Path, error: OSError) -> NoReturn:
    reason = error.strerror
    fail(say(f"{file} can’t be written: {reason}.", f"{file} ne peut pas être écrit : {reason}."), "", USAGE)


@contextmanager
def _opened(policy: Policy, address: str) -> Iterator[TransparencyLog]:
    named = next((log.url for log in policy.logs if log.url), "")
    with TransparencyLog(address or named or f"{url()}/log", policy, LastSeen(_seen_folder())) as log:
        yield log


@contextmanager
def _reported() -> Iterator[None]:
    """Ends the command with a sentence when the log does not verify or answer, and keeps the evidence."""
    try:
        with translated():
            yield
    except Unverified as refused:
        _keep_evidence(refused)
        _fail(refused)


def _fail(refused: Unverified) -> NoReturn:
    fail(f"{refused.id}: {refused.sentence(options.language)}", refused.remedy(options.language), REFUSED)


def _described(refused: Unverified) -> str:
    return f"{refused.id} {refused.sentence(options.language)} {refused.remedy(options.language)}"


def _keep_evidence(refused: Unverified) -> None:
    """Keeps what was signed and can't be true together, for whoever has to prove it to others."""
    if not refused.evidence:
        return
    folder = config_folder() / "evidence" / datetime.now(UTC).strftime(f"{refused.id}-%Y%m%dT%H%M%S.%f")
    folder.mkdir(parents=True)
    for name, data in refused.evidence.items():
        (folder / name.replace("/", "_")).write_bytes(data)
    err.print(say(f"The evidence is kept in {folder}", f"Les preuves sont gardées dans {folder}"), markup=False)


def _seen_folder() -> Path:
    return config_folder() / "checkpoints"


def _tell_checkpoint(vouched: Vouched) -> None:
    if options.json:
        _print_json(_said(vouched.checkpoint) | {"witnesses": dict(vouched.witnesses)})
        return
    tree = vouched.checkpoint
    out.print(
        f"{tree.origin}: {tree.size} · {format_hash(tree.root)} · {', '.join(vouched.witnesses) or '—'}", markup=False
    )


def _tell_counts(vouched: Vouched, counts: Counts | None, publish: Path | None) -> None:
    said = _said(vouched.checkpoint) | {"at": datetime.now(UTC).isoformat(), "checkpoint": bytes(vouched.note).decode()}
    if counts:
        said |= asdict(counts)
    if publish:
        _write(publish, f"{json.dumps(said, ensure_ascii=False, indent=2)}\n".encode())
    if options.json:
        _print_json(said)
    elif counts:
        out.print(" · ".join(f"{name} {count}" for name, count in asdict(counts).items()), markup=False)


def _said(tree: Checkpoint) -> dict[str, object]:
    return {"origin": tree.origin, "size": tree.size, "root": format_hash(tree.root)}


def _print_json(said: dict[str, object]) -> None:
    out.print(json.dumps(said, ensure_ascii=False), markup=False)
