"""What a caller is told of a refusal, whichever way it called; and what must never be in it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from services.common.contracts import Method
from tests.grpcweb import WebChannel, WebRpcError

STABLE = re.compile(r"[A-Z]{2,3}-[0-9]{2}")
INSIDES = re.compile(
    r"Traceback|File \"|\.py\b|/work|/tmp|/home|site-packages|<class|0x[0-9a-f]{6}|object at|[a-z](Error|Exception)\b"
    r"|SELECT |INSERT |sqlite|sqlalchemy|grpc\.aio|kurrent|eventstore|kafka|\benvoy\b|hard limit|views\.",
)
"""What an answer would show of the inside."""
LANGUAGES = ("fr", "en")


@dataclass(frozen=True)
class Told:
    """A refusal as its caller knows it; two are equal if a caller can't tell them apart."""

    id: str
    kind: str
    sentence: str
    remedy: str
    http_status: int = field(default=0, compare=False)


def by_json(client: httpx.Client, verb: str, path: str, language: str, **request: Any) -> Told | None:
    """The refusal, None if the call was answered."""
    headers = {"accept-language": language, **request.pop("headers", {})}
    url = httpx.URL(str(client.base_url), raw_path=path.encode()) if "%" in path else path
    answer = client.request(verb, url, headers=headers, **request)
    return told_by_json(answer.status_code, answer.headers, answer.text, language)


def told_by_json(http_status: int, headers: Mapping[str, str], text: str, language: str) -> Told | None:
    """The refusal in an answer to JSON, None if it is none."""
    # The gateway names the parameter that it does not know: that word is the caller's own.
    _assert_nothing_of_the_inside(re.sub(r'Could not find field \\"[^"\\]*\\"', "", text))
    if http_status < 300:
        return None
    assert headers["content-type"] == "application/json", text
    body = json.loads(text)
    status = status_pb2.Status(code=body["code"], message=body["message"])
    for detail in body["details"]:
        for known in (error_details_pb2.ErrorInfo, error_details_pb2.LocalizedMessage):
            if detail["@type"].endswith(known.DESCRIPTOR.full_name):
                plain = {name: value for name, value in detail.items() if name != "@type"}
                status.details.add().Pack(json_format.ParseDict(plain, known()))
    return _told(status, language, http_status)


async def by_grpc(
    channel: grpc.aio.Channel, path: str, request: bytes, language: str, **metadata: str
) -> tuple[Told | None, bytes]:
    """The refusal, or None and the answer."""
    sent = {"accept-language": language, **{name.replace("_", "-"): value for name, value in metadata.items()}}
    call = channel.unary_stream(path)(request, metadata=tuple(sent.items()), timeout=30)
    try:
        async for answer in call:
            return None, answer
    except grpc.aio.AioRpcError as error:
        _assert_nothing_of_the_inside(f"{error.details()} {error.trailing_metadata()}")
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        if not isinstance(details, bytes):
            raise AssertionError(f"no details: {error}") from None
        return _told(status_pb2.Status.FromString(details), language), b""
    finally:
        call.cancel()
    return None, b""


async def by_web(
    client: httpx.AsyncClient, url: str, method: Method, request: Message, language: str, token: str
) -> Told | None:
    """The refusal, None if the call was answered."""
    web = WebChannel(client, url, {"authorization": f"Bearer {token}".strip(), "accept-language": language})
    stream = web.stream(method.path, request, method.response)
    try:
        await anext(stream)
    except WebRpcError as error:
        _assert_nothing_of_the_inside(f"{error.message} {error.details!r}")
        return _told(status_pb2.Status.FromString(error.details), language)
    except StopAsyncIteration:
        return None
    finally:
        await stream.aclose()
    return None


def _told(status: status_pb2.Status, language: str, http_status: int = 0) -> Told:
    info, sentences = error_details_pb2.ErrorInfo(), {}
    for detail in status.details:
        words = error_details_pb2.LocalizedMessage()
        if not detail.Unpack(info) and detail.Unpack(words):
            sentences[words.locale] = words.message
    assert STABLE.fullmatch(info.reason), f"no stable id: {status}"
    assert info.domain == "regard"
    assert sentences.get(language, "").strip(), f"no sentence in {language}: {status}"
    assert info.metadata["remedy"].strip(), f"no remedy: {status}"
    kind = next(code.name for code in grpc.StatusCode if code.value[0] == status.code)
    return Told(info.reason, kind, sentences[language], info.metadata["remedy"], http_status)


def _assert_nothing_of_the_inside(text: str) -> None:
    assert not (shown := INSIDES.search(text)), f"{shown} in {text}"
