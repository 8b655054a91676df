import contextlib
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from services.common import telemetry
from services.common.http import serve_http
from services.embedded.eventstore.refusals import FOLDER_UNUSABLE

CONFIDENTIAL = "the merger with Initech"


class Stderr:
    """What was written to stderr so far."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    def text(self) -> str:
        self._text += self._capture.readouterr().err
        return self._text

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Stderr]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    telemetry.configure_logs()
    yield Stderr(capsys)
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_record_keeps_its_sentence_and_allowed_values(stderr: Stderr) -> None:
    telemetry.logger("services.relay").info("the relay has caught up", position=42, stream="group-1", duration_s=0.5)
    (line,) = stderr.lines()
    assert line["event"] == "the relay has caught up"
    assert (line["position"], line["stream"], line["duration_s"]) == (42, "group-1", 0.5)
    assert (line["level"], line["source"]) == ("info", "services.relay")
    assert str(line["timestamp"]).endswith("Z")


def test_a_line_that_cannot_be_written_ends_nothing(stderr: Stderr, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        telemetry.logger("services.relay").warning("the disk is full", position=1)
        monkeypatch.undo()
        telemetry.logger("services.relay").warning("and now it is not", position=2)
        with contextlib.suppress(OSError):
            full.close()
    assert [line["position"] for line in stderr.lines()] == [2]


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
def test_other_keys_and_free_text_are_dropped(stderr: Stderr, key: str, value: object) -> None:
    telemetry.logger("x").warning("a sentence", **{key: value})
    (line,) = stderr.lines()
    assert key not in line
    assert "budget" not in stderr.text()
    assert "Initech" not in stderr.text()


@pytest.mark.parametrize("grouped", [False, True])
def test_a_refusal_is_told_by_its_id_and_what_it_means_without_its_parameters(stderr: Stderr, grouped: bool) -> None:
    refused = FOLDER_UNUSABLE(folder=CONFIDENTIAL, reason=CONFIDENTIAL)
    telemetry.logger("x").warning("it waits", exc_info=ExceptionGroup("", [refused]) if grouped else refused)
    (line,) = stderr.lines()
    assert line["error_id"] == FOLDER_UNUSABLE.id
    assert line["means"] == f"{FOLDER_UNUSABLE.en} {FOLDER_UNUSABLE.remedy_en}"
    assert "stack" not in line
    assert "Initech" not in stderr.text()


def test_a_library_through_which_a_refusal_passes_is_silent(stderr: Stderr) -> None:
    logging.getLogger("library").error("handler %s failed", "h", exc_info=FOLDER_UNUSABLE(folder="", reason=""))
    assert stderr.text() == ""


def test_an_exception_is_reduced_to_type_and_places(stderr: Stderr) -> None:
    try:
        raise ValueError(CONFIDENTIAL)
    except ValueError as error:
        telemetry.logger("x").error("it failed", exc_info=error)
    (line,) = stderr.lines()
    assert line["exception"] == "ValueError"
    assert isinstance(line["stack"], list)
    assert "test_telemetry.py" in line["stack"][0]
    assert "Initech" not in stderr.text()


def test_libraries_are_reduced_to_template_and_place(stderr: Stderr) -> None:
    logging.getLogger("aiokafka").error("cannot handle %s", CONFIDENTIAL)
    logging.getLogger("faststream").error(f"handler failed: {CONFIDENTIAL}")
    with_template, formatted = stderr.lines()
    assert with_template["event"] == "cannot handle %s"
    assert formatted["event"] == "a library reports"
    assert str(formatted["where"]).startswith("test_telemetry:")
    assert "Initech" not in stderr.text()


def test_levels_below_the_threshold_are_silent(stderr: Stderr) -> None:
    telemetry.logger("x").debug("detail")
    logging.getLogger("uvicorn.error").info("started")
    assert stderr.text() == ""


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
