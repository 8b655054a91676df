"""`python -m services all` as an operator sees it: start, Ctrl-C, kill, and what can stand in its way."""

import http.server
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.common import contracts
from tests.product import Product, alive, free_port


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Product]]:
    started: list[Product] = []

    def begin(*targets: str, **variables: str) -> Product:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Product(folder, *targets, **variables))
        return started[-1]

    yield begin
    for process in started:
        process.child.kill()
        process.child.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_answers_and_stops_when_asked(start: Callable[..., Product], number: signal.Signals) -> None:
    process = start("all")
    url = process.ready()
    assert httpx.get(f"{url}/healthz").status_code == 200
    assert httpx.get(f"{url}/v1/people/me").status_code == 401
    assert httpx.get(f"{url}/v1/auth/jwks").json()["keys"]
    others = (process.envoy, process.companion)
    process.child.send_signal(number)
    assert process.ended() == 0
    assert not any(map(alive, others))
    assert process.err.read_text() == "", "a start and a stop without trouble say nothing on stderr"


@pytest.mark.slow
def test_killed_it_leaves_nothing_and_starts_again(start: Callable[..., Product]) -> None:
    first = start("all")
    first.ready()
    others = (first.envoy, first.companion)
    first.child.kill()
    first.ended()
    first.until(lambda: not any(map(alive, others)))
    second = start("all", REGARD_DATA=str(first.data))
    assert httpx.get(f"{second.ready()}/v1/auth/jwks").json()["keys"]
    second.child.send_signal(signal.SIGINT)
    assert second.ended() == 0
    check = start("check", REGARD_DATA=str(first.data))
    assert check.ended() == 0, check.out.read_text()


@pytest.mark.slow
def test_when_the_gateway_dies_the_process_ends_and_says_so(start: Callable[..., Product]) -> None:
    process = start("all")
    process.ready()
    os.kill(process.envoy, signal.SIGKILL)
    assert process.ended() == 1
    assert (
        process.err.read_text().splitlines()[-1].startswith("RUN-01 Regard has stopped, because its part “gateway” did")
    )


@pytest.mark.slow
def test_when_what_runs_beside_it_dies_the_process_ends_and_says_so(start: Callable[..., Product]) -> None:
    process = start("all")
    process.ready()
    envoy = process.envoy
    os.kill(process.companion, signal.SIGKILL)
    assert process.ended() == 1
    assert not alive(envoy)
    last = process.err.read_text().splitlines()[-1]
    assert last.startswith("RUN-01 Regard has stopped, because its part “audit” did")


def test_what_runs_beside_it_says_why_it_does_not_start(start: Callable[..., Product]) -> None:
    port = free_port()
    with socket.create_server(("0.0.0.0", port + 1)):  # where measures are given
        process = start("all", REGARD_METRICS_PORT=str(port))
        assert process.ended() == 1
    why, then = process.err.read_text().splitlines()
    assert why.startswith(f"RUN-04 “metrics” can’t listen on 0.0.0.0:{port + 1}")
    assert then.startswith("RUN-08 Regard has not started, because “audit”, which runs beside it, did not")


@pytest.mark.slow
def test_a_second_one_on_the_same_data_is_refused_and_the_first_goes_on(start: Callable[..., Product]) -> None:
    first = start("all")
    url = first.ready()
    second = start("all", REGARD_DATA=str(first.data))
    assert second.ended() == 1
    (line,) = second.err.read_text().splitlines()
    assert line.startswith("EVS-")
    assert httpx.get(f"{url}/healthz").status_code == 200


@pytest.mark.slow
def test_traces_and_measures_are_given_to_those_who_ask_and_name_nobody(start: Callable[..., Product]) -> None:
    posted: list[bytes] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(self.rfile.read(int(self.headers.get("content-length", "0"))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    metrics_port = free_port()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        process = start(
            "all",
            OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
            REGARD_METRICS_PORT=str(metrics_port),
        )
        address = {"email": "nobody@planted.example", "password": "planted-secret"}
        assert httpx.post(f"{process.ready()}/v1/auth:signIn", json=address).status_code == 401
        measures, beside = (
            httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in (metrics_port, metrics_port + 1)
        )
        process.child.send_signal(signal.SIGINT)
        assert process.ended() == 0
        collector.shutdown()
    told = b"".join(posted)
    assert b"regard.identity.v1.AuthService/SignIn" in told
    assert 'method="regard.identity.v1.AuthService/SignIn"' in measures
    assert "ledger_v1" in beside
    told += measures.encode() + beside.encode() + process.err.read_bytes() + process.out.read_bytes()
    assert b"planted" not in told


def test_a_port_in_use_is_said_before_anything_starts(start: Callable[..., Product]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("all", REGARD_PORT=str(port))
        assert process.ended() == 1
    (line,) = process.err.read_text().splitlines()
    assert line.startswith(f"GWY-10 Port {port} is in use")
    assert not (process.data / "eventstore").exists()


def test_the_whole_contract_is_served(start: Callable[..., Product]) -> None:
    process = start("all")
    process.ready()
    served = next(line for line in process.out.read_text().splitlines() if line.startswith("  services: "))
    assert {method.service for method in contracts.methods()} <= set(served.removeprefix("  services: ").split(", "))


def test_where_there_is_nothing_to_check_it_says_so(start: Callable[..., Product]) -> None:
    process = start("check")
    assert process.ended() == 1
    assert process.err.read_text().startswith("RUN-07")
    assert not process.data.exists()
