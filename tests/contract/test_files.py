"""Files of groups as their callers see them: uploaded in parts, downloaded in ranges, each download recorded."""

from __future__ import annotations

import hashlib
import logging
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from regard.audit.v1.events_pb2 import ACTION_DOWNLOAD, ACTION_READ
from regard.common.v1.common_pb2 import PageRequest, Sealed
from regard.feed.v1 import feed_pb2 as api
from regard.feed.v1.feed_pb2_grpc import FeedServiceStub

from services.feed import files as upkeep
from services.feed import parts
from services.feed.parts import PART_BYTES, PARTS, UPLOADS
from services.feed.service import build
from tests.contract.content import House, Refusal, Stream, open_house
from tests.guarded import person

MARKER = "zebra-marker-7319"
SEED = 20261126


class Files:
    """The files of a house, by what its callers do."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stub = FeedServiceStub(house.channel)
        self.vault = house.kernel.vault("feed", parts.METADATA)

    async def upload(self, who: str, group_id: str, data: bytes, upload_id: str = "") -> str:
        """The parts of a file; the upload's id."""
        upload_id = upload_id or str(uuid.uuid4())
        for index, start in enumerate(range(0, len(data), PART_BYTES)):
            part = data[start : start + PART_BYTES]
            request = api.UploadPartRequest(group_id=group_id, upload_id=upload_id, index=index, data=part)
            await self.house.call(self.stub.UploadPart, who, request)
        return upload_id

    async def add(self, who: str, group_id: str, data: bytes, name: str = "plan.txt", upload_id: str = "") -> api.File:
        """A whole file."""
        upload_id = upload_id or await self.upload(who, group_id, data)
        request = api.AddFileRequest(
            group_id=group_id,
            upload_id=upload_id,
            name=name,
            media_type="text/plain",
            size=len(data),
            sha256=hashlib.sha256(data).digest(),
        )
        return (await self.house.call(self.stub.AddFile, who, request)).file  # type: ignore[no-any-return]

    async def list(self, who: str, group_id: str, size: int = 50, token: str = "") -> Any:
        request = api.ListFilesRequest(group_id=group_id, page=PageRequest(size=size, token=token))
        return await self.house.call(self.stub.ListFiles, who, request)

    def stream(self, who: str, file_id: str, offset: int = 0, length: int = 0) -> Stream:
        request = api.DownloadFileRequest(file_id=file_id, offset=offset, length=length)
        return Stream(self.house, self.stub.DownloadFile, who, request)

    async def download(self, who: str, file_id: str, offset: int = 0, length: int = 0) -> bytes:
        """The bytes of a range."""
        found = b""
        async with self.stream(who, file_id, offset, length) as stream:
            first = await stream.next()
            assert first.file.id == file_id
            while frame := await stream.next():
                assert frame.offset == offset + len(found)
                found += frame.data
        return found

    async def withdraw(self, who: str, file_id: str) -> None:
        await self.house.call(self.stub.WithdrawFile, who, api.WithdrawFileRequest(file_id=file_id))

    async def kept(self, table: sa.Table = PARTS) -> int:
        """How many rows the vault holds."""
        async with self.vault.read() as tx:
            return int((await tx.execute(sa.select(sa.func.count()).select_from(table))).scalar_one())

    async def change(self, statement: sa.Executable) -> None:
        """Tampers with the vault."""
        await self.vault.write(lambda tx: tx.execute(statement))

    async def tidy(self) -> None:
        await self.house.service.tasks[1].__self__.tidy()  # type: ignore[attr-defined]


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    async with open_house(tmp_path, build) as house:
        yield Files(house)


async def refused(call: Any, id: str) -> None:
    with pytest.raises(Refusal) as refusal:
        await call
    assert refusal.value.id == id
    assert MARKER.encode() not in refusal.value.everything


