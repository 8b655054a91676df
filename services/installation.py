"""The composition root of a process: which parts run in it, how they are opened, and how they all end together.

The same code runs everything on a laptop and one service on a server: a Plan says which parts, the settings say where.

open   embedded servers -> kernel -> relays -> HTTP, gRPC -> companion -> projections, tasks -> gateway
close  gateway, companion, gRPC, HTTP -> all that runs -> kernel -> embedded servers; a part that dies closes everything
"""

import asyncio
import contextlib
import importlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from services import refusals
from services.common import contracts
from services.common.errors import Language, Refused
from services.common.eventstore import EventStore
from services.common.http import serve_http
from services.common.kafka import Kafka
from services.common.kernel import Kernel, Service, open_kernel
from services.common.projection import Projection, Reaction, Runner
from services.common.relay import Relay
from services.common.rpc import RpcServer
from services.common.settings import Settings
from services.common.telemetry import logger
from services.companion import Companion, Surroundings
from services.embedded.eventstore import FOLDER_IN_USE, EmbeddedEventStore, running_uri
from services.embedded.kafka import EmbeddedKafka
from services.gateway.gateway import Gateway, addresses_of, check_port

Build = Callable[[Settings, Kernel], Service]
Say = Callable[[str, str], None]
"""Tells the terminal how the start goes on: in English, in French."""

LOOPBACK = "127.0.0.1"
_EVERYWHERE = ("0.0.0.0", "[::]")  # noqa: S104  # what a service that listens there is never called by

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which parts run in this process. `embedded`: bring what the settings don't name, and listen on free ports.

    `companions`: services that run beside it, in a process that it starts.
    """

    services: Mapping[str, Build] = field(default_factory=dict)
    companions: tuple[str, ...] = ()
    relays: bool = False
    gateway: bool = False
    eventstore: bool = False
    kafka: bool = False
    embedded: bool = False


@dataclass(frozen=True, slots=True)
class Installation:
    """What runs, once it is ready."""

    settings: Settings
    kernel: Kernel | None
    services: tuple[Service, ...]
    addresses: Mapping[str, str]
    """host:port of all that answers, by the name that the settings know it by."""
    url: str
    """Where people reach it; empty without a gateway."""
    welcome: tuple[str, ...]


class PartDied(Exception):
    """A part that must not end has ended; its cause is what it raised."""

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(part)

    def refused(self, language: Language) -> Refused:
        """The same as a refusal, for the terminal."""
        cause = self.__cause__
        reason = cause.describe(language) if isinstance(cause, Refused) else type(cause).__name__ + "."
        return refusals.PART_DIED(part=self.part, reason=reason)


def discover() -> tuple[str, ...]:
    """The name of every service: each package with a service.py."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/service.py")))


def builds(named: Collection[str], *, everything: bool) -> Mapping[str, Build]:
    """How to build the services that are named or, with `everything`, all but those that say ON_REQUEST = True."""
    found: dict[str, Build] = {}
    for name in discover():
        if everything or name in named:
            module = importlib.import_module(f"services.{name}.service")
            if name in named or not getattr(module, "ON_REQUEST", False):
                found[name] = module.build
    return found


@contextlib.asynccontextmanager
async def open_at_rest(
    settings: Settings, services: Mapping[str, Build]
) -> AsyncIterator[tuple[Kernel, list[Service]]]:
    """The services built on the stored data, with nothing of theirs running: beside a running Regard, or alone.

    Raises Refused.
    """
    async with contextlib.AsyncExitStack() as parts:
        servers = _Servers(settings) if settings.eventstore_uri else await _open_or_join(parts, settings)
        kernel = await parts.enter_async_context(open_kernel(servers.settings, "check", store=servers.store))
        yield kernel, [build(settings, kernel) for build in services.values()]


async def _open_or_join(parts: contextlib.AsyncExitStack, settings: Settings) -> "_Servers":
    """Starts the embedded event store, or finds the one that runs on the same data."""
    try:
        return await _open_servers(parts, settings, Plan(eventstore=True), _say_nothing)
    except Refused as refused:
        uri = running_uri(settings.data / "eventstore") if refused.refusal is FOLDER_IN_USE else ""
        if not uri:
            raise
        return _Servers(settings.model_copy(update={"eventstore_uri": uri}))


def _say_nothing(_en: str, _fr: str) -> None:
    pass


