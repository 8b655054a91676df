"""What a call can fail with: one class, told apart by the stable id."""

from collections.abc import Iterable
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

_DETAILS = "grpc-status-details-bin"

Trailers = Iterable[tuple[str, str | bytes]] | None


@dataclass(frozen=True, slots=True)
class Violation:
    """A field of the request that breaks a rule of the contract."""

    field: str
    description: str


class RegardError(Exception):
    """A call that was refused or failed.

    `id` is stable (CHT-01) and empty when the call never reached Regard; `kind` is the gRPC code's name; `sentence` and
    `remedy` are in the session's language.
    """

    def __init__(
        self,
        *,
        id: str,
        kind: str,
        sentence: str,
        remedy: str = "",
        request_id: str = "",
        violations: tuple[Violation, ...] = (),
    ) -> None:
        self.id = id
        self.kind = kind
        self.sentence = sentence
        self.remedy = remedy
        self.request_id = request_id
        self.violations = violations
        super().__init__(f"{id or kind}: {sentence} {remedy}".strip())

    @property
    def unreachable(self) -> bool:
        """Whether trying again may help."""
        return self.kind in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "ABORTED"}


def from_rpc(code: grpc.StatusCode, details: str | None, trailers: Trailers) -> RegardError:
    """The error that a call ended with."""
    status = next((_status(value) for key, value in trailers or () if key == _DETAILS), None)
    info, words, bad = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.LocalizedMessage(),
        error_details_pb2.BadRequest(),
    )
    for detail in status.details if status else ():
        for known in (info, words, bad):
            if detail.Is(known.DESCRIPTOR):
                detail.Unpack(known)
    return RegardError(
        id=info.reason,
        kind=code.name,
        sentence=words.message or details or code.name,
        remedy=info.metadata.get("remedy", ""),
        request_id=info.metadata.get("request_id", ""),
        violations=tuple(Violation(one.field, one.description) for one in bad.field_violations),
    )


def _status(value: str | bytes) -> status_pb2.Status | None:
    try:
        return status_pb2.Status.FromString(value if isinstance(value, bytes) else value.encode())
    except DecodeError:
        return None
