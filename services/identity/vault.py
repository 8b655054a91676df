"""The tables that events cannot rebuild: keys, all wrapped by the master key, and sessions, of which only hashes.

They lie outside the event store, so that destroying a row here makes what it opened unreadable everywhere.
Times are seconds since 1970.
"""

import sqlalchemy as sa

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
PASSKEY_USES = sa.Table(
    "passkey_uses",
    METADATA,
    sa.Column("passkey_id", sa.String(36), primary_key=True),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("used_at_s", sa.BigInteger, nullable=False),
)
# Until they are over: each is good for one answer.
ANSWERED_CHALLENGES = sa.Table(
    "answered_challenges",
    METADATA,
    sa.Column("challenge_hash", sa.LargeBinary(32), primary_key=True),
    sa.Column("ends_at_s", sa.BigInteger, nullable=False, index=True),
)
