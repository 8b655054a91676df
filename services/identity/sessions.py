"""Refresh tokens: opaque, each good for one use, kept as hashes only.

That a session was revoked is said by the person's stream; here is only which token comes next. A session ends after
IDLE_S without a refresh, or after LIFE_S whatever happens.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.clock import Clock
from services.common.database import Database
from services.identity.refusals import SESSION_OVER, TOKEN_REUSED
from services.identity.vault import REFRESH_TOKENS, SESSIONS

IDLE_S = 14 * 86_400
LIFE_S = 90 * 86_400


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its refresh token names it; `reused` once a token of it was used twice."""

    id: str
    person_id: str
    client: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Going:
    """A session that goes on. `renewed_at`: when its last token was given."""

    id: str
    client: str
    began_at: datetime
    renewed_at: datetime
    ends_at: datetime


class Sessions:
    """Keeps which refresh token comes next."""

    def __init__(self, vault: Database, clock: Clock) -> None:
        self._vault = vault
        self._clock = clock

    def end_of_new(self) -> datetime:
        """When a session that begins now ends at the latest."""
        return _moment(self._now_s() + LIFE_S)

    async def begin(self, session_id: str, person_id: str, client: str, ends_at: datetime) -> str:
        """The first refresh token of a session. Forgets sessions that are over."""
        token, now_s = _new_token(), self._now_s()
        session = {
            "session_id": session_id,
            "person_id": person_id,
            "client": client,
            "ends_at_s": int(ends_at.timestamp()),
            "idle_ends_at_s": now_s + IDLE_S,
        }
        over = (SESSIONS.c.ends_at_s < now_s) | (SESSIONS.c.idle_ends_at_s < now_s)
        async with self._vault.begin() as transaction:
            await transaction.execute(sa.delete(SESSIONS).where(over))
            await transaction.execute(sa.insert(SESSIONS).values(session))
            await transaction.execute(_insert_token(token, session_id))
        return token

    async def find(self, token: str) -> Session:
        """Whose token it is. Raises Refused (IDN-04) if it is unknown or its session is over."""
        async with self._vault.read() as connection:
            return await self._find(connection, token)

    async def rotate(self, token: str) -> str:
        """The token that takes this one's place. Raises Refused: IDN-04; IDN-05 if it was used before."""
        following, now_s = _new_token(), self._now_s()
        use = (
            sa.update(REFRESH_TOKENS)
            .where(REFRESH_TOKENS.c.token_hash == _hash(token), REFRESH_TOKENS.c.used.is_(False))
            .values(used=True)
        )
        async with self._vault.begin() as transaction:
            session = await self._find(transaction, token)
            this = SESSIONS.c.session_id == session.id
            first_use = (await transaction.execute(use)).rowcount == 1
            if first_use and not session.reused:
                await transaction.execute(_insert_token(following, session.id))
                await transaction.execute(sa.update(SESSIONS).where(this).values(idle_ends_at_s=now_s + IDLE_S))
                return following
            await transaction.execute(sa.update(SESSIONS).where(this).values(reused=True))
        raise TOKEN_REUSED()

    async def of(self, person_id: str) -> list[Going]:
        """The person's that are not over, the one renewed last first."""
        now_s = self._now_s()
        mine = (SESSIONS.c.person_id == person_id, SESSIONS.c.ends_at_s > now_s, SESSIONS.c.idle_ends_at_s > now_s)
        chosen = sa.select(SESSIONS).where(*mine, SESSIONS.c.reused.is_(False))
        async with self._vault.read() as connection:
            rows = await connection.execute(chosen.order_by(SESSIONS.c.idle_ends_at_s.desc(), SESSIONS.c.session_id))
            return [
                Going(
                    row.session_id,
                    row.client,
                    began_at=_moment(row.ends_at_s - LIFE_S),
                    renewed_at=_moment(row.idle_ends_at_s - IDLE_S),
                    ends_at=_moment(row.ends_at_s),
                )
                for row in rows
            ]

    async def forget(self, person_id: str, session_id: str) -> None:
        """None of the tokens of that person's session is known from now on."""
        this = (SESSIONS.c.session_id == session_id, SESSIONS.c.person_id == person_id)
        async with self._vault.begin() as transaction:
            await transaction.execute(sa.delete(SESSIONS).where(*this))

    async def _find(self, connection: AsyncConnection, token: str) -> Session:
        now_s = self._now_s()
        query = (
            sa.select(SESSIONS.c.session_id, SESSIONS.c.person_id, SESSIONS.c.client, SESSIONS.c.reused)
            .join(REFRESH_TOKENS)
            .where(
                REFRESH_TOKENS.c.token_hash == _hash(token),
                SESSIONS.c.ends_at_s > now_s,
                SESSIONS.c.idle_ends_at_s > now_s,
            )
        )
        row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise SESSION_OVER()
        return Session(*row)

    def _now_s(self) -> int:
        return int(self._clock().timestamp())


def _moment(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _new_token() -> str:
    return secrets.token_urlsafe(32)


def _hash(token: str) -> bytes:
    # A token has 256 random bits, so a fast hash is enough.
    return hashlib.sha256(token.encode()).digest()


def _insert_token(token: str, session_id: str) -> sa.Insert:
    return sa.insert(REFRESH_TOKENS).values(token_hash=_hash(token), session_id=session_id)
