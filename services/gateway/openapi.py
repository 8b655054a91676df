"""The REST face of the contract as OpenAPI 3.1: https://spec.openapis.org/oas/v3.1.1"""

import re
from collections.abc import Iterator, Mapping

from google.protobuf import descriptor_pool, json_format
from google.protobuf.descriptor import Descriptor
from regard.common.v1.options_pb2 import Role

from services.common import contracts
from services.common.contracts import HttpRule, Method
from services.gateway.replies import REPLIES, Reply, status_of
from services.gateway.routes import routed
from services.gateway.schemas import Node, Schemas, comments, first_sentence, joined, leaves

_VARIABLE = re.compile(r"\{([^}=]+)(?:=[^}]*)?\}")
_SCHEMAS = "#/components/schemas/"

_INTRODUCTION = """\
Every method of Regard's contract that has an HTTP path, as JSON. The same methods answer gRPC and gRPC-Web on the \
same port; the protos are the source of this document.

* Sign in with `POST /v1/auth:signIn` and send `authorization: Bearer <access token>`.
* A refusal is a `Refusal`: its stable id stands in `details`, with sentences in French or English.
* 64-bit integers are strings. Unknown fields in a body are ignored, unknown parameters of a query are refused.
* An answer to a write carries `x-consistency-token`; send it back with the next read to see at least that write.
* Whoever reads under a break-glass of which members are told later names it in `x-regard-break-glass`, with each call.
* Reading confidential content is recorded before it is served, and every member sees the record.

*En français : toutes les méthodes du contrat, en JSON ; les refus portent un identifiant stable et une phrase en \
français ou en anglais selon `accept-language` (français par défaut).*"""

_REFUSAL: Node = {
    "type": "object",
    "description": "Why a call was refused: a google.rpc.Status, with the gateway's id and request beside it.",
    "properties": {
        "code": {"type": "integer", "description": "The gRPC code."},
        "message": {"type": "string", "description": "A sentence; the gateway's own are in both languages."},
        "details": {
            "type": "array",
            "description": "google.rpc.ErrorInfo with the stable id as `reason`, LocalizedMessage, BadRequest.",
            "items": {
                "type": "object",
                "properties": {
                    "@type": {"type": "string"},
                    "reason": {"type": "string", "description": "The stable id: GRP-07."},
                    "domain": {"type": "string", "const": "regard"},
                    "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                    "locale": {"type": "string", "enum": ["fr", "en"]},
                    "message": {"type": "string"},
                    "fieldViolations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {
                                "field": {"type": "string"},
                                "reason": {"type": "string"},
                                "description": {"type": "string"},
                            },
                        },
                    },
                },
                "required": ["@type"],
            },
        },
        "id": {"type": "string", "description": "The stable id, when the gateway itself refuses: GWY-01."},
        "requestId": {"type": ["string", "null"], "description": "What to tell support, when the gateway refuses."},
        "why": {"type": "string", "description": "What can't be read in a query (GWY-06)."},
    },
    "required": ["code", "message", "details"],
}

_PARAMETERS: dict[str, Node] = {
    "AcceptLanguage": {
        "name": "accept-language",
        "in": "header",
        "description": "Language of refusals: French (the default) or English.",
        "schema": {"type": "string"},
    },
    "ConsistencyToken": {
        "name": "x-consistency-token",
        "in": "header",
        "description": "Tokens of the caller's own writes, joined by commas: the answer shows at least those.",
        "schema": {"type": "string"},
    },
    "IdempotencyKey": {
        "name": "idempotency-key",
        "in": "header",
        "description": "A key of the caller's choice, best a UUID: repeating with it does nothing twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    },
}

_HEADERS: dict[str, Node] = {
    "RequestId": {"description": "What to tell support.", "schema": {"type": "string"}},
    "ConsistencyToken": {
        "description": "After a write: send it back with the next read to see at least that write.",
        "schema": {"type": "string"},
    },
}

_OTHERWISE = {
    400: "The request can't be read, or breaks a rule of the contract.",
    401: "No valid access token; or, where one is asked for, a wrong password, code or refresh token.",
    403: "Not for this person.",
    404: "It doesn't exist, or not for this person.",
    409: "It contradicts what is there already.",
    413: "Too large.",
    429: "Too many calls.",
    503: "Not available at the moment.",
    504: "The answer took too long.",
}


def document() -> Node:
    """The whole document, ready for JSON."""
    schemas = Schemas()
    methods = [method for method in routed(contracts.methods()) if method.http]
    paths: dict[str, Node] = {}
    for method in methods:
        for number, rule in enumerate(method.http):
            paths.setdefault(_path(method, rule), {})[rule.verb.lower()] = _operation(method, rule, number, schemas)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Regard",
            "version": "1",
            "summary": "An enterprise social network in which everyone can see who looked.",
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "tags": [_tag(service) for service in sorted({_service(method) for method in methods})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "parameters": _PARAMETERS,
            "headers": _HEADERS,
            "responses": {str(status): _refused(status, text) for status, text in _OTHERWISE.items()},
            "schemas": {"Refusal": _REFUSAL, **schemas.components},
        },
    }


