"""One node: its folder and lock, its port, its start and its end."""

import asyncio
import contextlib
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import NAMESPACE_URL, uuid5

import grpc
from google.protobuf.message import Message
from kurrentdbclient.protos.v1 import gossip_pb2, shared_pb2, streams_pb2

from services.common.clock import Clock, system_clock
from services.embedded.eventstore.answers import Context
from services.embedded.eventstore.appends import Appends
from services.embedded.eventstore.commits import GroupCommit
from services.embedded.eventstore.database import FILE_NAME
from services.embedded.eventstore.direct import DirectEventStore
from services.embedded.eventstore.journal import Batch, Journal
from services.embedded.eventstore.live import Live
from services.embedded.eventstore.log import Log
from services.embedded.eventstore.reads import Reads
from services.embedded.eventstore.refusals import FOLDER_IN_USE, FOLDER_UNUSABLE, PORT_IN_USE

_LOCK_NAME: Final = "lock"
_GRACE_S: Final = 1.0

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # a second server on the port is refused, not given half of the calls
    ("grpc.max_receive_message_length", 17 * 1024 * 1024),  # so that a large append is refused in words
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
)


class EmbeddedEventStore:
    """An event store in `folder`, served from `async with` on; port 0 takes a free one.

    Entering raises Refused (EVS-01 to EVS-05) with nothing changed. Leaving finishes what was submitted.
    """

    def __init__(self, folder: Path, port: int = 0, host: str = "127.0.0.1", *, clock: Clock = system_clock) -> None:
        self._folder, self._host, self._asked_port, self._clock = folder, host, port, clock
        self._closing = contextlib.AsyncExitStack()
        self.port = port
        self.direct: DirectEventStore
        """For this process, once it serves."""

    @property
    def uri(self) -> str:
        """Where a client finds this node, once it serves."""
        return (
            f"kurrentdb://{self._host}:{self.port}"
            "?Tls=false&DefaultDeadline=5&KeepAliveInterval=10000&KeepAliveTimeout=10000"
        )

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as opened:
            lock = _lock(self._folder)
            opened.callback(os.close, lock)
            journal = await asyncio.to_thread(Journal, self._folder / FILE_NAME, self._clock)
            opened.callback(journal.close)
            live = Live(journal.position)
            log = Log(self._folder / FILE_NAME, self._clock)
            opened.callback(log.close)

            def publish(batch: Batch) -> None:
                live.publish(batch.recorded, batch.position)

            commits = GroupCommit(journal, publish)
            opened.push_async_callback(commits.close)
            self.direct = DirectEventStore(journal, commits, log, live)
            server = grpc.aio.server(options=_OPTIONS)
            appends = Appends(commits)
            server.add_generic_rpc_handlers(self._handlers(appends, Reads(log, live)))
            self.port = self._bind(server)
            await server.start()
            _tell(lock, self.uri)
            opened.push_async_callback(server.stop, _GRACE_S)
            opened.callback(live.close)  # lets subscriptions end before the grace is over
            opened.callback(appends.close)
            self._closing = opened.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._closing.aclose()

    def _bind(self, server: grpc.aio.Server) -> int:
        try:
            return server.add_insecure_port(f"{self._host}:{self._asked_port}")
        except RuntimeError as error:
            raise PORT_IN_USE(host=self._host, port=str(self._asked_port)) from error

    def _handlers(self, appends: Appends, reads: Reads) -> tuple[grpc.GenericRpcHandler, ...]:
        streams: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Read": grpc.unary_stream_rpc_method_handler(reads.read, streams_pb2.ReadReq.FromString),
            "BatchAppend": grpc.stream_stream_rpc_method_handler(
                appends.batch_append, streams_pb2.BatchAppendReq.FromString
            ),
            "Append": grpc.stream_unary_rpc_method_handler(
                appends.append, streams_pb2.AppendReq.FromString, _serialize
            ),
            "Delete": grpc.unary_unary_rpc_method_handler(appends.delete, streams_pb2.DeleteReq.FromString, _serialize),
            "Tombstone": grpc.unary_unary_rpc_method_handler(
                appends.tombstone, streams_pb2.TombstoneReq.FromString, _serialize
            ),
        }
        gossip = {"Read": grpc.unary_unary_rpc_method_handler(self._gossip, shared_pb2.Empty.FromString, _serialize)}
        return (
            grpc.method_handlers_generic_handler("event_store.client.streams.Streams", streams),
            grpc.method_handlers_generic_handler("event_store.client.gossip.Gossip", gossip),
        )

    async def _gossip(self, _: shared_pb2.Empty, __: Context) -> gossip_pb2.ClusterInfo:
        member = gossip_pb2.MemberInfo(
            instance_id=shared_pb2.UUID(string=str(uuid5(NAMESPACE_URL, self.uri))),
            time_stamp=int(self._clock().timestamp() * 10_000_000),
            state=gossip_pb2.MemberInfo.VNodeState.Leader,
            is_alive=True,
            http_end_point=gossip_pb2.EndPoint(address=self._host, port=self.port),
        )
        return gossip_pb2.ClusterInfo(members=[member])


def running_uri(folder: Path) -> str:
    """Where the node that has locked `folder` is reached, as it wrote there; empty if it didn't get that far."""
    try:
        return (folder / _LOCK_NAME).read_text()
    except OSError:
        return ""


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _lock(folder: Path) -> int:
    """A descriptor whose lock keeps other processes off `folder`; the system lets go of it even after kill -9."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise FOLDER_UNUSABLE(folder=str(folder), reason=error.strerror or type(error).__name__) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise FOLDER_IN_USE(folder=str(folder)) from error
    _tell(descriptor, "")  # what a node that was killed left there
    return descriptor


def _tell(lock: int, uri: str) -> None:
    os.ftruncate(lock, 0)
    os.pwrite(lock, uri.encode(), 0)
