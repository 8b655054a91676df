"""Channels to the node that a URI names: one HTTP/2 connection for each use, ready or refused within a second."""

import asyncio
import contextlib
import enum
from urllib.parse import unquote

import grpc.aio
from kurrentdbclient import AsyncKurrentDBClient
from kurrentdbclient.connection_spec import URI_SCHEMES_NON_DISCOVER
from kurrentdbclient.exceptions import KurrentDBClientError, ProgrammingError
from kurrentdbclient.protos.v1.streams_pb2_grpc import StreamsStub

from services.common.eventstore.types import StoreUnavailable

CALL_METADATA = (("requires-leader", "true"),)

_READY_TIMEOUT_S = 1.0
_DISCOVERY_TIMEOUT_S = 5.0
_CHANNEL_OPTIONS = (
    # A node allows a hundred calls on one connection, and channels with the same target share one by default.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_receive_message_length", 17 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 500),
    # Without these a peer that vanished would leave a subscription waiting for ever.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
)


class Use(enum.Enum):
    """What a connection is for; each has its own, so that none can use up another's calls."""

    READS = "reads"
    APPENDS = "appends"
    SUBSCRIPTIONS = "subscriptions"


class Connection:
    """Finds the node, or the leader of a cluster, and keeps the channels to it."""

    def __init__(self, uri: str) -> None:
        self._client = AsyncKurrentDBClient(uri)
        spec = self._client.connection_spec
        self._is_cluster = spec.scheme not in URI_SCHEMES_NON_DISCOVER or len(spec.targets) > 1
        # The client takes them as they are written in the URI, where they are percent-encoded.
        self._credentials = self._client.construct_call_credentials(
            unquote(spec.username or ""), unquote(spec.password or "")
        )
        self._channels: dict[Use, tuple[grpc.aio.Channel, StreamsStub]] = {}
        self._opening = asyncio.Lock()
        self._is_misled = False
        self._is_closed = False

    async def ready(self, use: Use) -> StreamsStub:
        """The stub of a channel that is connected; raises StoreUnavailable within a second (five in a cluster)."""
        channel, stub = self._channels.get(use) or await self._open(use)
        state = channel.get_state(try_to_connect=True)
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while state is not grpc.ChannelConnectivity.READY:
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            await self._look_elsewhere()
            raise StoreUnavailable from None
        except grpc.aio.UsageError:  # another task closed the channel, to look for the leader
            raise StoreUnavailable from None
        return stub

    async def lost(self, error: grpc.aio.AioRpcError) -> None:
        """Tells of a failed call: if the node is no longer the leader, the next call looks for the one that is."""
        if error.details() == "Leader info available":
            await self._look_elsewhere()

    async def close(self) -> None:
        """Ends every call; later ones raise StoreUnavailable."""
        self._is_closed = True
        await self._close_channels()
        with contextlib.suppress(ProgrammingError):  # which only says that it was never used
            await self._client.close()

    async def _open(self, use: Use) -> tuple[grpc.aio.Channel, StreamsStub]:
        async with self._opening:
            if self._is_closed:
                raise StoreUnavailable
            if use in self._channels:
                return self._channels[use]
            try:
                async with asyncio.timeout(_DISCOVERY_TIMEOUT_S):
                    await self._client.connect()
                    if self._is_misled:
                        await self._client.reconnect()
                        self._is_misled = False
            except (KurrentDBClientError, TimeoutError):
                raise StoreUnavailable from None
            channel = self._channel(self._client.connection_target)
            self._channels[use] = channel, StreamsStub(channel)  # type: ignore[no-untyped-call]
            return self._channels[use]

    def _channel(self, target: str) -> grpc.aio.Channel:
        if not self._client.connection_spec.options.tls:
            return grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            self._client.root_certificates, self._client.private_key, self._client.certificate_chain
        )
        if self._credentials is not None:
            credentials = grpc.composite_channel_credentials(credentials, self._credentials)
        return grpc.aio.secure_channel(target, credentials, options=_CHANNEL_OPTIONS)

    async def _look_elsewhere(self) -> None:
        if self._is_cluster:
            self._is_misled = True
            await self._close_channels()

    async def _close_channels(self) -> None:
        channels, self._channels = self._channels, {}
        for channel, _ in channels.values():
            await channel.close()