def _tag(service: str) -> Node:
    return {"name": service.rpartition(".")[2], "description": comments().get(service, "")}


def _service(method: Method) -> str:
    return method.full_name.rpartition(".")[0]


def _operation(method: Method, rule: HttpRule, number: int, schemas: Schemas) -> Node:
    service, name = method.full_name.split(".")[-2:]
    text = comments().get(method.full_name, "")
    operation: Node = {
        "operationId": f"{service}_{name}" + (f"_{number + 1}" if number else ""),
        "tags": [service],
        "summary": first_sentence(text),
        "description": joined((text, _who(method), _STREAM if method.server_streaming else "")),
    }
    names = ["AcceptLanguage"]
    names += ["ConsistencyToken"] if rule.verb == "GET" else ["IdempotencyKey"]
    operation["parameters"] = [
        *_path_parameters(method, rule, schemas),
        *_query_parameters(method, rule, schemas),
        *({"$ref": f"#/components/parameters/{name}"} for name in names),
    ]
    if rule.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _body(method, rule, schemas)}},
        }
    operation["responses"] = {"200": _answer(method, schemas), **_refusals(method, rule)}
    if method.access.public:
        operation["security"] = []
    if method.access.roles:
        operation["x-roles"] = _roles(method)
    return operation


_STREAM = (
    "The answer is a live stream: one JSON object per line, each as soon as it exists. Its last line has `end`, which "
    "says why; if the connection ends without it, call again with the last `cursor`."
)


def _who(method: Method) -> str:
    if method.access.public:
        return "Needs no access token."
    if method.access.roles:
        return f"Needs one of these roles: {', '.join(_roles(method))}."
    return ""


def _roles(method: Method) -> list[str]:
    return sorted(Role.Name(role).removeprefix("ROLE_").lower() for role in method.access.roles)


def _path_parameters(method: Method, rule: HttpRule, schemas: Schemas) -> Iterator[Node]:
    for name in _VARIABLE.findall(rule.path):
        field = _request(method).fields_by_name[name]
        yield {"name": field.json_name, "in": "path", "required": True, "schema": schemas.field(field)}


def _query_parameters(method: Method, rule: HttpRule, schemas: Schemas) -> Iterator[Node]:
    if rule.body == "*":
        return
    taken = {*_VARIABLE.findall(rule.path), rule.body}
    for name, field in leaves(_request(method), without=taken):
        schema = schemas.field(field)
        parameter: Node = {"name": name, "in": "query", "schema": schema}
        if text := schema.pop("description", ""):
            parameter["description"] = text
        yield parameter


def _body(method: Method, rule: HttpRule, schemas: Schemas) -> Node:
    """What the body holds: everything that the path doesn't, or one field. A field in both places is refused."""
    request = _request(method)
    if rule.body != "*":
        return schemas.field(request.fields_by_name[rule.body])
    in_path = _VARIABLE.findall(rule.path)
    return schemas.message(request, without=in_path) if in_path else schemas.of(request)


def _answer(method: Method, schemas: Schemas) -> Node:
    response = method.response.DESCRIPTOR
    return {
        "description": comments().get(response.full_name, "Done."),
        "headers": {
            "x-request-id": {"$ref": "#/components/headers/RequestId"},
            "x-consistency-token": {"$ref": "#/components/headers/ConsistencyToken"},
        },
        "content": {"application/json": {"schema": schemas.of(_descriptor(response.full_name))}},
    }


def _refusals(method: Method, rule: HttpRule) -> Mapping[str, Node]:
    statuses = {400, 401, 403, 404, 409, 413, 429, 503, 504}
    if rule.verb == "GET":
        statuses -= {409, 413} | ({401} if method.access.public else set())
    if method.server_streaming:
        statuses -= {504}
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _refused(status: int, text: str) -> Node:
    media: Node = {"schema": {"$ref": f"{_SCHEMAS}Refusal"}}
    if own := next((reply for reply in REPLIES if reply.status == status), None):
        media["examples"] = {own.refusal.id: {"summary": own.refusal.en, "value": _example(own)}}
    return {"description": text, "content": {"application/json": media}}


def _example(reply: Reply) -> Node:
    body: Node = json_format.MessageToDict(status_of(reply.refusal))
    return body | {"id": reply.refusal.id, "requestId": "5f0c3f5e-6c1b-4f39-9d8e-0f6b1f0f4c11"}


def _path(method: Method, rule: HttpRule) -> str:
    """The template with the JSON names of its variables."""
    fields = _request(method).fields_by_name
    return _VARIABLE.sub(lambda found: f"{{{fields[found[1]].json_name}}}", rule.path)


def _request(method: Method) -> Descriptor:
    return _descriptor(method.request.DESCRIPTOR.full_name)


def _descriptor(name: str) -> Descriptor:
    return descriptor_pool.Default().FindMessageTypeByName(name)
