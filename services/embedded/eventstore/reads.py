"""The reading call of the Streams protocol: pages of a stream or of $all, and subscriptions to either."""

import sqlite3

from kurrentdbclient.protos.v1 import shared_pb2, streams_pb2

from services.embedded.eventstore.answers import Context, deleted, refuse, refused
from services.embedded.eventstore.live import Live
from services.embedded.eventstore.log import Log
from services.embedded.eventstore.questions import (
    AllRead,
    AllSubscription,
    Malformed,
    StreamRead,
    StreamSubscription,
    question,
)
from services.embedded.eventstore.reader import Reader
from services.embedded.eventstore.refusals import READ_FAILED
from services.embedded.eventstore.subscriptions import follow_all, follow_stream


class Reads:
    """Answers Read calls from the log, and follows what is committed."""

    def __init__(self, log: Log, live: Live) -> None:
        self._log = log
        self._live = live

    async def read(self, request: streams_pb2.ReadReq, context: Context) -> None:
        """One read or one subscription, as the options say."""
        reader = Reader(context, structured_ids=request.options.uuid_option.HasField("structured"))
        try:
            match question(request):
                case StreamRead() as asked:
                    await self._read_stream(reader, asked)
                case AllRead() as asked:
                    await self._read_all(reader, asked)
                case StreamSubscription() as asked:
                    await follow_stream(self._log, self._live, reader, asked)
                case AllSubscription() as asked:
                    await follow_all(self._log, self._live, reader, asked)
        except Malformed as error:
            await refuse(context, error.code, str(error))
        except sqlite3.Error:
            await refused(context, READ_FAILED())

    async def _read_stream(self, reader: Reader, asked: StreamRead) -> None:
        start, remaining, step = asked.start, asked.count, -1 if asked.backwards else 1
        while True:
            page = await self._log.stream(asked.stream, start, backwards=asked.backwards, limit=remaining)
            if page.head.tombstoned:
                await deleted(reader.context, asked.stream)
            if not page.head.readable:
                await reader.send(_not_found(asked.stream))
                return
            await reader.events(page.events)
            remaining -= len(page.events)
            if page.complete or not remaining:
                break
            start = page.events[-1].revision + step
        if asked.framed:
            if remaining == asked.count:
                await reader.send(streams_pb2.ReadResp(first_stream_position=page.head.last + 1))
            await reader.send(streams_pb2.ReadResp(last_stream_position=page.head.last))

    async def _read_all(self, reader: Reader, asked: AllRead) -> None:
        end, remaining = self._live.position, asked.count
        if asked.backwards:
            before = min(asked.start, end + 1)
            while before > 1 and remaining:
                page = await self._log.backwards(before, asked.filter, remaining)
                await reader.events(page.events)
                before, remaining = page.reached, remaining - len(page.events)
        else:
            after = max(asked.start - 1, 0)
            while after < end and remaining:
                page = await self._log.forwards(after, end, asked.filter, remaining)
                await reader.events(page.events)
                after, remaining = page.reached, remaining - len(page.events)


def _not_found(stream: str) -> streams_pb2.ReadResp:
    identifier = shared_pb2.StreamIdentifier(stream_name=stream.encode())
    return streams_pb2.ReadResp(stream_not_found=streams_pb2.ReadResp.StreamNotFound(stream_identifier=identifier))
