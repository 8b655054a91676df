"""Envoy's configuration: a pure function of the contract, of where the services are, and of a few settings."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.common.contracts import Method
from services.gateway.replies import Node, local_replies
from services.gateway.routes import AUDIT_HTTP, IDENTITY_HTTP, JWKS_PATH, PAGE, SILENCE_S, routed, routes, token_rules

JWKS_CACHE_S = 300
"""A new signing key must be published for longer than this before it signs."""

REQUEST_S = 30
"""How long a request may take to arrive. No method takes a stream of requests."""

USER_HEADER = "x-user-id"
_TYPE = "type.googleapis.com/"
_HTTP = f"{_TYPE}envoy.extensions.filters.http."
_PROVIDER = "identity"
_ALWAYS: Node = {"default_value": {"numerator": 100, "denominator": "HUNDRED"}}

_REQUEST_HEADERS = (
    "content-type,authorization,x-grpc-web,x-user-agent,grpc-timeout,traceparent,tracestate,idempotency-key,"
    "accept-language,x-consistency-token,x-regard-break-glass"
)
_ANSWER_HEADERS = (
    "grpc-status,grpc-message,grpc-status-details-bin,x-request-id,x-consistency-token,retry-after,allow,"
    "x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset"
)
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-site",
    # Confidential answers lie in no cache; what may be cached says so itself.
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway finds the rest of Regard."""

    services: Mapping[str, Address]
    """gRPC, by the service's name in the contract: identity, groups, feed, chat, audit. They may share one address."""
    identity_http: Address
    """Serves /.well-known/jwks.json."""
    audit_http: Address
    """Serves the log of accesses, /log/…."""
    page: Address
    """Answers every path that nothing else claims."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Calls allowed: `calls` at once, refilled every `every_s` seconds."""

    calls: int
    every_s: int


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a caller may ask for. The first three count before the token is looked at."""

    new_connections: Bucket = Bucket(500, 1)
    everyone: Bucket = Bucket(5000, 1)
    address: Bucket = Bucket(3000, 1)
    """Per client address, behind which a whole office may be."""
    person: Bucket = Bucket(3000, 10)
    request_bytes: int = 2 * 1024 * 1024
    connections: int = 10_000


@dataclass(frozen=True, slots=True)
class Edge:
    """What the gateway is told besides the contract and the addresses."""

    host: str
    port: int
    issuer: str
    audience: str
    origins: tuple[str, ...] = ()
    """Web origins, besides the gateway's own, whose pages may call."""
    proxies: int = 0
    """How many proxies before it are believed about the caller's address."""
    access_log: bool = False
    limits: Limits = Limits()
    admin_port: int = 0


def configuration(methods: Sequence[Method], descriptors: bytes, addresses: Addresses, edge: Edge) -> Node:
    """Envoy's bootstrap configuration, ready for JSON.

    `descriptors` is a FileDescriptorSet of `methods` and of everything that error details may hold.
    Raises KeyError if a service of the contract has no address.
    """
    reachable = routed(methods)
    keys = sorted({method.service for method in reachable})
    return {
        "node": {"id": "gateway", "cluster": "regard"},
        "stats_config": {"stats_tags": [_SERVICE_TAG]},
        "admin": {
            "address": _socket(Address("127.0.0.1", edge.admin_port)),
            "allow_paths": [{"exact": "/ready"}, {"prefix": "/listeners"}, {"prefix": "/stats"}],
        },
        "overload_manager": {"resource_monitors": [_connection_limit(edge.limits.connections)]},
        "static_resources": {
            "listeners": [_listener(reachable, descriptors, edge)],
            "clusters": [
                *(_grpc_cluster(key, addresses.services[key]) for key in keys),
                _cluster(IDENTITY_HTTP, addresses.identity_http),
                _cluster(AUDIT_HTTP, addresses.audit_http),
                _cluster(PAGE, addresses.page),
            ],
        },
    }


# Envoy's own extractor cuts regard.chat.v1.ChatService at its first dot.
_SERVICE_TAG: Node = {
    "tag_name": "grpc_service",
    "regex": r"^cluster\..*?\.grpc\.((.+)\.)[^.]+\.(?:total|success|failure|[0-9]+)$",
}


def _connection_limit(connections: int) -> Node:
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": f"{_TYPE}envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": connections,
        },
    }


def _listener(methods: Sequence[Method], descriptors: bytes, edge: Edge) -> Node:
    return {
        "name": "edge",
        "address": _socket(Address(edge.host, edge.port)),
        # Two gateways must not share a port silently.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [
            {"filters": [_connection_rate(edge.limits), _connection_manager(methods, descriptors, edge)]}
        ],
    }


