"""What every view of content keeps of groups: who belongs to which, and which groups and authors are gone.

Groups' events come on another topic than the content's, in no fixed order to them: what is gone is remembered, so that
the tables end the same whichever comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from google.protobuf.message import Message
from regard.groups.v1.events_pb2 import (
    GroupDeleted,
    KeysDestroyed,
    MemberAdded,
    MemberLeft,
    MemberRemoved,
    MembershipExpired,
)
from sqlalchemy.dialects.postgresql import insert  # SQLite's compiler understands its ON CONFLICT too

from services.common.projection import Prepared, Statement, parameter


class GroupTables:
    """The tables of one view: `<view>_belonging_v1` and `<view>_gone_v1`."""

    def __init__(self, view: str, metadata: sa.MetaData) -> None:
        self._belonging = sa.Table(
            f"{view}_belonging_v1",
            metadata,
            sa.Column("person_id", sa.String(36), primary_key=True),
            sa.Column("group_id", sa.String(36), primary_key=True),
        )
        self._gone = sa.Table(
            f"{view}_gone_v1",
            metadata,
            sa.Column("group_id", sa.String(36), primary_key=True),
            sa.Column("author_id", sa.String(36), primary_key=True),  # empty: the whole group
        )
        row = {column.name: parameter(column) for column in self._belonging.columns}
        self._belongs = Prepared(insert(self._belonging).values(row).on_conflict_do_nothing())

    def reduce(self, event: Message) -> Sequence[Statement]:
        """The statements that bring these tables from before a group's event to after it."""
        belonging = self._belonging
        match event:
            case MemberAdded():
                return (self._belongs(person_id=event.person_id, group_id=event.group_id),)
            case MemberLeft() | MemberRemoved() | MembershipExpired():
                left = (belonging.c.person_id == event.person_id, belonging.c.group_id == event.group_id)
                return (sa.delete(belonging).where(*left),)
            case GroupDeleted():
                none_left = sa.delete(belonging).where(belonging.c.group_id == event.group_id)
                return (self._remember(event.group_id, ""), none_left)
            case KeysDestroyed() if event.author_id:
                return (self._remember(event.group_id, event.author_id),)
            case _:
                return ()

    def gone(
        self, group_id: str | sa.ColumnElement[str], author_id: str | sa.ColumnElement[str] = ""
    ) -> sa.ColumnElement[bool]:
        """Whether the group, or what that author wrote in it, is gone."""
        return sa.exists().where(self._gone.c.group_id == group_id, self._gone.c.author_id == author_id)

    def of(self, tx: sa.Connection, person_id: str) -> list[str]:
        """Groups that a person belongs to, as far as the view knows: a hint for the guard, never a permission."""
        mine = sa.select(self._belonging.c.group_id).where(self._belonging.c.person_id == person_id)
        return list(tx.scalars(mine))

    def _remember(self, group_id: str, author_id: str) -> sa.Executable:
        return insert(self._gone).values(group_id=group_id, author_id=author_id).on_conflict_do_nothing()


def insert_if(condition: sa.ColumnElement[bool], table: sa.Table, row: Mapping[str, object]) -> sa.UpdateBase:
    """Inserts the row, unless its key is there already or the condition does not hold; values may be expressions."""
    values = [
        sa.type_coerce(value, table.c[name].type)
        if isinstance(value, sa.ColumnElement)
        else sa.literal(value, table.c[name].type)
        for name, value in row.items()
    ]
    return insert(table).from_select(list(row), sa.select(*values).where(condition)).on_conflict_do_nothing()
