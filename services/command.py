"""The command line of `python -m services`: which targets, how the start is told, how Ctrl-C ends it."""

import argparse
import asyncio
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path

from services import refusals
from services.common.check import Checked, check
from services.common.errors import Language, Refused
from services.common.internalkey import BadInternalKey
from services.common.masterkey import BadMasterKey
from services.common.settings import BadSettings, Settings, load_settings, misspelt
from services.common.telemetry import open_telemetry
from services.companion import BESIDE, join_first_process
from services.installation import PartDied, Plan, builds, discover, open_at_rest, open_installation

_DESCRIPTION = "Runs parts of Regard in this process until Ctrl-C. / Lance des parties de Regard jusqu’à Ctrl-C."
_PARTS = {
    "all": "everything, on a laptop; brings what the settings don't name",
    "eventstore": "the embedded event store alone, on REGARD_EVENTSTORE_PORT",
    "kafka": "the embedded Kafka alone",
    "relay": "carries events from the event store to Kafka",
    "gateway": "Envoy, before the services that the settings name",
    "check": "compares views with events, the ledger with its streams, content with keys, while Regard runs or after",
}
_COMPANIONS = ("audit",)
"""What `all` runs in a second process: much work, which no other service waits for."""
_COMPARED: Mapping[Language, str] = {"en": "rows, as the events say", "fr": "lignes, comme le disent les événements"}
_MOST_DIFFERENCES = 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main(arguments: Sequence[str]) -> int:
    """Runs the targets; the exit status: 0 when asked to stop, 1 when something is refused or dies."""
    services = discover()
    language = terminal_language(os.environ)
    parsed = _parser(services).parse_args(arguments)
    targets = parsed.target
    try:
        settings = _settings(beside=parsed.beside)
        if parsed.beside:
            with open_telemetry(settings, "+".join(targets)):
                return _run(_serve_beside(settings, targets))
        plan = _plan(targets, services)
        for sentence in misspelt(os.environ):
            _tell(sentence)
        with open_telemetry(settings, "+".join(targets)):
            return _run(_check(settings, language) if plan is None else _serve(settings, plan, language))
    except BadSettings as bad:
        return _fail("\n".join(bad.sentences))
    except (BadMasterKey, BadInternalKey) as bad:
        return _fail(str(bad))
    except PartDied as died:
        return _fail(_described(died.refused(language), language))
    except Refused as refused:
        return _fail(_described(refused, language))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:  # all others that listen say so themselves
            address = f"0.0.0.0:{_settings(beside=parsed.beside).metrics_port}"
            return _fail(_described(refusals.CANNOT_LISTEN(part="metrics", address=address), language))
        # What opens files and ports elsewhere says more; this is what is left.
        folder, reason = str(error.filename or load_settings().data), error.strerror or type(error).__name__
        return _fail(_described(refusals.DATA_UNUSABLE(folder=folder, reason=reason), language))


def _settings(*, beside: bool) -> Settings:
    """The environment's; a companion has the same, and gives its measures on the next port."""
    settings = load_settings()
    if beside and settings.metrics_port:
        return settings.model_copy(update={"metrics_port": settings.metrics_port + 1})
    return settings


def terminal_language(environment: Mapping[str, str]) -> Language:
    """The language of who started this: French if the locale says so, else English."""
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "fr" if locale.lower().startswith("fr") else "en"


