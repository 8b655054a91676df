"""One suite for every storage of the log."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from services.audit.log.storage import Conflict, FolderStorage, MemoryStorage, ObjectStorage, Storage
from services.common.errors import Refused
from tests import parts
from tests.minio import MinioServer
from tests.transparency import Log

PATHS = ("checkpoint", "tile/0/000", "tile/entries/x001/x234/067.p/8")


@pytest.fixture(scope="module")
def minio() -> Iterator[MinioServer | None]:
    """A genuine server of S3's protocol with --real."""
    server = MinioServer() if parts.is_real else None
    yield server
    if server:
        server.stop()


@pytest.fixture(params=["memory", "folder", "objects"])
def storage(
    request: pytest.FixtureRequest, tmp_path: Path, minio: MinioServer | None, monkeypatch: pytest.MonkeyPatch
) -> Storage:
    match request.param:
        case "memory":
            return MemoryStorage()
        case "folder":
            return FolderStorage(tmp_path / "log")
        case _ if minio:
            minio.reach(monkeypatch)
            return ObjectStorage.at(minio.bucket())
        case _:
            return ObjectStorage(MemoryStore())


@pytest.mark.parametrize("path", PATHS)
def test_what_was_put_is_there_and_never_changes(storage: Storage, path: str) -> None:
    assert storage.get(path) is None
    storage.put(path, b"one")
    storage.put(path, b"one")
    with pytest.raises(Conflict) as caught:
        storage.put(path, b"two")
    assert (caught.value.path, caught.value.expected, caught.value.found) == (path, b"two", b"one")
    assert storage.get(path) == b"one"


def test_what_changes_changes_only_from_what_it_was(storage: Storage) -> None:
    with pytest.raises(Conflict):
        storage.replace("checkpoint", b"one", b"two")
    assert storage.get("checkpoint") is None
    storage.replace("checkpoint", None, b"one")
    storage.replace("checkpoint", b"one", b"two")
    for wrong in (None, b"one"):
        with pytest.raises(Conflict) as caught:
            storage.replace("checkpoint", wrong, b"three")
        assert caught.value.found == b"two"
    assert storage.get("checkpoint") == b"two"


def test_deleting_leaves_nothing_and_may_be_repeated(storage: Storage) -> None:
    storage.put("tile/0/000.p/1", b"x")
    storage.delete("tile/0/000.p/1")
    storage.delete("tile/0/000.p/1")
    assert storage.get("tile/0/000.p/1") is None
    storage.put("tile/0/000.p/1", b"y")


def test_of_many_who_replace_at_once_each_step_has_one_winner(storage: Storage) -> None:
    storage.replace("checkpoint", None, b"0")
    won: list[int] = []

    def count(up_to: int) -> None:
        while (now := int(storage.get("checkpoint") or b"")) < up_to:
            try:
                storage.replace("checkpoint", str(now).encode(), str(now + 1).encode())
            except Conflict:
                continue
            won.append(now + 1)

    together(lambda: count(60), 4)
    assert sorted(won) == list(range(1, 61))


def test_of_many_who_put_at_once_one_version_stays(storage: Storage) -> None:
    outcomes: list[bytes] = []

    def put(data: bytes) -> None:
        try:
            storage.put("tile/0/000", data)
        except Conflict:
            return
        outcomes.append(data)

    threads = [threading.Thread(target=put, args=(bytes([number]) * 8192,)) for number in range(8)]
    run(threads)
    assert outcomes == [storage.get("tile/0/000")]


@pytest.mark.timeout(4000)
async def test_a_log_lives_in_it(storage: Storage, tmp_path: Path) -> None:
    async with Log.opened(tmp_path, storage) as log:
        sequencer = log.sequencer()
        for rows in (3, 300, 0):
            await sequencer.open()
            await log.add(rows)
            while await sequencer.sequence():
                pass
            await log.check()


def test_a_folder_says_when_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("a file where the folder should be")
    storage = FolderStorage(tmp_path / "log")
    for attempt in (lambda: storage.put("checkpoint", b""), lambda: storage.replace("checkpoint", None, b"")):
        with pytest.raises(Refused) as caught:
            attempt()
        assert caught.value.refusal.id == "AUD-10"


def test_a_folder_keeps_no_drafts_and_shows_no_halves(tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path)
    storage.put("tile/0/000", b"x" * 8192)
    storage.replace("checkpoint", None, b"one")
    with pytest.raises(Conflict):
        storage.put("tile/0/000", b"y")
    files = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"checkpoint", "tile/0/000", ".lock"}


def together(work: Callable[[], None], times: int) -> None:
    run([threading.Thread(target=work) for _ in range(times)])


def run(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
