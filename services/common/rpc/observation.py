"""What is seen of a call from outside: its span, its duration and its real status, never its content."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import prometheus_client
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.common.rpc.call import Call

_tracer = trace.get_tracer("regard.rpc")
_propagator = TraceContextTextMapPropagator()

_SERVED = prometheus_client.Histogram(
    "regard_rpc_server_seconds",
    "Time to serve a call, until the end of its stream.",
    ("method", "code"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_OPEN = prometheus_client.Gauge("regard_rpc_server_open", "Calls being served.", ("method",))

_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""The codes that mean a server's fault (OpenTelemetry's conventions for gRPC); others are the caller's."""


@dataclass(slots=True)
class Observed:
    """How the call ends; the one who decides it says so here."""

    code: grpc.StatusCode = grpc.StatusCode.OK


@contextlib.contextmanager
def served(call: Call) -> Iterator[Observed]:
    """Observes the serving of a call from its arrival to the end of its stream."""
    name = call.method.removeprefix("/")
    service, _, method = name.partition("/")
    attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": method, "request_id": call.request_id}
    observed = Observed()
    with _tracer.start_as_current_span(
        name,
        context=_propagator.extract(call.metadata),
        kind=trace.SpanKind.SERVER,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        begun_s = time.perf_counter()
        _OPEN.labels(name).inc()
        try:
            yield observed
        except asyncio.CancelledError:
            observed.code = grpc.StatusCode.CANCELLED
            raise
        finally:
            _OPEN.labels(name).dec()
            _SERVED.labels(name, observed.code.name).observe(time.perf_counter() - begun_s)
            _conclude(span, observed.code)


@contextlib.contextmanager
def asked(method: str) -> Iterator[Observed]:
    """Observes a call to a peer."""
    name = method.removeprefix("/")
    with _tracer.start_as_current_span(
        name,
        kind=trace.SpanKind.CLIENT,
        attributes={"rpc.system": "grpc"},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        observed = Observed()
        try:
            yield observed
        except asyncio.CancelledError:
            observed.code = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AioRpcError as error:
            observed.code = error.code()
            raise
        finally:
            _conclude(span, observed.code)


def _conclude(span: trace.Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code in _FAULTS:
        span.set_status(trace.StatusCode.ERROR)
