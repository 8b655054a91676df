"""How long a session lasts, and what is kept of it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.common.database import Database
from services.common.errors import Refused
from services.identity.sessions import IDLE_S, LIFE_S, Sessions
from services.identity.vault import METADATA, REFRESH_TOKENS, SESSIONS
from tests.unit.identity.time_by_hand import TimeByHand


@pytest.fixture
def time() -> TimeByHand:
    return TimeByHand()


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/vault.sqlite", tables=METADATA)
    yield database
    await database.dispose()


@pytest.fixture
def sessions(vault: Database, time: TimeByHand) -> Sessions:
    return Sessions(vault, time)


async def begin(sessions: Sessions, session_id: str = "s") -> str:
    return await sessions.begin(session_id, "ada", "web", sessions.end_of_new())


async def refusal(sessions: Sessions, token: str) -> str:
    with pytest.raises(Refused) as refused:
        await sessions.rotate(token)
    return refused.value.refusal.id


async def test_a_token_tells_whose_it_is(sessions: Sessions) -> None:
    token = await begin(sessions)
    found = await sessions.find(await sessions.rotate(token))
    assert (found.id, found.person_id, found.client) == ("s", "ada", "web")


async def test_a_session_ends_when_nobody_uses_it(sessions: Sessions, time: TimeByHand) -> None:
    token = await begin(sessions)
    time.pass_s(IDLE_S - 1)
    token = await sessions.rotate(token)
    time.pass_s(IDLE_S - 1)
    token = await sessions.rotate(token)
    time.pass_s(IDLE_S)
    assert await refusal(sessions, token) == "IDN-04"


async def test_a_session_ends_in_any_case(sessions: Sessions, time: TimeByHand) -> None:
    token = await begin(sessions)
    for _ in range(LIFE_S // 86_400 - 1):
        time.pass_s(86_400)
        token = await sessions.rotate(token)
    time.pass_s(86_399)
    token = await sessions.rotate(token)
    time.pass_s(1)
    assert await refusal(sessions, token) == "IDN-04"


async def test_a_second_use_ends_the_whole_session_for_good(sessions: Sessions) -> None:
    stolen = await begin(sessions)
    following = await sessions.rotate(stolen)
    other = await begin(sessions, "other")
    assert await refusal(sessions, stolen) == "IDN-05"
    assert await refusal(sessions, following) == "IDN-05"
    assert await sessions.rotate(other)


async def test_a_forgotten_session_has_no_token(sessions: Sessions) -> None:
    token = await begin(sessions)
    await sessions.forget("ben", "s")
    token = await sessions.rotate(token)
    await sessions.forget("ada", "s")
    assert await refusal(sessions, token) == "IDN-04"


async def test_only_hashes_are_kept_and_not_for_ever(sessions: Sessions, vault: Database, time: TimeByHand) -> None:
    first = await begin(sessions, "first")
    second = await sessions.rotate(first)
    async with vault.read() as connection:
        kept = (await connection.execute(sa.select(REFRESH_TOKENS.c.token_hash))).scalars().all()
    assert [len(hash) for hash in kept] == [32, 32]
    assert not {first.encode(), second.encode()} & set(kept)

    time.pass_s(IDLE_S + 1)
    await begin(sessions, "second")
    async with vault.read() as connection:
        assert (await connection.execute(sa.select(SESSIONS.c.session_id))).scalars().all() == ["second"]
        assert await connection.scalar(sa.select(sa.func.count()).select_from(REFRESH_TOKENS)) == 1
