"""Carrying out the statements of many events in few round trips.

To build a statement takes longer than to carry it out. What frequent events need is therefore built once, a Prepared;
each event gives it values. Statements that differ only in their values go together as one `executemany`. A statement
may overtake others only if none of these touches a table that it touches, so the result is that of carrying them out
one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

Values = Mapping[str, object]


_PREFIX = "p_"  # the names of columns are SQLAlchemy's own parameters


def parameter(column: sa.Column[Any], name: str = "") -> sa.BindParameter[Any]:
    """What a prepared statement is given for a column, by the column's name or another."""
    return sa.bindparam(_PREFIX + (name or column.name), type_=column.type)


class Prepared:
    """A statement whose values are parameters; calling it with them, by name, gives one to be carried out."""

    def __init__(self, statement: sa.UpdateBase) -> None:
        self.statement = statement
        self.tables = _tables(statement)

    def __call__(self, **values: object) -> "Given":
        return Given(self, {_PREFIX + name: value for name, value in values.items()})


@dataclass(frozen=True, slots=True)
class Given:
    """A prepared statement with its values."""

    prepared: Prepared
    values: Values


Statement = sa.Executable | Given


def execute(connection: sa.Connection, statement: Statement) -> None:
    """Carries out one statement."""
    match statement:
        case Given(prepared=prepared, values=values):
            connection.execute(prepared.statement, values)
        case _:
            connection.execute(statement)


@dataclass(slots=True)
class _Group:
    """Statements of one shape; `tables` is None where it is not known what they touch."""

    shape: object
    tables: frozenset[str] | None
    statement: sa.Executable
    values: list[Values] = field(default_factory=list)

    def in_the_way_of(self, tables: frozenset[str]) -> bool:
        return self.tables is None or not self.tables.isdisjoint(tables)


@dataclass(frozen=True, slots=True)
class _Shape:
    tables: frozenset[str]
    compiled: sa.Compiled


class Statements:
    """Groups statements and carries them out; keeps what it learnt of their shapes."""

    def __init__(self, dialect: sa.Dialect) -> None:
        self._dialect = dialect
        self._shapes: dict[object, _Shape] = {}

    def execute(self, transaction: sa.Connection, statements: Iterable[Statement]) -> None:
        """Carries all of them out, as if one by one."""
        for group in self._group(statements):
            if group.values:
                transaction.execute(group.statement, group.values)
            else:
                transaction.execute(group.statement)

    def _group(self, statements: Iterable[Statement]) -> list[_Group]:
        groups: list[_Group] = []
        for statement in statements:
            if isinstance(statement, Given):
                prepared = statement.prepared
                self._join(groups, prepared, prepared.tables, prepared.statement).values.append(statement.values)
            elif found := self._shape(statement):
                key, shape, values = found
                self._join(groups, key, shape.tables, statement).values.append(values)
            else:
                groups.append(_Group(None, None, statement))
        return groups

    def _shape(self, statement: sa.Executable) -> tuple[object, _Shape, Values] | None:
        """What the statement has in common with others and its own values; None if it must go alone."""
        key = statement._generate_cache_key() if isinstance(statement, sa.UpdateBase) else None
        if not isinstance(statement, sa.UpdateBase) or not key or any(value.expanding for value in key.bindparams):
            return None
        shape = self._shapes.get(key.key)
        if shape is None:
            compiled = statement.compile(dialect=self._dialect, cache_key=key)
            shape = self._shapes[key.key] = _Shape(_tables(statement), compiled)
        values = shape.compiled.construct_params(extracted_parameters=key.bindparams, escape_names=False)
        return key.key, shape, values or {}

    @staticmethod
    def _join(groups: list[_Group], shape: object, tables: frozenset[str], statement: sa.Executable) -> _Group:
        for group in reversed(groups):
            if group.shape == shape:
                return group
            if group.in_the_way_of(tables):
                break
        groups.append(_Group(shape, tables, statement))
        return groups[-1]


def _tables(statement: sa.UpdateBase) -> frozenset[str]:
    touched = {element for element in visitors.iterate(statement) if isinstance(element, sa.Table)}
    referred = {key.column.table for table in touched for key in table.foreign_keys}
    return frozenset(table.fullname for table in touched | referred)
