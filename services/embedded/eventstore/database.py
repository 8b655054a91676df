"""The SQLite file: its tables, how it is opened, and when it is refused.

`event.position` is the order of commits. `stream` holds one row for each name that has events or metadata, with the
retention that its last `$metadata` event asks for.
"""

import sqlite3
from pathlib import Path
from typing import Final

from services.embedded.eventstore import filters
from services.embedded.eventstore.model import Head, Retention
from services.embedded.eventstore.refusals import FILE_DAMAGED, FILE_FOREIGN, FOLDER_UNUSABLE

FILE_NAME: Final = "events.sqlite"
FORMAT: Final = 1
APPLICATION_ID: Final = 0x52455653  # "REVS"

_SCHEMA: Final = """
CREATE TABLE stream (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    last INTEGER NOT NULL,
    truncate_before INTEGER NOT NULL,
    max_count INTEGER,
    max_age_s INTEGER
) STRICT;
CREATE TABLE event (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL REFERENCES stream (key),
    revision INTEGER NOT NULL,
    id BLOB NOT NULL,
    type TEXT NOT NULL,
    content_type TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    metadata BLOB NOT NULL,
    data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_in_stream ON event (stream, revision);
"""


def open_writer(file: Path) -> sqlite3.Connection:
    """The connection that writes, with the tables made if the file is new.

    Raises Refused if the file is damaged, foreign, or cannot be written.
    """
    connection = _connect(file)
    try:
        _examine(connection, file)
        # Durable once COMMIT returns: in WAL mode FULL syncs the log at each commit.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if _is_empty(connection):
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {FORMAT}; COMMIT;"
            )
    except sqlite3.OperationalError as error:
        connection.close()
        raise FOLDER_UNUSABLE(folder=str(file.parent), reason=str(error)) from error
    except sqlite3.DatabaseError as error:
        connection.close()
        raise FILE_DAMAGED(file=str(file)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(file: Path) -> sqlite3.Connection:
    """A connection that only reads, and knows what filters need."""
    connection = _connect(file)
    connection.execute("PRAGMA query_only = TRUE")
    filters.prepare(connection)
    return connection


def read_head(connection: sqlite3.Connection, stream: str) -> Head:
    """What is committed of `stream`; the empty Head if nothing is."""
    row = connection.execute(
        "SELECT key, last, truncate_before, max_count, max_age_s FROM stream WHERE name = ?", (stream,)
    ).fetchone()
    return Head() if row is None else Head(row[0], row[1], Retention(*row[2:]))


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=10, isolation_level=None, check_same_thread=False, cached_statements=512)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone() is None


def _examine(connection: sqlite3.Connection, file: Path) -> None:
    if _is_empty(connection):
        return
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (format_,) = connection.execute("PRAGMA user_version").fetchone()
    if (application_id, format_) != (APPLICATION_ID, FORMAT):
        raise FILE_FOREIGN(file=str(file))
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise FILE_DAMAGED(file=str(file))
