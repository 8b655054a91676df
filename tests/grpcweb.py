"""A client of gRPC-Web, as browsers speak it: binary framing over ordinary HTTP, trailers in the last frame.

https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md
"""

import base64
from collections.abc import AsyncIterator, Mapping
from typing import TypeVar
from urllib.parse import unquote

import grpc
import httpx
from google.protobuf.message import Message

_TRAILERS = 0x80
_PREFIX_BYTES = 5

_Answer = TypeVar("_Answer", bound=Message)


class WebRpcError(Exception):
    """A call that ended otherwise than well; `details` is the google.rpc.Status as bytes, empty if none was sent."""

    def __init__(self, code: grpc.StatusCode, message: str, details: bytes) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.details = details


class Cut(Exception):
    """The connection ended before the trailers."""


class WebChannel:
    """Calls methods at `url`; `headers` go with each call."""

    def __init__(self, client: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None = None) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = dict(headers or {})

    async def unary(self, path: str, request: Message, answer: type[_Answer]) -> _Answer:
        """The one answer. Raises WebRpcError, Cut."""
        answers = [message async for message in self.stream(path, request, answer)]
        if len(answers) != 1:
            raise Cut(f"{len(answers)} messages where one was expected")
        return answers[0]

    async def stream(self, path: str, request: Message, answer: type[_Answer]) -> AsyncIterator[_Answer]:
        """The answers as they come. Raises WebRpcError, Cut."""
        headers = {
            "content-type": "application/grpc-web+proto",
            "accept": "application/grpc-web+proto",
            "x-grpc-web": "1",
            **self._headers,
        }
        body = frame(request.SerializeToString())
        async with self._client.stream("POST", self._url + path, content=body, headers=headers) as response:
            if response.status_code != 200:  # browsers' clients then read nothing else
                raise Cut(f"HTTP {response.status_code}")
            if "grpc-status" in response.headers:  # trailers only
                _end(response.headers)
                return
            async for flags, payload in _frames(response):
                if flags & _TRAILERS:
                    _end(_trailers(payload))
                    return
                yield answer.FromString(payload)
            raise Cut("the stream ended without trailers")


def frame(payload: bytes) -> bytes:
    """A message with its prefix: flags, and its length in four bytes."""
    return b"\0" + len(payload).to_bytes(4, "big") + payload


async def _frames(response: httpx.Response) -> AsyncIterator[tuple[int, bytes]]:
    buffer = b""
    async for piece in response.aiter_bytes():
        buffer += piece
        while len(buffer) >= _PREFIX_BYTES:
            end = _PREFIX_BYTES + int.from_bytes(buffer[1:_PREFIX_BYTES], "big")
            if len(buffer) < end:
                break
            yield buffer[0], buffer[_PREFIX_BYTES:end]
            buffer = buffer[end:]
    if buffer:
        raise Cut("the stream ended within a message")


def _trailers(payload: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in payload.decode("ascii").split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _end(trailers: Mapping[str, str]) -> None:
    code = int(trailers.get("grpc-status", grpc.StatusCode.UNKNOWN.value[0]))
    if code:
        details = trailers.get("grpc-status-details-bin", "")
        raise WebRpcError(
            next(each for each in grpc.StatusCode if each.value[0] == code),
            unquote(trailers.get("grpc-message", "")),
            base64.b64decode(details + "=" * (-len(details) % 4)),
        )
