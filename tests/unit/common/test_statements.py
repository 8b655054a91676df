"""Grouping statements changes nothing but the number of round trips."""

import uuid
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import insert

from services.common.database import Database
from services.common.projection.statements import Prepared, Statement, Statements, execute, parameter

METADATA = sa.MetaData()
PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String),
    sa.Column("n", sa.Integer),
)
NOTES = sa.Table("notes", METADATA, sa.Column("id", sa.Integer, primary_key=True), sa.Column("by", sa.Integer))

ID = st.integers(1, 2)
NAME = st.sampled_from(["a", "b", "é", None])


def upsert(id_: int, name: str | None) -> sa.Executable:
    row = insert(PEOPLE).values(id=id_, name=name, n=1)
    return row.on_conflict_do_update(index_elements=["id"], set_={"name": row.excluded.name, "n": PEOPLE.c.n * 3 + 1})


def _upserted() -> sa.UpdateBase:
    row = insert(PEOPLE).values(id=parameter(PEOPLE.c.id), name=parameter(PEOPLE.c.name), n=1)
    return row.on_conflict_do_update(index_elements=["id"], set_={"name": row.excluded.name, "n": PEOPLE.c.n * 5 + 1})


UPSERTED = Prepared(_upserted())
RENAMED = Prepared(
    sa.update(PEOPLE).where(PEOPLE.c.id == parameter(PEOPLE.c.id)).values(name=parameter(PEOPLE.c.name, "other"))
)


def note(id_: int, by: int) -> sa.Executable:
    return insert(NOTES).values(id=id_, by=by).on_conflict_do_nothing()


def rename(id_: int, name: str | None) -> sa.Executable:
    return sa.update(PEOPLE).where(PEOPLE.c.id == id_, PEOPLE.c.n > 1).values(name=name, n=PEOPLE.c.n + 2)


def remove(id_: int) -> sa.Executable:
    return sa.delete(PEOPLE).where(PEOPLE.c.id == id_)


def remove_several(ids: list[int]) -> sa.Executable:
    return sa.delete(NOTES).where(NOTES.c.id.in_(ids))


def count_notes(id_: int) -> sa.Executable:
    notes = sa.select(sa.func.count()).select_from(NOTES).where(NOTES.c.by == id_).scalar_subquery()
    return sa.update(PEOPLE).where(PEOPLE.c.id == id_).values(n=PEOPLE.c.n + notes)


def raw(id_: int) -> sa.Executable:
    return sa.text("UPDATE notes SET by = by * 2 WHERE id = :id").bindparams(id=id_)


STATEMENTS = st.lists(
    st.one_of(
        st.builds(upsert, ID, NAME),
        st.builds(note, st.integers(1, 8), ID),
        st.builds(rename, ID, NAME),
        st.builds(remove, ID),
        st.builds(remove_several, st.lists(ID, min_size=1, max_size=3)),
        st.builds(count_notes, ID),
        st.builds(raw, ID),
        st.builds(lambda id_, name: UPSERTED(id=id_, name=name), ID, NAME),
        st.builds(lambda id_, name: RENAMED(id=id_, other=name), ID, NAME),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statements=STATEMENTS)
@example(statements=[upsert(1, "a"), remove(1), upsert(1, "b")])
@example(statements=[note(1, 1), raw(1), note(2, 1)])
async def test_the_result_is_that_of_one_by_one(tmp_path: Path, statements: list[Statement]) -> None:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/{uuid.uuid4()}.sqlite")
    try:
        await opened.create(METADATA)
        found = []
        for grouped in (False, True):
            async with opened.begin() as transaction:
                if grouped:
                    await transaction.run_sync(Statements(opened.dialect).execute, statements)
                else:
                    for statement in statements:
                        await transaction.run_sync(execute, statement)
                for table in (PEOPLE, NOTES):
                    found.append((await transaction.execute(sa.select(table).order_by(table.c.id))).all())
                    await transaction.execute(sa.delete(table))
        assert found[:2] == found[2:]
    finally:
        await opened.dispose()


async def test_many_events_take_few_round_trips(tmp_path: Path) -> None:
    opened = Database(f"sqlite+aiosqlite:///{tmp_path}/rows.sqlite")
    try:
        await opened.create(METADATA)
        async with opened.begin() as transaction:
            sent: list[str] = []
            connection = transaction.sync_connection
            assert connection
            sa.event.listen(connection, "before_cursor_execute", lambda *arguments: sent.append(arguments[2]))
            changes = [change for id_ in range(100) for change in (upsert(id_, "a"), note(id_, id_))]
            await transaction.run_sync(Statements(opened.dialect).execute, changes)
            assert len(sent) == 2
            assert await transaction.scalar(sa.select(sa.func.count()).select_from(NOTES)) == 100
    finally:
        await opened.dispose()
