"""The documents of the contract: valid, up to date, and true of what the gateway answers."""

import json
import re
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from google.protobuf import json_format
from jsonschema import Draft202012Validator

from services.common import contracts
from services.common.eventstore import Recorded
from services.common.ids import Position, StreamName
from services.common.kafka import encode_headers
from services.gateway import asyncapi, openapi
from tests.contract.edge import ROOM, Behind, Everything, gateway_with_services

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = Path(__file__).parents[2] / "docs/api"
OPENAPI: dict[str, Any] = openapi.document()
ASYNCAPI: dict[str, Any] = asyncapi.document()
VERBS = ("get", "post", "put", "patch", "delete")


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, verbs in OPENAPI["paths"].items():
        for verb, operation in verbs.items():
            yield verb, path, operation


def nodes(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from nodes(child)
    elif isinstance(node, list):
        for child in node:
            yield from nodes(child)


def resolved(document: Mapping[str, Any], reference: str) -> dict[str, Any]:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    assert isinstance(node, dict)
    return node


@pytest.mark.parametrize(("name", "document"), [("openapi", OPENAPI), ("asyncapi", ASYNCAPI)])
async def test_the_document_kept_is_the_contracts(name: str, document: object) -> None:
    assert json.loads((API / f"{name}.json").read_text()) == document, "run `make docs`"


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
async def test_references_lead_somewhere(document: dict[str, Any]) -> None:
    references = [node["$ref"] for node in nodes(document) if "$ref" in node]
    assert references
    for reference in references:
        resolved(document, reference)


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
async def test_schemas_are_schemas(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
async def test_everything_is_explained(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, of in schema.get("properties", {}).items():
            assert of.get("description"), f"{name}.{field}"


async def test_operations_are_whole() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids)) > 50
    tags = {tag["name"] for tag in OPENAPI["tags"]}
    for verb, path, operation in operations():
        assert verb in VERBS
        assert {*operation["tags"]} <= tags
        assert operation["summary"]
        assert " ".join(operation["description"].split()).startswith(operation["summary"])
        assert {"200", "400", "429", "503"} <= operation["responses"].keys()
        named = {parameter["name"] for parameter in operation["parameters"] if parameter.get("in") == "path"}
        assert named == {*re.findall(r"\{(\w+)\}", path)}


async def test_every_rest_path_of_the_contract_is_documented() -> None:
    rules = [rule for method in contracts.methods() if not method.access.internal for rule in method.http]
    assert len(rules) == len([*operations()])


async def test_public_operations_alone_need_no_token() -> None:
    free = {operation["operationId"] for _, _, operation in operations() if operation.get("security") == []}
    assert free == {
        "_".join(method.full_name.split(".")[-2:]) for method in contracts.methods() if method.access.public
    }
    # Those that take credentials can refuse them.
    for verb, _, operation in operations():
        public_read = operation["operationId"] in free and verb == "get"
        assert ("401" in operation["responses"]) != public_read


async def test_internal_types_stay_internal() -> None:
    internal = [method.request.DESCRIPTOR.full_name for method in contracts.methods() if method.access.internal]
    assert not {*internal} & OPENAPI["components"]["schemas"].keys()


# What is documented, sent through Envoy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everything() -> Everything:
    return Everything()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def edge(tmp_path_factory: pytest.TempPathFactory, everything: Everything) -> AsyncIterator[Behind]:
    async with gateway_with_services(tmp_path_factory.mktemp("openapi"), everything=everything) as behind:
        yield behind


def sample(schema: dict[str, Any]) -> Any:
    """A value that the schema allows."""
    if "$ref" in schema:
        schema = resolved(OPENAPI, schema["$ref"])
    match schema:
        case {"enum": [*_, last]}:
            return last
        case {"format": "uuid"}:
            return ROOM
        case {"format": "date-time"}:
            return "2026-01-01T08:00:00Z"
        case {"format": "email"}:
            return "awa@mercier.example"
        case {"format": "int64" | "uint64"}:
            return "7"
        case {"contentEncoding": "base64"}:
            return "eHh4"
        case {"type": "string"}:
            return "x" * max(1, schema.get("minLength", 1))
        case {"type": "integer"}:
            return schema.get("minimum", 0) + 1
        case {"type": "boolean"}:
            return True
        case {"type": "array", "items": items}:
            return [sample(items)]
        case {"type": "object"}:
            choices = {one["required"][0] for one in schema.get("oneOf", []) if "required" in one}
            fields = schema.get("properties", {})
            return {name: sample(of) for name, of in fields.items() if name not in choices}
    raise AssertionError(f"no sample for {schema}")


def expected(method: contracts.Method, fields: dict[str, Any]) -> object:
    """The request that those values make; dotted names are nested."""
    whole: dict[str, Any] = {}
    for name, value in fields.items():
        *parents, last = name.split(".")
        target = whole
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return json_format.ParseDict(whole, method.request())


METHODS = {"_".join(method.full_name.split(".")[-2:]): method for method in contracts.methods()}


@pytest.mark.parametrize(
    ("verb", "path", "operation"),
    [pytest.param(*each, id=f"{each[0]} {each[1]}") for each in operations()],
)
async def test_what_is_documented_is_so(
    edge: Behind, everything: Everything, verb: str, path: str, operation: dict[str, Any]
) -> None:
    method = METHODS[re.sub(r"_\d$", "", operation["operationId"])]
    given: dict[str, dict[str, Any]] = {"path": {}, "query": {}}
    for parameter in operation["parameters"]:
        if parameter.get("in") in given:
            value = sample(parameter["schema"])
            Draft202012Validator(parameter["schema"] | {"components": OPENAPI["components"]}).validate(value)
            given[parameter["in"]][parameter["name"]] = value
    body: Any = None
    if request := operation.get("requestBody"):
        schema = request["content"]["application/json"]["schema"]
        body = sample(schema)
        Draft202012Validator(schema | {"components": OPENAPI["components"]}).validate(body)
    query = urlencode({name: str(value).lower() if value is True else value for name, value in given["query"].items()})
    response = await edge.http.request(
        verb, path.format(**given["path"]) + f"?{query}", json=body, headers=edge.headers
    )
    assert response.status_code == 200, response.text
    assert everything.received == expected(method, {**(body or {}), **given["path"], **given["query"]})
    ((media, content),) = operation["responses"]["200"]["content"].items()
    assert response.headers["content-type"] == media
    validator = Draft202012Validator(content["schema"] | {"components": OPENAPI["components"]})
    answers = (
        [json.loads(line) for line in response.text.splitlines()] if method.server_streaming else [response.json()]
    )
    assert len(answers) == (2 if method.server_streaming else 1)
    for answer in answers:
        validator.validate(answer)
        known = resolved(OPENAPI, content["schema"]["$ref"]).get("properties", {})
        assert answer.keys() <= known.keys()


async def test_a_refusal_is_as_documented(edge: Behind) -> None:
    validator = Draft202012Validator({"$ref": "#/components/schemas/Refusal", "components": OPENAPI["components"]})
    for response in (await edge.http.get("/v1/rooms"), await edge.http.get("/v1/nothing", headers=edge.headers)):
        assert response.status_code in (401, 404)
        validator.validate(response.json())
    for media in nodes(OPENAPI["components"]["responses"]):
        for example in media.get("examples", {}).values():
            validator.validate(example["value"])


# Events


async def test_every_event_has_its_message() -> None:
    names = {message.DESCRIPTOR.full_name for file in contracts.event_files() for message in file.messages}
    assert ASYNCAPI["components"]["messages"].keys() == names
    assert {*ASYNCAPI["channels"]} == {file.topic for file in contracts.event_files()}


async def test_a_records_headers_are_as_documented() -> None:
    recorded = Recorded(
        stream=StreamName(f"room-{ROOM}"),
        revision=0,
        position=Position(7),
        id=uuid.UUID(ROOM),
        type="regard.chat.v1.RoomOpened",
        data=b"",
        metadata=MappingProxyType(
            {"actor": ROOM, "command_id": ROOM, "correlation_id": "r", "causation_id": "c", "traceparent": "00"}
        ),
        recorded_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    headers = {name: value.decode() for name, value in encode_headers(recorded, 0, "chat")}
    schema = ASYNCAPI["components"]["messageTraits"]["cloudEvent"]["headers"]
    Draft202012Validator(schema).validate(headers)
    assert headers.keys() <= schema["properties"].keys()