@contextlib.asynccontextmanager
async def open_installation(
    settings: Settings, plan: Plan, say: Say, *, kafka: Kafka | None = None
) -> AsyncIterator[Installation]:
    """Runs the plan's parts until the block ends. If one dies, the block is cancelled and PartDied is raised.

    `kafka`: how to reach the one that the settings name, where they can't say it all.
    Raises Refused if something can't be opened; then all the rest is closed again.
    """
    if plan.gateway:
        # Chosen now, since services must know how to reach the gateway.
        settings = settings.model_copy(update={"port": settings.port or _free_port(settings.host)})
        check_port(settings.host, settings.port)
    try:
        async with contextlib.AsyncExitStack() as parts:
            servers = await _open_servers(parts, settings, plan, say, kafka)
            settings, kernel = servers.settings, await _open_kernel(parts, servers, plan)
            async with asyncio.TaskGroup() as group:
                tasks = _Tasks(group)
                try:
                    async with contextlib.AsyncExitStack() as doors:
                        yield await _start(doors, tasks, settings, kernel, plan, say)
                finally:
                    tasks.cancel()
    except BaseExceptionGroup as group:
        first = _first(group)
        if isinstance(first, PartDied):
            _log.error("a part has died", part=first.part, exc_info=first.__cause__)
        raise first from first.__cause__