def _connection_rate(limits: Limits) -> Node:
    return {
        "name": "envoy.filters.network.local_ratelimit",
        "typed_config": {
            "@type": f"{_TYPE}envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": "connections",
            "token_bucket": _bucket(limits.new_connections),
        },
    }


def _connection_manager(methods: Sequence[Method], descriptors: bytes, edge: Edge) -> Node:
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": f"{_TYPE}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "edge",
            "codec_type": "AUTO",
            "server_name": "regard",
            "use_remote_address": True,
            "xff_num_trusted_hops": edge.proxies,
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "stream_idle_timeout": f"{SILENCE_S}s",
            "request_headers_timeout": "10s",
            # For the whole request: otherwise one that sends a byte a minute is never silent, and never ends.
            "request_timeout": f"{REQUEST_S}s",
            "common_http_protocol_options": {
                "idle_timeout": "300s",
                "headers_with_underscores_action": "REJECT_REQUEST",
            },
            # Trailers carry the outcome of a JSON stream, also over HTTP/1.1.
            "http_protocol_options": {"enable_trailers": True},
            "http2_protocol_options": {
                "max_concurrent_streams": 100,
                "initial_stream_window_size": 65536,
                "initial_connection_window_size": 1024 * 1024,
                "connection_keepalive": _KEEPALIVE,
            },
            "generate_request_id": True,
            "always_set_request_id_in_response": True,
            "access_log": [_ACCESS_LOG] if edge.access_log else [],
            "local_reply_config": local_replies(),
            "route_config": {
                "name": "edge",
                "virtual_hosts": [
                    {
                        "name": "regard",
                        "domains": ["*"],
                        "routes": routes(methods),
                        "typed_per_filter_config": {"envoy.filters.http.cors": _cors_policy(edge.origins)},
                    }
                ],
            },
            "http_filters": _http_filters(methods, descriptors, edge),
        },
    }


_KEEPALIVE: Node = {"interval": "30s", "timeout": "5s"}

# No address, no person, no path: a route is named after its method.
_ACCESS_LOG: Node = {
    "name": "envoy.access_loggers.stderr",
    "typed_config": {
        "@type": f"{_TYPE}envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
        "log_format": {
            "json_format": {
                "time": "%START_TIME%",
                "route": "%ROUTE_NAME%",
                "status": "%RESPONSE_CODE%",
                "flags": "%RESPONSE_FLAGS%",
                "duration_ms": "%DURATION%",
                "bytes_in": "%BYTES_RECEIVED%",
                "bytes_out": "%BYTES_SENT%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "trace": "%TRACE_ID%",
            }
        },
    },
}


def _cors_policy(origins: Sequence[str]) -> Node:
    return {
        "@type": f"{_HTTP}cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"exact": origin} for origin in origins],
        "allow_methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow_headers": _REQUEST_HEADERS,
        "expose_headers": _ANSWER_HEADERS,
        "max_age": "7200",
    }


def _http_filters(methods: Sequence[Method], descriptors: bytes, edge: Edge) -> list[Node]:
    """In the order in which a request passes them; an answer comes back the other way."""
    return [
        _filter("header_mutation", "HeaderMutation", mutations=_mutations()),
        _filter("cors", "Cors"),
        _filter("grpc_web", "GrpcWeb"),
        _rate_limit("address", edge.limits.everyone, edge.limits.address, _BY_ADDRESS),
        _filter("jwt_authn", "JwtAuthentication", **_token_check(methods, edge)),
        _rate_limit("person", edge.limits.everyone, edge.limits.person, _BY_PERSON),
        _filter("buffer", "Buffer", max_request_bytes=edge.limits.request_bytes),
        _filter("grpc_json_transcoder", "GrpcJsonTranscoder", **_transcoding(methods, descriptors, edge)),
        _filter("grpc_stats", "FilterConfig", stats_for_all_methods=True, enable_upstream_stats=True),
        _filter("router", "Router", suppress_envoy_headers=True),
    ]


def _filter(name: str, message: str, **options: object) -> Node:
    return {
        "name": f"envoy.filters.http.{name}",
        "typed_config": {"@type": f"{_HTTP}{name}.v3.{message}", **options},
    }


def _mutations() -> Node:
    return {
        # HTTP allows names that gRPC's servers fail at.
        "request_mutations": [{"remove_on_match": {"key_matcher": {"safe_regex": {"regex": _NO_NAME_IN_GRPC}}}}],
        "response_mutations": [
            _CHALLENGE,
            *(
                {"append": {"header": {"key": key, "value": value}, "append_action": "ADD_IF_ABSENT"}}
                for key, value in _SECURITY_HEADERS.items()
            ),
        ],
    }


