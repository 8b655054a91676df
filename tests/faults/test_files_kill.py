"""kill -9 of the whole product while files arrive: what was acknowledged is there, and what is there is whole."""

import asyncio
import random
import threading
from pathlib import Path

import pytest
from regard.common.v1.common_pb2 import PageRequest
from regard.feed.v1.feed_pb2 import ListFilesRequest

from regard_client import Regard, RegardError, Session
from regard_client.files import download, upload
from tests.faults.rounds import checked, rounds, seeded
from tests.faults.traffic import MODERATOR, PASSWORD, Traffic
from tests.product import Product

_MOST_BYTES = 3 * 1024 * 1024
_PAGE = 100


class Sender:
    """Someone who sends one file after another, and keeps which of them were acknowledged."""

    def __init__(self, draw: random.Random, group_id: str, folder: Path) -> None:
        self._draw, self._group_id, self._folder = draw, group_id, folder
        self.sent: dict[str, bytes] = {}
        self.acknowledged: dict[str, str] = {}
        """Id by name."""

    def send(self, url: str, stop: threading.Event) -> None:
        """Sends until that is set, or the product is gone."""
        try:
            with _moderator(url) as regard:
                while not stop.is_set():
                    name = f"{len(self.sent)}.bin"
                    self.sent[name] = self._draw.randbytes(self._draw.randrange(_MOST_BYTES))
                    path = self._folder / name
                    path.write_bytes(self.sent[name])
                    self.acknowledged[name] = upload(regard, self._group_id, path).id
        except RegardError:  # it may have been signing in still
            if not stop.is_set():
                raise

    def verify(self, url: str) -> int:
        """Downloads all that is listed; how many there are."""
        with _moderator(url) as regard:
            listed: dict[str, str] = {}
            page = PageRequest(size=_PAGE)
            while True:
                answer = regard.feed.ListFiles(ListFilesRequest(group_id=self._group_id, page=page))
                listed |= {file.description.name: file.id for file in answer.files}
                page.token = answer.page.next_token
                if not page.token:
                    break
            assert self.acknowledged.items() <= listed.items()
            assert listed.keys() <= self.sent.keys()
            for name, file_id in listed.items():
                path = download(regard, file_id, self._folder)
                assert path.read_bytes() == self.sent[name]
                path.unlink()
        return len(listed)


def _moderator(url: str) -> Regard:
    regard = Regard(url, session=Session(language="en", client="files"))
    regard.sign_in(f"{MODERATOR}@traffic.example", PASSWORD)
    return regard


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_files_survive_kill_9_whole_or_not_at_all(tmp_path: Path) -> None:
    draw = seeded()
    traffic = Traffic(draw)
    product = Product(tmp_path / "product", "all")
    try:
        url = await asyncio.to_thread(product.ready)
        await traffic.prepare(url, product.code)
        sender = Sender(draw, traffic.group_id, tmp_path)
        for number in range(rounds(3, of=50)):
            stop = threading.Event()
            sending = asyncio.create_task(asyncio.to_thread(sender.send, url, stop))
            await asyncio.sleep(draw.uniform(0.3, 2.0))
            stop.set()
            product.kill()
            await sending
            await checked(product)
            await asyncio.to_thread(product.start_again)
            there = await asyncio.to_thread(sender.verify, url)
            print(f"round {number}: {len(sender.sent)} begun, {len(sender.acknowledged)} acknowledged, {there} there")
        assert sender.acknowledged
    finally:
        product.close()