def some(size: int) -> bytes:
    return random.Random(SEED).randbytes(size)


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 7])
async def test_a_file_comes_back_as_it_was_in_every_range(files: Files, size: int) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    data = some(size)
    file = await files.add(ada, group, data)
    (listed,) = (await files.list(bo, group)).files
    assert listed.description == file.description
    assert (listed.description.name, listed.size, listed.author_id) == ("plan.txt", size, ada)
    assert await files.download(bo, file.id) == data
    for offset, length in ((0, 1), (1, 0), (PART_BYTES - 1, 2), (size // 2, size), (size, 5), (size + 1, 0)):
        expected = data[offset : offset + length] if length else data[offset:]
        assert await files.download(bo, file.id, offset, length) == expected


async def test_each_download_is_an_access_recorded_before_the_first_byte(files: Files) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    file = await files.add(ada, group, some(10))
    async with files.stream(bo, file.id) as stream:
        await stream.next()
        (access,) = await files.house.accesses(group)
    assert (access.reader_id, access.action) == (bo, ACTION_DOWNLOAD)
    assert [(one.type, list(one.ids)) for one in access.objects] == [("file", [file.id])]
    await files.download(bo, file.id, 3)
    await files.list(bo, group)
    await files.download(ada, file.id)  # one's own is no access
    actions = [one.action for one in await files.house.accesses(group)]
    assert actions == [ACTION_DOWNLOAD, ACTION_DOWNLOAD, ACTION_READ]


async def test_only_members_get_anything_and_only_while_they_are(files: Files) -> None:
    ada, bo, stranger = person(), person(), person()
    group = await files.house.group(ada, bo)
    file = await files.add(ada, group, some(4 * PART_BYTES))
    await refused(files.download(stranger, file.id), "FED-07")
    await refused(files.download(bo, str(uuid.uuid4())), "FED-07")
    await refused(files.list(stranger, group), "ACC-01")
    await refused(files.upload(stranger, group, b"x"), "ACC-01")
    await refused(files.withdraw(bo, file.id), "FED-04")
    await files.house.remove(group, bo)
    await refused(files.download(bo, file.id), "FED-07")


async def test_who_is_removed_while_downloading_gets_no_more(files: Files) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    data = some(40 * PART_BYTES)  # more than lies on the way between server and client
    file = await files.add(ada, group, data)
    async with files.stream(bo, file.id) as stream:
        got = sum([len((await stream.next()).data) for _ in range(2)])
        await files.house.remove(group, bo)
        await refused(_through(stream, len(data) - got), "ACC-01")


async def test_an_upload_belongs_to_whoever_began_it(files: Files) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    upload_id = await files.upload(ada, group, b"hers")
    await refused(files.add(bo, group, b"hers", upload_id=upload_id), "FED-08")
    await files.upload(bo, group, b"his!", upload_id)
    first, second = [
        await files.add(who, group, data, upload_id=upload_id) for who, data in ((ada, b"hers"), (bo, b"his!"))
    ]
    assert first.id != second.id
    assert await files.download(bo, first.id) == b"hers"


async def test_what_was_not_uploaded_whole_becomes_no_file(files: Files) -> None:
    ada = person()
    group = await files.house.group(ada)
    data = some(2 * PART_BYTES)
    short = await files.upload(ada, group, data[:PART_BYTES])
    other = await files.upload(ada, group, data[:-1] + b"x")
    longer = await files.upload(ada, group, data + b"more")
    for upload_id in (short, other, longer):
        await refused(files.add(ada, group, data, upload_id=upload_id), "FED-08")
    assert not (await files.list(ada, group)).files


async def test_adding_again_gives_the_same_file(files: Files) -> None:
    ada = person()
    group = await files.house.group(ada)
    upload_id = await files.upload(ada, group, b"once")
    first, second = [await files.add(ada, group, b"once", upload_id=upload_id) for _ in range(2)]
    assert first.id == second.id
    assert len((await files.list(ada, group)).files) == 1


@pytest.mark.parametrize("how", ["flipped", "truncated", "swapped", "missing", "another file's"])
async def test_nothing_of_a_part_that_was_tampered_with_is_served(files: Files, how: str) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    data = some(2 * PART_BYTES)
    file, other = await files.add(ada, group, data), await files.add(ada, group, data)
    async with files.vault.read() as tx:
        rows = {(row.file_id, row.part): row.sealed for row in await tx.execute(sa.select(PARTS))}
    second = (PARTS.c.file_id == file.id, PARTS.c.part == 1)
    sealed = Sealed.FromString(rows[file.id, 1])
    flipped = Sealed.FromString(rows[file.id, 1])
    flipped.ciphertext = flipped.ciphertext[:99] + bytes([flipped.ciphertext[99] ^ 1]) + flipped.ciphertext[100:]
    sealed.ciphertext = sealed.ciphertext[:-20]
    bad = {
        "flipped": flipped.SerializeToString(),
        "truncated": sealed.SerializeToString(),
        "swapped": rows[file.id, 0],
        "another file's": rows[other.id, 1],
    }
    change = sa.update(PARTS).values(sealed=bad[how]) if how in bad else sa.delete(PARTS)
    await files.change(change.where(*second))  # type: ignore[attr-defined]
    async with files.stream(bo, file.id) as stream:
        await stream.next()
        assert (await stream.next()).data == data[:PART_BYTES]
        await refused(stream.next(), "FED-09")
    (checked,) = [await check.run() for check in files.house.service.checks]
    assert checked.agrees == (how != "missing")


async def test_what_is_withdrawn_or_erased_is_gone_and_its_parts_are_deleted(files: Files) -> None:
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    withdrawn, erased, kept = [await files.add(who, group, some(9)) for who in (ada, ada, bo)]
    await files.withdraw(ada, withdrawn.id)
    await files.withdraw(ada, withdrawn.id)
    assert await files.download(bo, withdrawn.id) == b""
    await files.tidy()
    assert await files.kept() == 2
    await files.house.erase(group, ada)
    shown = {one.id: one for one in (await files.list(bo, group)).files}
    assert shown[withdrawn.id].withdrawn
    assert shown[erased.id].erased
    assert not shown[erased.id].HasField("description")
    assert await files.download(bo, erased.id) == b""
    await files.tidy()
    assert await files.kept() == 1
    assert await files.download(bo, kept.id) == some(9)
    await files.house.delete(group)
    await refused(files.download(bo, kept.id), "FED-07")
    await files.tidy()
    assert await files.kept() == await files.kept(UPLOADS) == 0


async def test_an_upload_that_became_no_file_is_deleted_after_a_day_and_files_stay(files: Files) -> None:
    ada = person()
    group = await files.house.group(ada)
    file = await files.add(ada, group, b"file")
    # As if killed after the event and before the vault was told.
    await files.change(sa.update(UPLOADS).values(added=False))
    await files.upload(ada, group, b"abandoned")
    await files.tidy()
    assert await files.kept() == 2
    files.house.clock.move(days=1, seconds=1)
    await files.tidy()
    assert await files.kept() == 1
    assert await files.download(ada, file.id) == b"file"


async def test_unfinished_uploads_of_a_person_to_a_group_are_limited_until_they_are_files_or_abandoned(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_UNFINISHED", 3)
    ada, bo = person(), person()
    group, other = await files.house.group(ada, bo), await files.house.group(ada)
    first = await files.upload(ada, group, some(2 * PART_BYTES))
    second = await files.upload(ada, group, b"third")
    await refused(files.upload(ada, group, b"fourth"), "FED-10")
    await files.upload(ada, group, b"third", second)  # a repeat takes nothing more
    await files.upload(bo, group, b"his own")
    await files.upload(ada, other, b"elsewhere")
    assert await files.kept(UPLOADS) == 4
    await files.add(ada, group, some(2 * PART_BYTES), upload_id=first)
    await files.upload(ada, group, some(2 * PART_BYTES))
    await refused(files.upload(ada, group, b"fourth"), "FED-10")
    files.house.clock.move(days=1, seconds=1)
    await files.tidy()
    assert await files.kept() == 2
    await files.upload(ada, group, some(3 * PART_BYTES))


async def test_a_pass_of_upkeep_looks_at_some_files_and_the_next_at_others(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "_AT_ONCE", 2)
    monkeypatch.setattr(upkeep, "_A_PASS", 2)
    ada = person()
    group = await files.house.group(ada)
    for file in sorted([await files.add(ada, group, b"x") for _ in range(5)], key=lambda file: file.id):
        await files.withdraw(ada, file.id)
    left = []
    for _ in range(4):
        await files.tidy()
        left.append(await files.kept(UPLOADS))
    assert left == [3, 1, 0, 0]


async def test_files_stand_with_a_post_and_each_reader_sees_of_them_what_they_may(files: Files) -> None:
    ada, bo = person(), person()
    group, other = await files.house.group(ada, bo), await files.house.group(ada, bo)
    here = [await files.add(ada, group, b"x", name=name) for name in ("one.txt", "two.txt", "gone.txt")]
    elsewhere = await files.add(ada, other, b"x")
    ids = [one.id for one in (*here, elsewhere)]
    posted = api.PublishPostRequest(group_id=group, body="see", file_ids=ids)
    answer = (await files.house.call(files.stub.PublishPost, ada, posted)).post
    assert answer.file_ids == ids
    await files.withdraw(ada, here[2].id)
    edit = api.EditPostRequest(post_id=answer.id, body="see these")
    assert (await files.house.call(files.stub.EditPost, ada, edit)).post.file_ids == ids

    (post,) = (await files.house.call(files.stub.ListGroupPosts, bo, api.ListGroupPostsRequest(group_id=group))).posts
    assert post.file_ids == ids
    asked = api.BatchGetFilesRequest(group_id=group, file_ids=[*post.file_ids, str(uuid.uuid4())])
    found = {one.id: one for one in (await files.house.call(files.stub.BatchGetFiles, bo, asked)).files}
    assert {id: (one.description.name, one.withdrawn) for id, one in found.items()} == {
        here[0].id: ("one.txt", False),
        here[1].id: ("two.txt", False),
        here[2].id: ("", True),
    }
    read = (await files.house.accesses(group))[-1]
    assert (read.reader_id, read.action) == (bo, ACTION_READ)
    assert [one.type for one in read.objects] == ["file"]
    await refused(files.house.call(files.stub.BatchGetFiles, person(), asked), "ACC-01")

    await files.house.call(files.stub.WithdrawPost, ada, api.WithdrawPostRequest(post_id=post.id))
    (post,) = (await files.house.call(files.stub.ListGroupPosts, bo, api.ListGroupPostsRequest(group_id=group))).posts
    assert list(post.file_ids) == []
    assert await files.download(bo, here[0].id) == b"x"


async def test_neither_name_nor_content_is_anywhere_in_clear(
    files: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada, bo = person(), person()
    group = await files.house.group(ada, bo)
    file = await files.add(ada, group, MARKER.encode() * 20, name=f"{MARKER}.txt")
    assert MARKER.encode() in await files.download(bo, file.id)
    assert MARKER in (await files.list(bo, group)).files[0].description.name
    await refused(files.add(ada, group, MARKER.encode(), name=MARKER, upload_id=str(uuid.uuid4())), "FED-08")
    events = (await files.house.store.inner.load(f"file-{file.id}")).events
    assert len(events) == 1
    assert all(MARKER.encode() not in event.data for event in events)
    assert MARKER not in caplog.text
    assert not _with_marker(tmp_path)


async def _through(stream: Stream, left: int) -> None:
    """All frames of a download that does not get through."""
    while frame := await stream.next():
        left -= len(frame.data)
        assert left > 0


def _with_marker(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and MARKER.encode() in path.read_bytes()]


async def test_a_full_disk_refuses_a_part_and_keeps_what_is_there(files: Files) -> None:
    if not files.vault.is_sqlite:
        pytest.skip("a disk that is made full is SQLite's")
    ada = person()
    group = await files.house.group(ada)
    file = await files.add(ada, group, b"before")
    await files.change(sa.text("PRAGMA max_page_count = 1"))  # which means: no page more than there are
    upload_id = str(uuid.uuid4())
    await refused(files.upload(ada, group, some(PART_BYTES), upload_id), "DBS-01")
    assert await files.kept() == await files.kept(UPLOADS) == 1
    assert await files.download(ada, file.id) == b"before"
    await files.change(sa.text("PRAGMA max_page_count = 1000000"))
    await files.upload(ada, group, some(PART_BYTES), upload_id)
    await files.add(ada, group, some(PART_BYTES), upload_id=upload_id)
