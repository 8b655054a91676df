"""Calls by every way in, with what came back: the refusal if it was one, and every byte of it in any case."""

import json
from collections.abc import Mapping
from typing import Any

import grpc
import httpx
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from services.common.contracts import HttpRule, Method
from tests.system.refused import Told, by_grpc, told_by_json

Answer = tuple[Told | None, bytes]


async def ask(channel: grpc.aio.Channel, method: Method, request: Message, token: str = "", **more: str) -> Answer:
    """By gRPC; of a stream, the first frame."""
    metadata = {"authorization": f"Bearer {token}"} if token else {}
    return await by_grpc(channel, method.path, request.SerializeToString(), "en", **metadata, **more)


async def ask_in_json(
    client: httpx.AsyncClient, method: Method, rule: HttpRule, request: Message, token: str = ""
) -> Answer:
    """By JSON, in the way of `rule`; of a stream, the first line."""
    values = MessageToDict(request, preserving_proto_field_name=True)
    path = rule.path.format_map(values)
    rest = {name: value for name, value in values.items() if f"{{{name}}}" not in rule.path}
    headers = {"authorization": f"Bearer {token}"} if token else {}
    sent: Mapping[str, Any] = {"params": flattened(rest)} if rule.verb == "GET" else {"json": rest}
    headers |= {"accept-language": "en"}
    async with client.stream(rule.verb, path, headers=headers, **sent) as answer:
        if method.server_streaming and answer.is_success:
            text = await anext(answer.aiter_lines(), "")
        else:
            text = (await answer.aread()).decode()
    return told_by_json(answer.status_code, answer.headers, text, "en"), text.encode()


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Fields of fields, as a query names them: page.size."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def plain(message: Message) -> str:
    """For the words of a failure."""
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True))[:300]
