"""The three forms of an access in an export: as the ledger has it, a row of a table, an OCSF event. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1 import events_pb2 as events
from regard.audit.v1.audit_pb2 import LedgerEntry
from regard.audit.v1.events_pb2 import Action, Objects, ReaderKind
from regard.common.v1.common_pb2 import Purpose

COLUMNS = (
    "access_id",
    "at",
    "ended_at",
    "group_id",
    "reader_id",
    "capacity",
    "action",
    "objects",
    "purpose",
    "purpose_reference",
    "break_glass_id",
    "client",
    "rules_version",
    "place",
    "sentence_en",
    "sentence_fr",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that a spreadsheet would calculate."""

# OCSF 1.6.0, class Datastore Activity (6005) of the category Application Activity (6).
_OCSF_VERSION = "1.6.0"
_CATEGORY, _CLASS = 6, 6005
_READ, _QUERY, _CREATE, _OTHER = 1, 4, 6, 99
_ACTIVITIES: Mapping[Action, int] = MappingProxyType(
    {
        events.ACTION_READ: _READ,
        events.ACTION_LIVE: _READ,
        events.ACTION_PREVIEW: _READ,
        events.ACTION_DOWNLOAD: _READ,
        events.ACTION_READ_LEDGER: _READ,
        events.ACTION_SEARCH: _QUERY,
        events.ACTION_SEARCH_LEDGER: _QUERY,
        events.ACTION_EXPORT: _QUERY,
        events.ACTION_IMPORT: _CREATE,
    }
)
_INFORMATIONAL = 1


def plain(entry: LedgerEntry) -> bytes:
    """A line of JSON with the names of the contract, as records of the log have them."""
    return _json(MessageToDict(entry, preserving_proto_field_name=True))


def header() -> bytes:
    """The first row of the table, with the mark by which spreadsheets know UTF-8."""
    return b"\xef\xbb\xbf" + _csv(COLUMNS)


def row(entry: LedgerEntry) -> bytes:
    """A row of the table, of which no cell is a formula."""
    cells = (
        entry.access_id,
        _moment(entry.at),
        _moment(entry.ended_at) if entry.HasField("ended_at") else "",
        entry.group_id,
        entry.reader_id,
        _capacity(entry.reader_kind),
        _action(entry.action),
        " ".join(map(_objects, entry.objects)),
        _purpose(entry.purpose),
        entry.purpose_reference,
        entry.break_glass_id,
        entry.client,
        str(entry.rules_version),
        f"{entry.revision}.{entry.index}",
        entry.sentence.en,
        entry.sentence.fr,
    )
    return _csv(tuple(f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in cells))


def event(entry: LedgerEntry) -> bytes:
    """An OCSF event. There is no network address to tell: the source is the application that the reader used."""
    activity = _ACTIVITIES.get(entry.action, _OTHER)
    objects = [MessageToDict(one, preserving_proto_field_name=True) for one in entry.objects]
    told: dict[str, object] = {
        "activity_id": activity,
        "activity_name": _action(entry.action),
        "actor": {"user": {"uid": entry.reader_id, "type_id": _OTHER, "type": _capacity(entry.reader_kind)}},
        "category_uid": _CATEGORY,
        "class_uid": _CLASS,
        "databucket": {"uid": entry.group_id, "type_id": _OTHER, "type": "group"},
        "message": entry.sentence.en,
        "metadata": {
            "product": {"name": "Regard", "vendor_name": "Regard"},
            "uid": entry.access_id,
            "version": _OCSF_VERSION,
        },
        "severity_id": _INFORMATIONAL,
        "src_endpoint": {"name": entry.client or "unknown"},
        "time": entry.at.ToMilliseconds(),
        "type_uid": _CLASS * 100 + activity,
        "unmapped": {
            "break_glass_id": entry.break_glass_id,
            "objects": objects,
            "place": f"{entry.revision}.{entry.index}",
            "purpose": _purpose(entry.purpose),
            "purpose_reference": entry.purpose_reference,
            "rules_version": entry.rules_version,
        },
    }
    if entry.HasField("ended_at"):
        told |= {"start_time": entry.at.ToMilliseconds(), "end_time": entry.ended_at.ToMilliseconds()}
    return _json(told)


def _objects(objects: Objects) -> str:
    run = f"[{objects.first}-{objects.last}]" if objects.first else ""
    return f"{objects.type}:{','.join(objects.ids)}{run}"


def _capacity(kind: ReaderKind) -> str:
    return ReaderKind.Name(kind).removeprefix("READER_KIND_").lower()


def _action(action: Action) -> str:
    return Action.Name(action).removeprefix("ACTION_").lower()


def _purpose(purpose: Purpose) -> str:
    return Purpose.Name(purpose).removeprefix("PURPOSE_").lower() if purpose else ""


def _moment(at: Timestamp) -> str:
    return at.ToJsonString()


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _csv(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