def _parser(services: Iterable[str]) -> argparse.ArgumentParser:
    lines = [f"  {name:<12}{meaning}" for name, meaning in _PARTS.items()]
    lines += [f"  {name:<12}the service of that name" for name in services]
    parser = argparse.ArgumentParser(
        prog="python -m services",
        description=_DESCRIPTION,
        epilog="targets:\n" + "\n".join(lines) + "\n\nSettings are environment variables: docs/settings.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("target", nargs="+", metavar="TARGET")
    parser.add_argument(BESIDE, action="store_true", help=argparse.SUPPRESS)
    return parser


def _plan(targets: Sequence[str], services: Collection[str]) -> Plan | None:
    """What to run; None for `check`, which runs nothing."""
    known = (*_PARTS, *services)
    for target in targets:
        if target not in known or (target == "check" and len(targets) > 1):
            raise refusals.UNKNOWN_TARGET(target=target, targets=", ".join(known))
    if "check" in targets:
        return None
    everything = "all" in targets
    chosen = builds(targets, everything=everything)
    companions = _COMPANIONS if everything else ()
    return Plan(
        services={name: build for name, build in chosen.items() if name not in companions},
        companions=companions,
        relays=everything or "relay" in targets,
        gateway=everything or "gateway" in targets,
        eventstore="eventstore" in targets,
        kafka="kafka" in targets,
        embedded=everything,
    )


async def _serve(settings: Settings, plan: Plan, language: Language) -> int:
    """Runs until cancelled."""

    def say(en: str, fr: str) -> None:
        _tell("  " + (fr if language == "fr" else en))

    _prepare(settings.data)
    async with open_installation(settings, plan, say) as installation:
        _keep_what_was_made()
        _tell(f"{'Ready' if language == 'en' else 'Prêt'} {installation.url}".rstrip())
        for line in installation.welcome:
            _tell(line)
        await asyncio.Event().wait()
    return 0


async def _serve_beside(settings: Settings, services: Sequence[str]) -> int:
    """Runs services beside the process that started this one, until cancelled."""
    plan = Plan(services=builds(services, everything=False), embedded=True)
    async with (
        join_first_process() as first,
        open_installation(first.settings(settings), plan, lambda _en, _fr: None, kafka=first.kafka) as installation,
    ):
        _keep_what_was_made()
        first.tell(installation.addresses)
        await asyncio.Event().wait()
    return 0


def _keep_what_was_made() -> None:
    """What a start leaves behind stays: the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


async def _check(settings: Settings, language: Language) -> int:
    """Tells of views, and of what services check besides, whether all is as it should be; 1 if it is not.

    Raises Refused (RUN-07): no data.
    """
    if not settings.eventstore_uri and not (settings.data / "eventstore").is_dir():
        raise refusals.NOTHING_TO_CHECK(folder=str(settings.data.absolute()))
    agree = True
    async with open_at_rest(settings, builds((), everything=True)) as (kernel, services):
        for service in services:
            for projection in service.projections:
                database = kernel.database(service.name)
                checked = await check(projection, database, kernel.store, kernel.codec)
                agree &= checked.agrees
                for line in _findings(projection.name, checked, _COMPARED[language], language):
                    _tell(line)
            for one in service.checks:
                checked = await one.run()
                agree &= checked.agrees
                for line in _findings(one.name, checked, one.compared[language], language):
                    _tell(line)
    return 0 if agree else 1


def _findings(name: str, checked: Checked, compared: str, language: Language) -> Iterable[str]:
    french = language == "fr"
    for one in checked.differences[:_MOST_DIFFERENCES]:
        kinds = {"missing": "manque", "unexpected": "de trop", "different": "autre"}
        yield f"{name}: {one.table} {', '.join(one.key)}: {kinds[one.kind] if french else one.kind}"
    if (more := len(checked.differences) - _MOST_DIFFERENCES) > 0:
        yield f"{name}: … {more} {'autres' if french else 'more'}"
    if count := checked.set_aside:
        yield f"{name}: {count} événements mis de côté" if french else f"{name}: {count} events were set aside"
    if checked.agrees:
        yield f"{name}: {checked.rows} {compared}"
    if checked.behind:
        late = "en retard, se rattrape au démarrage" if french else "behind, catches up when Regard starts"
        yield f"{name}: {late}"


def _prepare(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(data, os.W_OK | os.X_OK):
            raise PermissionError(13, "permission denied")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise refusals.DATA_UNUSABLE(folder=str(data), reason=reason) from None


def _run(process: Coroutine[None, None, int]) -> int:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_until_asked_to_stop(process))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # there is none for Windows
        return None
    return uvloop.new_event_loop


async def _until_asked_to_stop(process: Coroutine[None, None, int]) -> int:
    """The first Ctrl-C (or SIGTERM) stops in order, the second at once: Envoy ends with this process in any case."""
    task = asyncio.create_task(process)
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            os._exit(130)
        asked = True
        task.cancel()

    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not asked:
            raise
        return 0


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(sentence: str) -> int:
    sys.stderr.write(sentence + "\n")
    return 1


def _described(refused: Refused, language: Language) -> str:
    return f"{refused.refusal.id} {refused.describe(language)}"
