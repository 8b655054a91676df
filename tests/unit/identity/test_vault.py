"""Keys are made once, lie wrapped, and are the same for all processes of an installation."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from regard.common.v1.options_pb2 import Role

from services.common.database import Database
from services.common.masterkey import MasterKey, WrongMasterKey
from services.identity.keys import AddressHashes, PersonKeys
from services.identity.tokens import SIGNS_FOR_S, AccessTokens, SigningKeys
from services.identity.vault import METADATA
from tests.unit.identity.time_by_hand import TimeByHand

MASTER_KEY = MasterKey(bytes(32))


@pytest.fixture
def time() -> TimeByHand:
    return TimeByHand()


@pytest.fixture
async def databases(tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' connections to one file."""
    url = f"sqlite+aiosqlite:///{tmp_path}/vault.sqlite"
    both = Database(url, tables=METADATA), Database(url, tables=METADATA)
    # SQLite lets nobody else in while it turns a new file into one with a write-ahead log.
    await both[0].create(METADATA)
    yield both
    for database in both:
        await database.dispose()


async def test_simultaneous_processes_make_one_key_of_each_kind(
    databases: tuple[Database, Database], time: TimeByHand
) -> None:
    keys = await asyncio.gather(*(PersonKeys(vault, MASTER_KEY, time).ensure("ada") for vault in databases * 5))
    assert len({key.secret for key in keys}) == 1
    hashes = await asyncio.gather(*(AddressHashes(vault, MASTER_KEY).of("a@b.org") for vault in databases * 5))
    assert len(set(hashes)) == 1
    rings = await asyncio.gather(*(SigningKeys(vault, MASTER_KEY, time).jwks() for vault in databases * 5))
    assert [[jwk["kid"] for jwk in ring] for ring in rings] == [[rings[0][0]["kid"]]] * 10


async def test_only_those_who_have_a_key_are_found(databases: tuple[Database, Database], time: TimeByHand) -> None:
    keys = PersonKeys(databases[0], MASTER_KEY, time)
    ada = await keys.ensure("ada")
    assert await keys.find(["ada", "bob"]) == {"ada": ada}
    assert await keys.find([]) == {}
    many = [f"person {number}" for number in range(1100)]
    assert await keys.find([*many, "ada"]) == {"ada": ada}


async def test_the_vault_alone_opens_nothing(databases: tuple[Database, Database], time: TimeByHand) -> None:
    vault, other = databases[0], MasterKey(bytes([1]) * 32)
    await PersonKeys(vault, MASTER_KEY, time).ensure("ada")
    await AddressHashes(vault, MASTER_KEY).of("a@b.org")
    await SigningKeys(vault, MASTER_KEY, time).jwks()
    for attempt in (
        PersonKeys(vault, other, time).find(["ada"]),
        AddressHashes(vault, other).of("a@b.org"),
        SigningKeys(vault, other, time).jwks(),
    ):
        with pytest.raises(WrongMasterKey):
            await attempt


async def test_keys_rotate_without_a_token_that_a_cached_set_does_not_verify(
    databases: tuple[Database, Database], time: TimeByHand
) -> None:
    here, there = (SigningKeys(database, MASTER_KEY, time) for database in databases)
    tokens = AccessTokens(here, "regard", "regard", time)
    kids, largest = set(), 0
    for _ in range(3 * SIGNS_FOR_S // 86_400):
        time.pass_s(86_400 - 1200)
        for _ in range(4):
            cached = KeySet.import_key_set({"keys": await there.jwks()})  # type: ignore[typeddict-item]
            time.pass_s(300)
            token = jwt.decode(await tokens.issue("ada", "s", [Role.ROLE_AUDITOR], "web"), cached, algorithms=["ES256"])
            assert token.claims["roles"] == ["auditor"]
            kids.add(token.header["kid"])
            largest = max(largest, len(cached.keys))
    assert len(kids) in (3, 4)
    assert largest == 2


async def test_nobody_is_without_a_key_while_a_slow_call_makes_the_first_one_too(
    databases: tuple[Database, Database], time: TimeByHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = SigningKeys(databases[0], MASTER_KEY, time)
    read, rotate = keys._read, keys._rotate
    has_read, others_are_done, rotates, may_rotate = (asyncio.Event() for _ in range(4))

    async def slow_read() -> Any:
        monkeypatch.setattr(keys, "_read", read)
        found = await read()
        has_read.set()
        await others_are_done.wait()
        monkeypatch.setattr(keys, "_rotate", slow_rotate)
        return found

    async def slow_rotate(*arguments: Any) -> None:
        rotates.set()
        await may_rotate.wait()
        await rotate(*arguments)

    monkeypatch.setattr(keys, "_read", slow_read)
    slow = asyncio.create_task(keys.jwks())
    await has_read.wait()
    made = await keys.current()
    others_are_done.set()
    await rotates.wait()
    assert await keys.current() == made
    may_rotate.set()
    assert [one["kid"] for one in await slow] == [made.kid]
    assert await keys.current() == made
