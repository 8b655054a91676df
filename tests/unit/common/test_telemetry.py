import io
import json
import logging
import sys
from collections.abc import Iterator

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.common import telemetry
from services.common.http import serve_http

CONFIDENTIAL = "the merger with Initech"


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before = root.handlers, root.level
    telemetry.configure_logs()
    yield written
    root.handlers, level = before
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(written: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_record_keeps_its_sentence_and_allowed_values(stderr: io.StringIO) -> None:
    telemetry.logger("services.relay").info("the relay has caught up", position=42, stream="group-1", duration_s=0.5)
    (line,) = _lines(stderr)
    assert line["event"] == "the relay has caught up"
    assert (line["position"], line["stream"], line["duration_s"]) == (42, "group-1", 0.5)
    assert (line["level"], line["source"]) == ("info", "services.relay")
    assert str(line["timestamp"]).endswith("Z")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("body", "budget"),
        ("text", CONFIDENTIAL),
        ("stream", CONFIDENTIAL),
        ("error", CONFIDENTIAL),
        ("count", {"body": "budget"}),
        ("stack", [CONFIDENTIAL]),
        ("code", CONFIDENTIAL.encode()),
    ],
)
def test_other_keys_and_free_text_are_dropped(stderr: io.StringIO, key: str, value: object) -> None:
    telemetry.logger("x").warning("a sentence", **{key: value})
    (line,) = _lines(stderr)
    assert key not in line
    assert "budget" not in stderr.getvalue()
    assert "Initech" not in stderr.getvalue()


def test_an_exception_is_reduced_to_type_and_places(stderr: io.StringIO) -> None:
    try:
        raise ValueError(CONFIDENTIAL)
    except ValueError as error:
        telemetry.logger("x").error("it failed", exc_info=error)
    (line,) = _lines(stderr)
    assert line["exception"] == "ValueError"
    assert isinstance(line["stack"], list)
    assert "test_telemetry.py" in line["stack"][0]
    assert "Initech" not in stderr.getvalue()


def test_libraries_are_reduced_to_template_and_place(stderr: io.StringIO) -> None:
    logging.getLogger("aiokafka").error("cannot handle %s", CONFIDENTIAL)
    logging.getLogger("faststream").error(f"handler failed: {CONFIDENTIAL}")
    with_template, formatted = _lines(stderr)
    assert with_template["event"] == "cannot handle %s"
    assert formatted["event"] == "a library reports"
    assert str(formatted["where"]).startswith("test_telemetry:")
    assert "Initech" not in stderr.getvalue()


def test_levels_below_the_threshold_are_silent(stderr: io.StringIO) -> None:
    telemetry.logger("x").debug("detail")
    logging.getLogger("uvicorn.error").info("started")
    assert stderr.getvalue() == ""


async def test_an_application_is_served_inside_the_running_loop() -> None:
    async def hello(_request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", hello)])
    async with serve_http(app, "127.0.0.1") as server:
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{server.port}/")).text == "hello"
        with pytest.raises(OSError, match="in use"):
            async with serve_http(app, "127.0.0.1", server.port):
                pass
    async with serve_http(app, "127.0.0.1", server.port):
        pass
