"""The tables that events cannot rebuild: keys, all wrapped by the master key, and sessions, of which only hashes.

They lie outside the event store, so that destroying a row here makes what it opened unreadable everywhere.
Times are seconds since 1970.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.database import Database

METADATA = sa.MetaData()

PERSON_KEYS = sa.Table(
    "person_keys",
    METADATA,
    sa.Column("person_id", sa.String(36), primary_key=True),
    sa.Column("key_id", sa.String(36), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
SECRETS = sa.Table(
    "secrets",
    METADATA,
    sa.Column("name", sa.String(50), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
)
SIGNING_KEYS = sa.Table(
    "signing_keys",
    METADATA,
    # Unique, so that of two processes that rotate at once one finds the other's key.
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kid", sa.String(64), nullable=False),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("signs_from_s", sa.BigInteger, nullable=False),
)
SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("session_id", sa.String(36), primary_key=True),
    sa.Column("person_id", sa.String(36), nullable=False),
    sa.Column("client", sa.String(100), nullable=False),
    sa.Column("ends_at_s", sa.BigInteger, nullable=False, index=True),
    sa.Column("idle_ends_at_s", sa.BigInteger, nullable=False, index=True),
    sa.Column("reused", sa.Boolean, nullable=False, server_default=sa.false()),
)
# Used ones stay until their session ends: that is how a second use is recognised.
REFRESH_TOKENS = sa.Table(
    "refresh_tokens",
    METADATA,
    sa.Column("token_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("session_id", sa.ForeignKey("sessions.session_id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("used", sa.Boolean, nullable=False, server_default=sa.false()),
)


class Vault:
    """The database of these tables, which are made when they are first needed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._is_ready = False
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that writes; durable when the block has ended."""
        await self._make_ready()
        async with self._database.begin() as transaction:
            yield transaction

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        await self._make_ready()
        async with self._database.read() as connection:
            yield connection

    async def _make_ready(self) -> None:
        async with self._turn:
            if not self._is_ready:
                await self._database.create(METADATA)
                self._is_ready = True
