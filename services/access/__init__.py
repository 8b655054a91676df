"""The guard: the only door to confidential content. What services may use of it is named here.

policy        who may do what, and the panel: pure (group.py its state, rules.py the one table)
guard         sights, grants, live accesses
membership    membership that is never older than the call
recorder      access records, durable before anything is served
window        reading the same again within a while is one access
live          ending live accesses in time
revocations   who was sent away before their token ended
keys, texts   content keys, kept in here
tables        what views of content keep of groups
"""

from services.access.content import Erased, Object
from services.access.guard import Grant, Guard
from services.access.live import Live
from services.access.policy import (
    Action,
    Allowed,
    Denied,
    GroupPolicy,
    Membership,
    PanelLine,
    fold,
    must_record,
    panel,
    strangers,
    verdict,
)
from services.access.sight import Sight
from services.access.tables import GroupTables, insert_if
from services.common.sealing import Place

__all__ = [
    "Action",
    "Allowed",
    "Denied",
    "Erased",
    "Grant",
    "GroupPolicy",
    "GroupTables",
    "Guard",
    "Live",
    "Membership",
    "Object",
    "PanelLine",
    "Place",
    "Sight",
    "fold",
    "insert_if",
    "must_record",
    "panel",
    "strangers",
    "verdict",
]
