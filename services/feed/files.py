"""What is done to files: uploading in parts, adding, listing, downloading, withdrawing, and tidying up after it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from regard.common.v1.common_pb2 import PageInfo, PageRequest, Sealed
from regard.feed.v1 import events_pb2 as events
from regard.feed.v1 import feed_pb2 as api

from services.access import Action, Erased, Grant, Guard, Object, Place, Sight
from services.common import paging, rpc
from services.common.check import Check, Checked, Difference
from services.common.clock import Clock
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import execute
from services.common.errors import Kind, Refused
from services.common.eventstore import EventStore
from services.common.ids import derived_id, stream_name
from services.common.moments import microseconds, moment, timestamp
from services.common.sealing import NotSealedHere
from services.common.telemetry import logger
from services.feed import queries
from services.feed.file import DECIDER, AddFile, Command, File, WithdrawFile
from services.feed.parts import PART_BYTES, Parts, Upload, count_of
from services.feed.queries import FileRow, Visible
from services.feed.refusals import DAMAGED, INCOMPLETE, NO_SUCH_FILE
from services.feed.threads import TOPIC
from services.feed.views import METADATA

ABANDONED = timedelta(days=1)
"""An upload to which nothing came for that long is deleted."""
LONGEST_S = 20.0
"""How long one download goes on; a grant lives longer than that, and its reader asks again for the rest."""
_PASS_S = 300.0
_AT_ONCE = 500
_A_PASS = 10 * _AT_ONCE
_TYPE = events.FileAdded.DESCRIPTOR.full_name

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that somebody entered, what is said of it, and what opens its parts."""

    row: FileRow
    shown: api.File
    grant: Grant


