"""What Envoy answers on its own, in the shape of the services' own refusals.

JSON callers get {code, message, details, id, requestId}: a google.rpc.Status with the id and the request beside it.
gRPC and gRPC-Web callers get grpc-status, grpc-message and the same details in grpc-status-details-bin.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from services.common.errors import Language, Refusal
from services.common.rpc.status import DOMAIN
from services.gateway import refusals

Node = dict[str, object]
"""A JSON object of Envoy's configuration."""

LANGUAGES: tuple[Language, ...] = ("fr", "en")

_UNQUOTED = "".join(chr(byte) for byte in range(0x20, 0x7F) if chr(byte) != "%")
"""What grpc-message carries as it is; everything else is percent-encoded."""

_GRPC = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
_ORIGINAL_METHOD = "x-envoy-original-method"
_TRANSCODED: Node = {"name": _ORIGINAL_METHOD, "present_match": True}


@dataclass(frozen=True, slots=True)
class Reply:
    """One refusal of the gateway: the HTTP statuses of Envoy's that mean it, and the one the caller gets."""

    refusal: Refusal
    statuses: tuple[int, ...]
    status: int
    says_why: bool = False
    """Whether Envoy's own words help the caller to mend a query. They quote it; what is in a body is not for errors."""


REPLIES = (
    # A token for someone else (Envoy says 403) is a token that isn't valid here.
    Reply(refusals.UNAUTHENTICATED, (401, 403), 401),
    Reply(refusals.RATE_LIMITED, (429,), 429),
    Reply(refusals.TOO_LARGE, (413, 431), 413),
    Reply(refusals.NOT_FOUND, (404,), 404),
    Reply(refusals.METHOD_NOT_ALLOWED, (405,), 405),
    Reply(refusals.UNAVAILABLE, (502, 503), 503),
    Reply(refusals.TIMED_OUT, (408, 504), 504),
    Reply(refusals.MALFORMED, (400, 415, 426), 400, says_why=True),
    Reply(refusals.FAILED, (500,), 500),
)


def local_replies() -> Node:
    """The `local_reply_config` of the connection manager: for each refusal, one form for gRPC and one for JSON."""
    return {
        "mappers": [
            mapper
            for reply in REPLIES
            for mapper in (
                *_to_json(reply, _ORIGINAL_METHOD, [_TRANSCODED]),
                _to_grpc(reply),
                *_to_json(reply, ":method", []),
            )
        ]
    }


def status_of(refusal: Refusal) -> status_pb2.Status:
    """A refusal without parameters, with the details that services give, in both languages."""
    refused = refusal()
    remedy = _in_both(refused.remedy)
    details: list[Message] = [
        error_details_pb2.ErrorInfo(reason=refusal.id, domain=DOMAIN, metadata={"remedy": remedy}),
        *(error_details_pb2.LocalizedMessage(locale=each, message=refused.sentence(each)) for each in LANGUAGES),
    ]
    status = status_pb2.Status(code=refusal.kind.value, message=_in_both(refused.sentence))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _in_both(sentence: Callable[[Language], str]) -> str:
    return " / ".join(map(sentence, LANGUAGES))


def _to_grpc(reply: Reply) -> Node:
    # Trailers only. Without a body Envoy's gRPC-Web filter lets these stand; with one it would make up a status itself.
    status = status_of(reply.refusal)
    trailers = {
        "grpc-status": str(status.code),
        "grpc-message": quote(status.message, safe=_UNQUOTED),
        "grpc-status-details-bin": base64.b64encode(status.SerializeToString()).decode().rstrip("="),
    }
    body: Node = {"text_format_source": {"inline_string": ""}, "content_type": "application/grpc"}
    return _mapper(reply, 200, [_GRPC], body, trailers)


def _to_json(reply: Reply, method_header: str, conditions: list[Node]) -> list[Node]:
    body: Node = json_format.MessageToDict(status_of(reply.refusal))
    body |= {"id": reply.refusal.id, "requestId": "%REQ(X-REQUEST-ID)%"}
    plain = _mapper(reply, reply.status, conditions, _as_json(body), {})
    if not reply.says_why:
        return [plain]
    of_a_query: Node = {"name": method_header, "string_match": {"exact": "GET"}}
    explained = _as_json(body | {"why": "%LOCAL_REPLY_BODY%"})
    return [_mapper(reply, reply.status, [*conditions, of_a_query], explained, {}), plain]


def _as_json(body: Node) -> Node:
    return {"json_format": body, "content_type": "application/json"}


def _mapper(
    reply: Reply,
    status: int,
    request_headers: Sequence[Mapping[str, object]],
    body: Node,
    answer_headers: dict[str, str],
) -> Node:
    statuses = [_status_is(status) for status in reply.statuses]
    conditions: list[Node] = [statuses[0] if len(statuses) == 1 else {"or_filter": {"filters": statuses}}]
    conditions += [{"header_filter": {"header": header}} for header in request_headers]
    if reply.refusal is refusals.RATE_LIMITED:
        answer_headers = answer_headers | {"retry-after": "1"}
    return {
        "filter": conditions[0] if len(conditions) == 1 else {"and_filter": {"filters": conditions}},
        "status_code": status,
        "headers_to_add": [
            {"header": {"key": key, "value": value.replace("%", "%%")}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for key, value in answer_headers.items()
        ],
        "body_format_override": body,
    }


def _status_is(status: int) -> Node:
    return {"status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": status, "runtime_key": "-"}}}}
