"""Carrying out the statements of many events in few round trips.

Statements that differ only in their values go together as one `executemany`. A statement may overtake others only if
none of these touches a table that it touches, so the result is that of carrying them out one by one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import visitors

Values = Mapping[str, object]


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

    async def execute(self, transaction: AsyncConnection, statements: Iterable[sa.Executable]) -> None:
        """Carries all of them out, as if one by one."""
        for group in self._group(statements):
            if len(group.values) > 1:
                await transaction.execute(group.statement, group.values)
            else:
                await transaction.execute(group.statement)

    def _group(self, statements: Iterable[sa.Executable]) -> list[_Group]:
        groups: list[_Group] = []
        for statement in statements:
            if found := self._shape(statement):
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