class Files:
    """Files of groups. Ids come from the upload: a repeat finds the same."""

    def __init__(
        self, store: EventStore, codec: Codec, guard: Guard, database: Database, parts: Parts, clock: Clock
    ) -> None:
        self._store = store
        self._codec = codec
        self._guard = guard
        self._database = database
        self._parts = parts
        self._clock = clock
        self._looked_up_to = ""

    async def upload(self, group_id: str, upload_id: str, part: int, data: bytes) -> None:
        """Seals and keeps one part."""
        sight = await self._guard.sight(rpc.caller(), group_id, Action.WRITE)
        file_id = _id(sight, upload_id)
        sealed = await self._guard.seal(sight, data, _place_of_part(file_id, part))
        upload = Upload(file_id, group_id, sight.caller.person_id, microseconds(self._clock()), added=False)
        await self._parts.put(upload, part, sealed.SerializeToString())

    async def add(self, request: api.AddFileRequest) -> api.File:
        """Makes a file of an upload that is complete. Raises Refused (FED-08) if it is not what the request says."""
        sight = await self._guard.sight(rpc.caller(), request.group_id, Action.WRITE)
        file_id = _id(sight, request.upload_id)
        # From here on, and for a day, it is not tidied away.
        await self._parts.touch(file_id, microseconds(self._clock()))
        await self._verify(sight, file_id, request)
        description = api.FileDescription(name=request.name, media_type=request.media_type, sha256=request.sha256)
        sealed = await self._guard.seal(sight, description.SerializeToString(), _place(file_id))
        author_id = sight.caller.person_id
        command = AddFile(file_id, request.group_id, author_id, sealed, sight.level, request.size)
        file, at = await self._execute(file_id, command)
        await self._parts.added(file_id)
        return api.File(
            id=file_id,
            group_id=request.group_id,
            author_id=author_id,
            description=None if file.withdrawn else description,
            size=request.size,
            added_at=timestamp(microseconds(at)),
            level=sight.level,
            withdrawn=file.withdrawn,
        )

    async def list(self, group_id: str, page: PageRequest) -> api.ListFilesResponse:
        """A page of a group's files, newest first. Their names are content: reading them is recorded."""
        sight = await self._guard.sight(rpc.caller(), group_id, Action.READ)
        size, key = paging.size_of(page), paging.decode(page.token, (0,))
        visible = Visible(group_id, sight.readable_levels, sight.since)
        async with self._database.read() as tx:
            rows = await queries.files(tx, visible, key[0] if key else None, size + 1)
        readable = [row for row in rows[:size] if _is_for(sight, row)]
        grant = await self._guard.enter(sight, [_object(row) for row in readable])
        more = paging.encode((rows[size - 1].position,)) if len(rows) > size else ""
        return api.ListFilesResponse(
            files=[await _shown(grant, row) for row in readable], page=PageInfo(next_token=more)
        )

    async def some(self, group_id: str, file_ids: Sequence[str]) -> api.BatchGetFilesResponse:
        """Those of these files that are the group's and the caller's to see. Recorded as the list is."""
        sight = await self._guard.sight(rpc.caller(), group_id, Action.READ)
        async with self._database.read() as tx:
            rows = await queries.files_by_id(tx, group_id, file_ids)
        readable = [row for row in rows if _is_for(sight, row)]
        grant = await self._guard.enter(sight, [_object(row) for row in readable])
        return api.BatchGetFilesResponse(files=[await _shown(grant, row) for row in readable])

    async def download(self, file_id: str, offset: int, length: int) -> AsyncIterator[api.DownloadFileResponse]:
        """The file, then its bytes. Whoever loses the right to them gets none from then on.

        Raises Refused: FED-07, and FED-09 if what is kept is not what was uploaded; nothing of that part is given.
        """
        seen = await self._entered(file_id)
        yield api.DownloadFileResponse(file=seen.shown)
        if not seen.shown.HasField("description"):
            return
        end = min(seen.row.size, offset + length if length else seen.row.size)
        until_s = asyncio.get_running_loop().time() + LONGEST_S
        while offset < end and asyncio.get_running_loop().time() < until_s:
            await self._guard.sight(seen.grant.sight.caller, seen.row.group_id, Action.DOWNLOAD)
            part, begin = divmod(offset, PART_BYTES)
            data = (await self._part(seen.grant, seen.row.file_id, seen.row.size, part))[begin : begin + end - offset]
            yield api.DownloadFileResponse(offset=offset, data=data)
            offset += len(data)

    async def withdraw(self, file_id: str) -> None:
        """Withdraws a file; its author or a moderator."""
        history = self._codec.decode_all((await self._store.load(_stream(file_id))).events)
        file = DECIDER.fold(event.message for event in history)
        if not file.id:
            raise NO_SUCH_FILE()
        sight = await self._in_sight(file.group_id, Action.WRITE)
        await self._execute(file_id, WithdrawFile(sight.caller.person_id, sight.moderates))

    async def run(self) -> None:
        """Tidies up for ever."""
        while True:
            try:
                await self._database.create(METADATA)  # views that are lost are being made again meanwhile
                await self.tidy()
            except Refused as refused:
                _log.warning("files wait to be tidied up", exc_info=refused)
            await asyncio.sleep(_PASS_S)

    async def tidy(self) -> None:
        """Deletes uploads that nobody made a file of, and the parts of what was withdrawn or erased.

        Of all files it looks at the next ones only, so that a pass does not take longer the more there are.
        """
        before_us = microseconds(self._clock() - ABANDONED)
        while some := await self._parts.abandoned(before_us, _AT_ONCE):
            for upload in some:
                await self._settle(upload.file_id)
        for _ in range(_A_PASS // _AT_ONCE):
            some = await self._parts.uploads(self._looked_up_to, _AT_ONCE)
            over = await self._database.look(lambda tx, some=some: queries.files_over(tx, some))  # type: ignore[misc]
            for file_id in over:
                await self._parts.delete(file_id)
            self._looked_up_to = some[-1].file_id if len(some) == _AT_ONCE else ""
            if not self._looked_up_to:
                return

    @property
    def check(self) -> Check:
        """Whether every part of every file is there; that a part is unchanged is found when it is opened."""

        async def run() -> Checked:
            seen, missing, after = 0, list[Difference](), ""
            while True:
                async with self._database.read() as tx:
                    some = await queries.standing_files(tx, after, _AT_ONCE)
                if not some:
                    return Checked(rows=seen, differences=tuple(missing), set_aside=0, behind=False)
                for file_id, size in some:
                    if await self._parts.count(file_id) != count_of(size):
                        missing.append(Difference("file", (file_id,), "missing"))
                seen, after = seen + len(some), some[-1][0]

        return Check("files against their parts", {"en": "files, all whole", "fr": "fichiers, tous entiers"}, run)

    async def _settle(self, file_id: str) -> None:
        """Deletes an abandoned upload, or notes that it is a file after all: killed before the vault was told."""
        if (await self._store.load(_stream(file_id))).events:
            await self._parts.added(file_id)
        else:
            await self._parts.delete(file_id)

    async def _verify(self, sight: Sight, file_id: str, request: api.AddFileRequest) -> None:
        caller = sight.caller
        reading = await self._guard.sight(caller, request.group_id, Action.READ)
        own = Object("file", file_id, reading.level, author_id=caller.person_id, written_at=self._clock())
        grant = await self._guard.enter(reading, [own])
        digest = hashlib.sha256()
        try:
            for part in range(count_of(request.size)):
                digest.update(await self._part(grant, file_id, request.size, part))
        except Refused as refused:
            raise (INCOMPLETE() if refused.refusal is DAMAGED else refused) from None
        if digest.digest() != request.sha256 or await self._parts.count(file_id) != count_of(request.size):
            raise INCOMPLETE()

    async def _part(self, grant: Grant, file_id: str, size: int, part: int) -> bytes:
        """The bytes of a part, of which every one is as it was uploaded."""
        sealed = await self._parts.get(file_id, part)
        if sealed is None:
            raise DAMAGED()
        try:
            data = await grant.open_bytes(Sealed.FromString(sealed), _place_of_part(file_id, part))
        except (NotSealedHere, ValueError):
            raise DAMAGED() from None
        if isinstance(data, Erased):
            raise NO_SUCH_FILE()
        if len(data) != min(PART_BYTES, size - part * PART_BYTES):
            raise DAMAGED()
        return data

    async def _entered(self, file_id: str) -> Seen:
        async with self._database.read() as tx:
            row = await queries.file(tx, file_id)
        if row is None:
            raise NO_SUCH_FILE()
        sight = await self._in_sight(row.group_id, Action.DOWNLOAD)
        if not _is_for(sight, row):
            raise NO_SUCH_FILE()
        grant = await self._guard.enter(sight, [_object(row)])
        return Seen(row, await _shown(grant, row), grant)

    async def _in_sight(self, group_id: str, action: Action) -> Sight:
        try:
            return await self._guard.sight(rpc.caller(), group_id, action)
        except Refused as refused:
            if refused.refusal.kind is Kind.NOT_FOUND:
                raise NO_SUCH_FILE() from None
            raise

    async def _execute(self, file_id: str, command: Command) -> tuple[File, datetime]:
        stream = _stream(file_id)
        outcome = await execute(self._store, self._codec, DECIDER, stream, command, rpc.command_context())
        rpc.answer_token(TOPIC, stream, outcome.position)
        return outcome.state, outcome.recorded_at or self._clock()


async def _shown(grant: Grant, row: FileRow) -> api.File:
    found = await grant.open_bytes(Sealed.FromString(row.description), _place(row.file_id)) if row.description else None
    return api.File(
        id=row.file_id,
        group_id=row.group_id,
        author_id=row.author_id,
        description=api.FileDescription.FromString(found) if isinstance(found, bytes) else None,
        size=row.size,
        added_at=timestamp(row.added_at_us),
        level=row.level,
        withdrawn=row.withdrawn,
        erased=row.erased or isinstance(found, Erased),
    )


def _object(row: FileRow) -> Object:
    written_at = moment(row.added_at_us)
    return Object("file", row.file_id, row.level, author_id=row.author_id, written_at=written_at)


def _is_for(sight: Sight, row: FileRow) -> bool:
    return sight.reads(row.level, moment(row.added_at_us), row.file_id)


def _id(sight: Sight, upload_id: str) -> str:
    """Nobody else can have it, whatever upload they name."""
    return derived_id(sight.group_id, sight.caller.person_id, upload_id)


def _stream(file_id: str) -> str:
    return stream_name("file", file_id)


def _place(file_id: str) -> Place:
    return Place(_TYPE, _stream(file_id), "description")


def _place_of_part(file_id: str, part: int) -> Place:
    return Place(_TYPE, _stream(file_id), f"part.{part}")
