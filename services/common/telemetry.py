"""Logs, traces and measures, none of which can carry content.

Logs are JSON lines on stderr (readable ones on a terminal). A record's sentence is a constant; its values pass only
under the keys of `LOGGED`, and only as numbers or as identifiers without a space: free text never gets through.
Messages of other libraries are reduced to their template and place, exceptions to their type and stack, and refusals to
their id with the declared sentence, whose parameters are left out.
"""

import contextlib
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from types import TracebackType
from typing import Any, TextIO, cast

import prometheus_client
import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from services.common.errors import Refused, declared
from services.common.settings import Settings

Log = structlog.typing.FilteringBoundLogger
_Record = MutableMapping[str, Any]

LOGGED = frozenset(
    {
        "attempt",
        "code",
        "count",
        "duration_s",
        "error",
        "error_id",
        "exception",
        "group_id",
        "method",
        "part",
        "partition",
        "port",
        "position",
        "projection",
        "reaction",
        "request_id",
        "revision",
        "service",
        "signal",
        "stack",
        "status",
        "stream",
        "topic",
        "type",
        "where",
    }
)
"""The only keys under which a value is logged."""

_IDENTIFIER = re.compile(r"[\w.:/@+$<>-]{0,200}")
_ENVELOPE = frozenset({"event", "level", "timestamp", "source"})


def logger(name: str) -> Log:
    """The logger of a module; its sentences are constants, its values go under the keys of LOGGED."""
    return cast(Log, structlog.get_logger(name, source=name))


def configure_logs(level: str = "info") -> None:
    """Sends this process's logs, and those of its libraries, through the rule above to stderr."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _reduce_exception,
            redact,
            _explain,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=lambda *_: structlog.WriteLogger(cast(TextIO, _Lines())),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Libraries()]
    for library in root.manager.loggerDict.values():
        if isinstance(library, logging.Logger):  # some bring handlers of their own, which would tell everything
            library.handlers.clear()
            library.propagate = True
    root.setLevel(max(threshold, logging.WARNING))


class _Lines:
    """Stderr, where a line that cannot be written is left out: a full disk must not end what it is told of."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            sys.stderr.flush()


class _Libraries(logging.Handler):
    """Passes what other libraries log on, without what they put into it."""

    def emit(self, record: logging.LogRecord) -> None:
        # With arguments the message is a template, hence a constant; without, it may have been formatted already.
        template = record.msg if isinstance(record.msg, str) and record.args else "a library reports"
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, Refused):
            return  # it passes through the library to the code of ours that tells of it
        structlog.get_logger(record.name, source=record.name).log(
            record.levelno, template, where=f"{record.module}:{record.lineno}", exc_info=error
        )


def redact(_logger: object, _method: str, record: _Record) -> _Record:
    """Drops every value that is not under an allowed key, or not a number, an identifier or a stack."""
    return {key: value for key, value in record.items() if key in _ENVELOPE or (key in LOGGED and _harmless(value))}


def _harmless(value: object) -> bool:
    match value:
        case bool() | int() | float() | None:
            return True
        case str():
            return _IDENTIFIER.fullmatch(value) is not None
        case list() | tuple():
            return all(_harmless(item) for item in value)
        case _:
            return False


def _reduce_exception(_logger: object, _method: str, record: _Record) -> _Record:
    error = record.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, Refused):
        record["error_id"] = error.refusal.id
    elif isinstance(error, BaseException):
        record["exception"] = type(error).__qualname__
        record["stack"] = stack_of(error.__traceback__)
    return record


def _explain(_logger: object, _method: str, record: _Record) -> _Record:
    """Adds what whoever reads the log needs to know of an error id; constants, made of no value."""
    if refusal := declared(str(record.get("error_id", ""))):
        record["means"] = f"{refusal.en} {refusal.remedy_en}"
    return record


def stack_of(origin: TracebackType | None) -> list[str]:
    """The places a traceback went through, as module-file:line:function; no source lines, no values."""
    frames = traceback.extract_tb(origin)
    return [f"{os.path.basename(frame.filename)}:{frame.lineno}:{frame.name}" for frame in frames]


@contextlib.contextmanager
def open_telemetry(settings: Settings, service: str) -> Iterator[None]:
    """Logs always, traces if OTEL_EXPORTER_OTLP_ENDPOINT is set, measures if REGARD_METRICS_PORT is; flushed on exit.

    Raises OSError if the port of the measures is in use.
    """
    configure_logs(settings.log_level)
    with contextlib.ExitStack() as stack:
        if os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
            provider = TracerProvider(resource=Resource.create({SERVICE_NAME: f"regard-{service}"}))
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            trace.set_tracer_provider(provider)
            stack.callback(provider.shutdown)
        if settings.metrics_port:
            server, thread = prometheus_client.start_http_server(settings.metrics_port)
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            stack.callback(server.server_close)
        yield
