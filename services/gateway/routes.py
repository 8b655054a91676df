"""Which paths lead where, and which of them need no token; all of it read from the contract.

Only methods of the contract that aren't internal have a route: what isn't listed here doesn't exist.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from services.common.contracts import Method
from services.gateway.replies import Node

UNARY_TIMEOUT_S = 15
LONGEST_DEADLINE_S = 30
SILENCE_S = 60
"""A stream that is silent for this long is cut; services send heartbeats every 15 seconds."""

JWKS_PATH = "/.well-known/jwks.json"
REST_PREFIX = "/v1/"
SCIM_PREFIX = "/scim/v2/"
GRPC_PREFIX = "/regard."
PAGE = "page"
IDENTITY_HTTP = "identity_http"
AUDIT_HTTP = "audit_http"
LOG_PREFIX = "/log/"

_PER_ROUTE = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
_RETRIES: Node = {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 2}
_VARIABLE = re.compile(r"\{[^}]+\}")


def routed(methods: Iterable[Method]) -> tuple[Method, ...]:
    """The methods that callers from outside may reach, by path."""
    return tuple(sorted((m for m in methods if not m.access.internal), key=lambda m: m.path))


def routes(methods: Sequence[Method]) -> list[Node]:
    """The routes in the order in which Envoy tries them."""
    return [
        {
            "name": "healthz",
            "match": {"path": "/healthz"},
            "direct_response": {"status": 200, "body": {"inline_string": "ok\n"}},
            "typed_per_filter_config": _without("grpc_json_transcoder", "local_ratelimit.address"),
        },
        *(_grpc_route(method) for method in methods),
        *_method_not_allowed(methods),
        _nothing("unknown_method", {"prefix": GRPC_PREFIX}),
        _nothing(
            "unknown_service",
            {"prefix": "/", "headers": [{"name": "content-type", "string_match": {"prefix": "application/grpc"}}]},
        ),
        # For what happens before transcoding, which finds the gRPC route above or refuses: nothing goes on from here.
        # A route with a cluster, since Envoy applies no CORS policy to direct responses.
        {"name": "rest", "match": {"prefix": REST_PREFIX}, "route": {"cluster": PAGE}},
        # Checked by identity: provisioning clients have tokens of their own.
        _http_route("scim", {"prefix": SCIM_PREFIX}, IDENTITY_HTTP),
        _http_route("log", {"prefix": LOG_PREFIX}, AUDIT_HTTP),
        _http_route("jwks", {"path": JWKS_PATH}, IDENTITY_HTTP),
        _http_route("page", {"prefix": "/"}, PAGE),
    ]


def token_rules(methods: Sequence[Method], provider: str) -> Sequence[Mapping[str, object]]:
    """The rules of jwt_authn, first match first: public methods pass, everything else of the API needs a token."""
    public = [method for method in methods if method.access.public]
    return [
        *({"match": {"path": method.path}} for method in public),
        *({"match": rest_match(rule.path, [rule.verb])} for method in public for rule in method.http),
        *(
            {"match": {"prefix": prefix}, "requires": {"provider_name": provider}}
            for prefix in (GRPC_PREFIX, REST_PREFIX)
        ),
    ]


def rest_match(template: str, verbs: Sequence[str], *, others: bool = False) -> Node:
    """Matches the paths of a google.api.http template, called with one of `verbs`, or with none of them."""
    called: Node = {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(verbs)}}}
    if others:
        called["invert_match"] = True
    return {"safe_regex": {"regex": path_regex(template)}, "headers": [called]}


def path_regex(template: str) -> str:
    """The regular expression of a template's paths; a variable is one segment without a custom verb."""
    literals = (re.escape(literal) for literal in _VARIABLE.split(template))
    return "[^/:]+".join(literals)


def overlap(one: str, other: str) -> bool:
    """Whether some path matches both templates."""
    segments, verb = _parsed(one)
    other_segments, other_verb = _parsed(other)
    return (verb, len(segments)) == (other_verb, len(other_segments)) and all(
        a == b or a[:1] == "{" or b[:1] == "{" for a, b in zip(segments, other_segments, strict=True)
    )


def _parsed(template: str) -> tuple[list[str], str]:
    """Its segments, and its custom verb (empty if none)."""
    path, _, verb = template.partition(":")
    return path.split("/"), verb


def _grpc_route(method: Method) -> Node:
    route: Node = {"cluster": method.service, "retry_policy": _RETRIES}
    node: Node = {"name": method.path[1:], "match": {"path": method.path}, "route": route}
    if method.server_streaming or method.client_streaming:
        # No limit that races the client's own deadline: streams live until one side ends them, or falls silent.
        route |= {"timeout": "0s", "idle_timeout": f"{SILENCE_S}s"}
    else:
        route |= {
            "timeout": f"{UNARY_TIMEOUT_S}s",
            "max_stream_duration": {"grpc_timeout_header_max": f"{LONGEST_DEADLINE_S}s"},
        }
        # Envoy alone keeps the deadline, and cancels the call: a service could answer first, without an id.
        node["request_headers_to_remove"] = ["grpc-timeout"]
    if method.client_streaming:
        node["typed_per_filter_config"] = _without("buffer")
    return node


def _method_not_allowed(methods: Sequence[Method]) -> Iterable[Node]:
    rules = [rule for method in methods for rule in method.http]
    for path in sorted({rule.path for rule in rules}):
        allowed = sorted({rule.verb for rule in rules if overlap(path, rule.path)})
        yield {
            "name": "method_not_allowed",
            "match": rest_match(path, [*allowed, "OPTIONS"], others=True),
            "direct_response": {"status": 405},
            "response_headers_to_add": [{"header": {"key": "allow", "value": ", ".join(allowed)}}],
            "typed_per_filter_config": _without("grpc_json_transcoder"),
        }


def _nothing(name: str, match: Node) -> Node:
    return {
        "name": name,
        "match": match,
        "direct_response": {"status": 404},
        "typed_per_filter_config": _without("grpc_json_transcoder"),
    }


def _http_route(name: str, match: Node, cluster: str) -> Node:
    return {
        "name": name,
        "match": match,
        "route": {"cluster": cluster, "timeout": "0s", "idle_timeout": f"{SILENCE_S}s"},
        "typed_per_filter_config": _without("grpc_json_transcoder"),
    }


def _without(*filters: str) -> Node:
    return {f"envoy.filters.http.{name}": {"@type": _PER_ROUTE, "disabled": True} for name in filters}
