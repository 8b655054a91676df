"""The gRPC server of one process: any number of services on one port, with health and reflection."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from services.common import contracts
from services.common.rpc.border import MAX_REQUEST_BYTES, Border

Servicers = Iterable[tuple[Callable[[Any, grpc.aio.Server], None], Any]]
"""Pairs of a generated `add_…Servicer_to_server` and what it adds."""

STOP_GRACE_S = 3.0

_MOST_METADATA_BYTES = 128 * 1024
_MOST_PENDING = 20_000

_OPTIONS = (
    # Above our own limit, so that what is too large gets an id and a sentence; beyond this, gRPC cuts it off.
    ("grpc.max_receive_message_length", 4 * MAX_REQUEST_BYTES),
    # The gateway passes on up to 60 KiB of headers, and a path of JSON twice: beyond its default of 16 KiB, gRPC would
    # refuse them in words of its own.
    ("grpc.max_metadata_size", _MOST_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", _MOST_METADATA_BYTES),
    ("grpc.so_reuseport", 0),
    # As many as the gateway sends at most. After a restart everyone comes back at once, and gRPC would cut off, without
    # an error id, what is beyond a thousand.
    ("grpc.server.max_pending_requests", _MOST_PENDING),
    ("grpc.server.max_pending_requests_hard_limit", _MOST_PENDING),
    # The gateway pings idle connections every 30 s, which gRPC would otherwise take for an attack.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)


class RpcServer:
    """Listens from the first moment (`port` tells where first), serves after `start()`, is healthy when told so."""

    def __init__(self, border: Border, listen: str, *more: str) -> None:
        """Listens on one or more of host:port, port 0 for a free one. Raises OSError if one can't be had."""
        self._border = border
        self._server = grpc.aio.server(interceptors=(border,), options=_OPTIONS)
        try:
            self.port = self._server.add_insecure_port(listen)
            for address in more:
                self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise OSError(f"can't listen on {', '.join((listen, *more))}") from error
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._names = {""}
        self._watch: asyncio.Task[None] | None = None

    def add(self, service: str, servicers: Servicers) -> None:
        """Adds a service's servicers; before `start()`."""
        for add, servicer in servicers:
            add(servicer, self._server)
        self._names |= {method.path.split("/")[1] for method in contracts.methods() if method.service == service}

    async def start(self) -> None:
        """Begins to answer, NOT_SERVING to those who ask for health."""
        reflection.enable_server_reflection((*sorted(self._names - {""}), reflection.SERVICE_NAME), self._server)
        await self.set_serving(False)
        await self._server.start()
        self._watch = asyncio.create_task(self._border.end_streams_of_revoked())

    async def set_serving(self, serving: bool) -> None:
        """What health tells from now on."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in self._names:
            await self._health.set(name, status)

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Ends streams so that clients resume elsewhere; other calls have `grace_s` seconds to finish."""
        await self._health.enter_graceful_shutdown()
        self._border.close_streams()
        if self._watch:
            self._watch.cancel()
        await self._server.stop(grace_s)