class _Tasks:
    """Starts what runs until the installation closes."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: list[asyncio.Task[None]] = []

    def start(self, part: str, run: Awaitable[None], *, may_end: bool = False) -> asyncio.Task[None]:
        """Runs a part that must not fail nor, unless it may, end."""

        async def watched() -> None:
            try:
                await run
            except Exception as error:
                raise PartDied(part) from error
            if not may_end:
                raise PartDied(part) from RuntimeError("it ended")

        task = self._group.create_task(watched(), name=part)
        self._running.append(task)
        return task

    def cancel(self) -> None:
        """Ends them all."""
        for task in self._running:
            task.cancel()


@dataclass(frozen=True, slots=True)
class _Servers:
    """The settings, which name every server, and how to reach those that run in this process."""

    settings: Settings
    kafka: Kafka | None = None
    store: EventStore | None = None


async def _open_servers(
    parts: contextlib.AsyncExitStack, settings: Settings, plan: Plan, say: Say, kafka: Kafka | None = None
) -> _Servers:
    """Opens the embedded servers that are wanted."""
    store: EventStore | None = None
    if plan.eventstore or (plan.embedded and not settings.eventstore_uri):
        node = EmbeddedEventStore(settings.data / "eventstore", settings.eventstore_port)
        await parts.enter_async_context(node)
        settings, store = settings.model_copy(update={"eventstore_uri": node.uri}), node.direct
        where = node.uri if plan.eventstore else f"{LOOPBACK}:{node.port}"
        say(
            f"event store: embedded, for laptops and not for production ({where})",
            f"événements : journal embarqué, pour un portable et non la production ({where})",
        )
    if plan.kafka or (plan.embedded and not settings.kafka_bootstrap):
        broker = EmbeddedKafka({file.topic: file.partitions for file in contracts.event_files()})
        parts.callback(broker.close)
        kafka = broker.connection()
        settings = settings.model_copy(update={"kafka_bootstrap": kafka.bootstrap})
        say(
            f"Kafka: in this process, for laptops and not for production ({kafka.bootstrap})",
            f"Kafka : dans ce processus, pour un portable et non la production ({kafka.bootstrap})",
        )
    return _Servers(settings, kafka, store)


async def _open_kernel(parts: contextlib.AsyncExitStack, servers: _Servers, plan: Plan) -> Kernel | None:
    if not plan.services and not plan.relays:
        return None
    _require(servers.settings)
    name = next(iter(plan.services)) if len(plan.services) == 1 else "regard"
    return await parts.enter_async_context(
        open_kernel(servers.settings, name, kafka=servers.kafka, store=servers.store)
    )


async def _start(
    doors: contextlib.AsyncExitStack,
    tasks: _Tasks,
    settings: Settings,
    kernel: Kernel | None,
    plan: Plan,
    say: Say,
) -> Installation:
    services: tuple[Service, ...] = ()
    addresses: Mapping[str, str] = settings.address
    if kernel and plan.relays:
        for file in contracts.event_files():
            tasks.start(f"relay {file.service}", Relay(kernel.store, kernel.kafka, file).run())
    if kernel and plan.services:
        services = tuple(build(settings, kernel) for build in plan.services.values())
        http = await _serve_http(doors, tasks, settings, services, plan)
        server = await _serve_rpc(doors, kernel, services, plan)
        companion = await _start_companion(doors, tasks, kernel, plan) if plan.companions else None
        names = ", ".join((*plan.services, *plan.companions))
        say(f"services: {names}", f"services : {names}")
        # Tasks may read the tables before there is anything in them.
        for service in services:
            for projection in service.projections:
                await kernel.database(service.name).create(projection.metadata)
        # Before the views are up to date: a reaction that has events to handle may call what a task keeps going.
        for service in services:
            for task in service.tasks:
                tasks.start(service.name, task(), may_end=True)
        await _catch_up(tasks, kernel, services)
        if server:
            await server.set_serving(True)
        if companion:
            kernel.addresses.update(await companion.ready())
            doors.callback(tasks.start(companion.name, companion.ended()).cancel)
        addresses = {**kernel.addresses, **http}
        say("views: up to date", "vues : à jour")
    url = await _open_gateway(doors, tasks, settings, addresses) if plan.gateway else ""
    return Installation(settings, kernel, services, addresses, url, await _welcome(services))


async def _welcome(services: Iterable[Service]) -> tuple[str, ...]:
    told = [(service.speaks_for_all, await service.welcome()) for service in services if service.welcome]
    alone = any(speaks_for_all for speaks_for_all, _ in told)
    return tuple(line for speaks_for_all, lines in told if speaks_for_all or not alone for line in lines)


def _require(settings: Settings) -> None:
    if not settings.eventstore_uri:
        raise refusals.NO_ADDRESS(part="event store", variable="REGARD_EVENTSTORE_URI")
    if not settings.kafka_bootstrap:
        raise refusals.NO_ADDRESS(part="Kafka", variable="REGARD_KAFKA_BOOTSTRAP")


async def _serve_rpc(
    doors: contextlib.AsyncExitStack, kernel: Kernel, services: Iterable[Service], plan: Plan
) -> RpcServer | None:
    """One server for all services that have RPCs; its address becomes known to peers."""
    serving = [service for service in services if service.servicers]
    if not serving:
        return None
    names = [service.name for service in serving]
    where = [f"{LOOPBACK}:0"] if plan.embedded else [_listen_address(kernel.settings, name) for name in names]
    try:
        server = RpcServer(kernel.border(serving), *where)
    except OSError:
        raise refusals.CANNOT_LISTEN(part=", ".join(names), address=", ".join(where)) from None
    host = where[0].rpartition(":")[0]
    reached = LOOPBACK if host in _EVERYWHERE else host
    for service in serving:
        server.add(service.name, service.servicers)
        kernel.addresses[service.name] = f"{reached}:{server.port}"
    doors.push_async_callback(server.stop)
    await server.start()
    return server


async def _serve_http(
    doors: contextlib.AsyncExitStack, tasks: _Tasks, settings: Settings, services: Iterable[Service], plan: Plan
) -> dict[str, str]:
    """Serves the applications; gives host:port by the name that the settings know each by."""
    found: dict[str, str] = {}
    for service in services:
        if service.http is None:
            continue
        name = _http_name(service.name)
        where = f"{LOOPBACK}:0" if plan.embedded else _listen_address(settings, name)
        host, port = _split(where)
        try:
            server = await doors.enter_async_context(serve_http(service.http, host, port))
        except OSError:
            raise refusals.CANNOT_LISTEN(part=service.name, address=where) from None
        doors.callback(tasks.start(f"{service.name} http", server.ended()).cancel)
        found[name] = f"{host}:{server.port}"
    return found


async def _catch_up(tasks: _Tasks, kernel: Kernel, services: Iterable[Service]) -> None:
    """Starts every projection and reaction; returns when they show what the event store held."""
    runners: list[Runner] = []
    for service in services:
        followers: tuple[Projection | Reaction, ...] = (*service.projections, *service.reactions)
        database = kernel.database(service.name)
        runners += [
            Runner(follower, store=kernel.store, codec=kernel.codec, kafka=kernel.kafka, database=database)
            for follower in followers
        ]
    for runner in runners:
        tasks.start(runner.follower.name, runner.run())
    for runner in runners:
        await runner.caught_up.wait()


async def _start_companion(doors: contextlib.AsyncExitStack, tasks: _Tasks, kernel: Kernel, plan: Plan) -> Companion:
    """Starts the services beside this process, which then come up to date while those here do."""
    companion = await doors.enter_async_context(Companion(plan.companions))
    bell = kernel.kafka.bell
    companion.tell(Surroundings.of(kernel.settings, kernel.addresses, kafka_embedded=bell is not None))
    if bell:
        doors.callback(tasks.start(f"{companion.name} bell", companion.pass_on(bell)).cancel)
    return companion


async def _open_gateway(
    doors: contextlib.AsyncExitStack, tasks: _Tasks, settings: Settings, addresses: Mapping[str, str]
) -> str:
    """Starts Envoy before these addresses; gives its URL."""
    found = addresses_of(settings.model_copy(update={"address": addresses}))
    gateway = await doors.enter_async_context(Gateway(settings, found, settings.port))
    doors.callback(tasks.start("gateway", gateway.closed()).cancel)
    return settings.url


def _free_port(host: str) -> int:
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])


def _listen_address(settings: Settings, name: str) -> str:
    if name not in settings.listen:
        raise refusals.NO_LISTEN(part=name, variable=f"REGARD_{name.upper()}_LISTEN")
    return settings.listen[name]


def _http_name(service: str) -> str:
    """A service with RPCs has HTTP beside them; one without has nothing else."""
    return f"{service}_http" if any(method.service == service for method in contracts.methods()) else service


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """What went wrong first; the rest is what that brought about."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
