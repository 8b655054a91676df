"""An installation with as many people, confidential groups and rooms as a benchmark wants, made through the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
from regard.audit.v1.audit_pb2_grpc import LedgerServiceStub
from regard.chat.v1.chat_pb2 import ImportRoomRequest
from regard.chat.v1.chat_pb2_grpc import ChatServiceStub
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, Level
from regard.groups.v1.groups_pb2 import ImportGroupRequest
from regard.groups.v1.rules_pb2 import Rules
from regard.identity.v1.identity_pb2 import ClaimInstallationRequest, Profile, ProvisionPersonRequest

from regard_client import AsyncRegard
from regard_client.importers.report import patiently
from tests.product import Product

PASSWORD = "only for measuring"
_AT_ONCE = 8

Item = TypeVar("Item")


@contextlib.contextmanager
def product(*targets: str, **variables: str) -> Iterator[Product]:
    """The product on a folder of its own, which goes with it. It is ready when `ready()` returns."""
    with tempfile.TemporaryDirectory(prefix="regard-bench-") as folder:
        started = Product(Path(folder), *(targets or ("all",)), **variables)
        try:
            yield started
        finally:
            started.stop()
            started.close()


@dataclass(frozen=True, slots=True)
class Room:
    """A room with the people of its group."""

    group_id: str
    room_id: str
    members: tuple[str, ...]
    """Addresses."""


class Company:
    """People and groups; `administrator` is signed in."""

    def __init__(self, url: str, administrator: AsyncRegard) -> None:
        self.url = url
        self.administrator = administrator
        self.target = url.removeprefix("http://")
        self._made = 0

    @classmethod
    async def found(cls, product: Product) -> Company:
        """Claims the installation."""
        url = product.ready()
        administrator = AsyncRegard(url)
        profile = Profile(name="Administrator", email="administrator@bench.example", language="en")
        claim = ClaimInstallationRequest(code=product.code, profile=profile, password=PASSWORD)
        await administrator.auth.ClaimInstallation(claim)
        await administrator.sign_in(profile.email, PASSWORD)
        return cls(url, administrator)

    async def people(self, count: int) -> dict[str, str]:
        """Makes people; their ids by address."""

        async def one(number: int) -> tuple[str, str]:
            address = f"p{number}@bench.example"
            profile = Profile(name=f"Person {number}", email=address, language="en")
            request = ProvisionPersonRequest(profile=profile, password=PASSWORD)
            answer = await patiently(lambda: self.administrator.people.ProvisionPerson(request))
            return address, answer.person.id

        first, self._made = self._made, self._made + count
        return dict(await gathered(one(number) for number in range(first, first + count)))

    async def room(self, name: str, people: dict[str, str], level: Level = LEVEL_CONFIDENTIAL) -> Room:
        """Makes a group of these people, and a room in it."""
        moderator, *members = people.values()
        request = ImportGroupRequest(
            external_id=f"bench:{name}",
            name=name,
            rules=Rules(level=level),
            moderator_ids=[moderator],
            member_ids=members,
        )
        group_id = (await patiently(lambda: self.administrator.groups.ImportGroup(request))).group_id
        wanted = ImportRoomRequest(group_id=group_id, external_id=f"bench:{name}", name=name)
        room_id = (await patiently(lambda: self.administrator.chat.ImportRoom(wanted))).room_id
        return Room(group_id, room_id, tuple(people))

    async def rooms(self, count: int, members: int) -> list[Room]:
        """Makes so many groups with a room each, all of people of their own."""
        people = list((await self.people(count * members)).items())
        return await gathered(
            self.room(f"Room {number}", dict(people[number * members : (number + 1) * members]))
            for number in range(count)
        )

    async def signed_in(self, address: str) -> Member:
        """Someone, with a connection of their own."""
        async with AsyncRegard(self.url) as regard:
            await patiently(lambda: regard.sign_in(address, PASSWORD))
            return Member(self.target, regard.session.token)

    async def close(self) -> None:
        """Ends the administrator's connection."""
        await self.administrator.close()


class Member:
    """Someone's own connection to the gateway, without what the SDK adds: it is the server that is measured."""

    def __init__(self, target: str, token: str) -> None:
        self.channel = grpc.aio.insecure_channel(target, options=(("grpc.use_local_subchannel_pool", 1),))
        self.metadata = (("authorization", f"Bearer {token}"),)
        self.chat = ChatServiceStub(self.channel)
        self.ledger = LedgerServiceStub(self.channel)


def processes(pid: int) -> list[int]:
    """A process and its children."""
    children = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    return [pid, *(int(line.split()[0]) for line in children.stdout.splitlines() if line.split()[1] != "ps")]


async def gathered(todo: Iterable[Awaitable[Item]], at_once: int = _AT_ONCE) -> list[Item]:
    """The results of all, in order; so many at once as a company's first day would bring."""
    gate = asyncio.Semaphore(at_once)

    async def one(step: Awaitable[Item]) -> Item:
        async with gate:
            return await step

    return await asyncio.gather(*(one(step) for step in todo))
