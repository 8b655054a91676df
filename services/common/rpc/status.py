"""Refusals as gRPC statuses, and back: google.rpc.Status in the trailers (AIP-193).

ErrorInfo     reason = the refusal's id, domain = "regard", metadata = its parameters, `remedy` and `request_id`
LocalizedMessage   the sentence, in the caller's language
BadRequest    the fields that break a rule, for RPC-02
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from services.common.errors import Kind, Language, Refusal, Refused, catalogue
from services.common.rpc.refusals import INVALID

DOMAIN = "regard"
DETAILS_KEY = "grpc-status-details-bin"

# Trailers travel as HTTP/2 headers, of which clients accept 8 KiB.
_MOST_VIOLATIONS = 10
_LONGEST_TEXT = 120

_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}


class Status(NamedTuple):
    """What a gRPC call ends with."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the contract that a field breaks: path as `profile.name`, rule as `string.min_len`."""

    field: str
    rule: str
    description: str


class Invalid(Refused):
    """A message that breaks rules of its contract; the sentence names the first, the details name all."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        self.violations = violations
        first = violations[0]
        super().__init__(INVALID, {"field": _short(first.field), "rule": _short(first.rule)})


def status_of(refused: Refused, language: Language, request_id: str) -> Status:
    """What the caller is told."""
    remedy = refused.remedy(language)
    info = error_details_pb2.ErrorInfo(
        reason=refused.refusal.id,
        domain=DOMAIN,
        metadata={**refused.params, "remedy": remedy, "request_id": request_id},
    )
    sentence = refused.sentence(language)
    details: list[Message] = [info, error_details_pb2.LocalizedMessage(locale=language, message=sentence)]
    if isinstance(refused, Invalid):
        details.append(_bad_request(refused.violations))
    status = status_pb2.Status(code=refused.refusal.kind.value, message=sentence)
    for detail in details:
        status.details.add().Pack(detail)
    trailers = ((DETAILS_KEY, status.SerializeToString()),)
    return Status(_BY_NUMBER[refused.refusal.kind.value], sentence, trailers)


def _bad_request(violations: Iterable[Violation]) -> error_details_pb2.BadRequest:
    return error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field=_short(one.field), reason=_short(one.rule), description=_short(one.description)
            )
            for one in tuple(violations)[:_MOST_VIOLATIONS]
        ]
    )


def refused_by(error: grpc.aio.AioRpcError) -> Refused | None:
    """The refusal that a peer answered with, under the same id; None if the peer gave none.

    A refusal that this process doesn't declare keeps the peer's words.
    """
    status = _details(error)
    if status is None:
        return None
    info, words = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
        elif detail.Is(words.DESCRIPTOR):
            detail.Unpack(words)
    if info.domain != DOMAIN:
        return None
    params = dict(info.metadata)
    remedy = params.pop("remedy", "")
    declared = next((refusal for refusal in catalogue() if refusal.id == info.reason), None)
    if declared is not None and declared.placeholders() <= params.keys():
        return Refused(declared, params)
    sentence, remedy = _escaped(words.message or status.message), _escaped(remedy)
    return Refused(Refusal(info.reason, Kind(status.code), sentence, sentence, remedy, remedy), params)


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