# Envoy's own names the whole address as the realm, with its query.
_CHALLENGE: Node = {
    "append": {
        "header": {"key": "www-authenticate", "value": 'Bearer realm="regard"'},
        "append_action": "OVERWRITE_IF_EXISTS",
    }
}
_NO_NAME_IN_GRPC = ":?[^:]*[^:a-z0-9._-].*"
_BY_ADDRESS: Node = {"remote_address": {}}
_BY_PERSON: Node = {"request_headers": {"header_name": USER_HEADER, "descriptor_key": "user_id"}}


def _rate_limit(by: str, everyone: Bucket, each: Bucket, action: Node) -> Node:
    key = "remote_address" if action is _BY_ADDRESS else "user_id"
    return {
        "name": f"envoy.filters.http.local_ratelimit.{by}",
        "typed_config": {
            "@type": f"{_HTTP}local_ratelimit.v3.LocalRateLimit",
            "stat_prefix": f"per_{by}",
            "token_bucket": _bucket(everyone),
            # An entry without a value is a wildcard: one bucket for each.
            "descriptors": [{"entries": [{"key": key}], "token_bucket": _bucket(each)}],
            "max_dynamic_descriptors": 20_000,
            "rate_limits": [{"actions": [action]}],
            "filter_enabled": _ALWAYS,
            "filter_enforced": _ALWAYS,
            "enable_x_ratelimit_headers": "DRAFT_VERSION_03" if action is _BY_PERSON else "OFF",
            "rate_limited_as_resource_exhausted": True,
        },
    }


def _bucket(bucket: Bucket) -> Node:
    return {"max_tokens": bucket.calls, "tokens_per_fill": bucket.calls, "fill_interval": f"{bucket.every_s}s"}


def _token_check(methods: Sequence[Method], edge: Edge) -> Node:
    return {
        "providers": {
            _PROVIDER: {
                "issuer": edge.issuer,
                "audiences": [edge.audience],
                "require_expiration": True,
                # From the header alone: Envoy would take a token from the query too, where logs and histories keep it.
                "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
                "forward": True,
                "claim_to_headers": [{"header_name": USER_HEADER, "claim_name": "sub"}],
                "clock_skew_seconds": 30,
                "jwt_cache_config": {"jwt_cache_size": 1000},
                "remote_jwks": {
                    "http_uri": {"uri": f"http://identity{JWKS_PATH}", "cluster": IDENTITY_HTTP, "timeout": "2s"},
                    "cache_duration": f"{JWKS_CACHE_S}s",
                    "async_fetch": {"fast_listener": False, "failed_refetch_duration": "1s"},
                    "retry_policy": {"num_retries": 3},
                },
            }
        },
        "rules": token_rules(methods, _PROVIDER),
    }


def _transcoding(methods: Sequence[Method], descriptors: bytes, edge: Edge) -> Node:
    return {
        "proto_descriptor_bin": base64.b64encode(descriptors).decode(),
        "services": sorted({method.full_name.rpartition(".")[0] for method in methods}),
        "convert_grpc_status": True,
        "print_options": {"always_print_primitive_fields": True, "stream_newline_delimited": True},
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
        "url_unescape_spec": "ALL_CHARACTERS_EXCEPT_RESERVED",
        "case_insensitive_enum_parsing": True,
        "max_request_body_size": edge.limits.request_bytes,
        "max_response_body_size": 8 * 1024 * 1024,
    }


def _grpc_cluster(name: str, address: Address) -> Node:
    options: Node = {
        "http2_protocol_options": {
            "connection_keepalive": _KEEPALIVE,
            # All calls share a connection: what waits for whoever does not read must leave room for everyone else.
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 2**31 - 1,
        }
    }
    return _cluster(name, address) | {
        "lb_policy": "LEAST_REQUEST",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": options,
            }
        },
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "5s",
                "no_traffic_interval": "2s",
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "grpc_health_check": {},
            }
        ],
        "circuit_breakers": {
            "thresholds": [
                {"max_connections": 1024, "max_pending_requests": 1024, "max_requests": 20_000, "max_retries": 3}
            ]
        },
        # Only what fails to connect is left out: a service that refuses with UNAVAILABLE is alive.
        "outlier_detection": {
            "split_external_local_origin_errors": True,
            "consecutive_local_origin_failure": 5,
            "enforcing_consecutive_5xx": 0,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "base_ejection_time": "5s",
        },
    }


def _cluster(name: str, address: Address) -> Node:
    return {
        "name": name,
        # A headless Service's name stands for every pod behind it.
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(address)}}]}],
        },
    }


def _socket(address: Address) -> Node:
    return {"socket_address": {"address": address.host, "port_value": address.port}}
