"""How the gateway starts, ends, fails; what it does when services are away or callers too many."""

import asyncio
import os
import re
import signal
import socket
import sys
import textwrap
from pathlib import Path

import grpc
import httpx
import pytest
from regard.chat.v1 import chat_pb2, chat_pb2_grpc

from services.common import contracts
from services.common.errors import Refused
from services.common.settings import Settings
from services.gateway import gateway as module
from services.gateway.config import Address, Addresses, Bucket, Limits
from services.gateway.gateway import Gateway
from tests.contract.edge import ROOM, gateway_with_services
from tests.grpcweb import WebRpcError

NOWHERE = Address("127.0.0.1", 1)
SOON_S = 60
MESSAGES = f"/v1/rooms/{ROOM}/messages"


def a_gateway(folder: Path, port: int = 0, host: str = "127.0.0.1") -> Gateway:
    addresses = Addresses({method.service: NOWHERE for method in contracts.methods()}, NOWHERE, NOWHERE, NOWHERE)
    return Gateway(Settings(data=folder, host=host), addresses, port)


async def refusal_of(gateway: Gateway) -> Refused:
    with pytest.raises(Refused) as refused:
        async with gateway:
            pass
    return refused.value


def is_running(gateway: Gateway) -> bool:
    return gateway._child is not None and not gateway._child.is_over


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = await refusal_of(a_gateway(tmp_path, port))
    assert refused.refusal.id == "GWY-10"
    assert str(port) in refused.sentence("en")
    assert "REGARD_PORT" in refused.remedy("fr")


async def test_a_foreign_address_is_named(tmp_path: Path) -> None:
    refused = await refusal_of(a_gateway(tmp_path, host="192.0.2.1"))
    assert refused.refusal.id == "GWY-13"
    assert "192.0.2.1" in refused.sentence("en")


async def test_two_gateways_never_share_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_gateway(tmp_path / "one") as first:
        monkeypatch.setattr(module, "check_port", lambda host, port: None)  # as if both had looked at the same time
        refused = await refusal_of(a_gateway(tmp_path / "two", first.port))
    assert refused.refusal.id == "GWY-11"
    assert "Address already in use" in refused.sentence("en")


async def test_an_envoy_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'no such thing' >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr(module, "command", lambda configuration: [str(broken)])
    gateway = a_gateway(tmp_path)
    refused = await refusal_of(gateway)
    assert refused.refusal.id == "GWY-11"
    assert "no such thing" in refused.sentence("fr")
    assert str(gateway.log) in refused.remedy("en")


async def test_an_envoy_that_never_serves_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "command", lambda configuration: ["/bin/sh", "-c", "exec cat <&2"])
    monkeypatch.setattr(module, "_START_S", 0.2)
    gateway = a_gateway(tmp_path)
    assert (await refusal_of(gateway)).refusal.id == "GWY-11"
    assert not is_running(gateway)


async def test_leaving_the_block_ends_envoy(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        assert is_running(gateway)
    assert not is_running(gateway)
    with socket.create_server(("127.0.0.1", gateway.port)):
        pass


async def test_an_envoy_that_dies_is_noticed(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway:
        waiting = asyncio.create_task(gateway.closed())
        assert gateway._child is not None
        os.kill(gateway._child.pid, signal.SIGKILL)
        async with asyncio.timeout(SOON_S):
            with pytest.raises(Refused, match="GWY-12"):
                await waiting


async def test_it_starts_on_the_main_thread_only(tmp_path: Path) -> None:
    def elsewhere() -> None:
        asyncio.run(refusal_of(a_gateway(tmp_path)))  # type: ignore[arg-type]

    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(elsewhere)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone ends children with their parent")
async def test_a_parent_killed_at_once_leaves_nothing_behind(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import asyncio, sys
        from pathlib import Path
        from tests.contract.test_gateway_life import a_gateway
        async def main():
            async with a_gateway(Path(sys.argv[1])) as gateway:
                print(gateway.port, gateway._child.pid, flush=True)
                await gateway.closed()
        asyncio.run(main())
    """)
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    port, envoy = map(int, (await parent.stdout.readline()).split())
    mapped = Path(f"/proc/{envoy}/maps").read_text()  # noqa: ASYNC240
    memory = re.search(r"/dev/shm/envoy_shared_memory_\d+(?: \(deleted\))?", mapped)
    assert memory
    assert memory[0].endswith(" (deleted)")
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(SOON_S):
        while not is_free(port):
            await asyncio.sleep(0.05)
    async with a_gateway(tmp_path, port):
        pass


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


async def test_services_away_are_told_apart_from_a_gateway_away(tmp_path: Path) -> None:
    async with gateway_with_services(tmp_path) as edge:
        await edge.backend.stop(None)
        response = await edge.http.get(MESSAGES, headers=edge.headers)
        assert (response.status_code, response.json()["id"]) == (503, "GWY-05")
        with pytest.raises(grpc.aio.AioRpcError) as native:
            await chat_pb2_grpc.ChatServiceStub(edge.channel).GetRoom(chat_pb2.GetRoomRequest(), metadata=edge.metadata)
        assert native.value.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(WebRpcError) as web:
            await edge.web.unary(
                "/regard.chat.v1.ChatService/GetRoom", chat_pb2.GetRoomRequest(), chat_pb2.GetRoomResponse
            )
        assert web.value.code is grpc.StatusCode.UNAVAILABLE
        assert (await edge.http.get("/healthz")).status_code == 200


async def test_keys_away_refuse_tokens_and_serve_the_rest(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, httpx.AsyncClient(trust_env=False) as http:
        url = f"http://127.0.0.1:{gateway.port}"
        response = await http.get(url + MESSAGES, headers={"authorization": "Bearer x.y.z"})
        assert (response.status_code, response.json()["id"]) == (401, "GWY-01")
        assert (await http.get(url + "/healthz")).status_code == 200
        assert (await http.get(url + "/")).json()["id"] == "GWY-05"


async def test_one_person_who_calls_too_often_slows_nobody_else(tmp_path: Path) -> None:
    async with gateway_with_services(tmp_path, limits=Limits(person=Bucket(3, 3600))) as edge:
        for _ in range(3):
            assert (await edge.http.get(MESSAGES, headers=edge.headers)).status_code == 200
        refused = await edge.http.get(MESSAGES, headers=edge.headers)
        assert (refused.status_code, refused.json()["id"], refused.json()["code"]) == (429, "GWY-02", 8)
        assert refused.headers["retry-after"]
        assert refused.headers["x-ratelimit-remaining"] == "0"
        with pytest.raises(grpc.aio.AioRpcError) as native:
            await chat_pb2_grpc.ChatServiceStub(edge.channel).GetRoom(chat_pb2.GetRoomRequest(), metadata=edge.metadata)
        assert native.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        other = {"authorization": f"Bearer {edge.issuer.token(sub='01900000-0000-7000-8000-0000000000bb')}"}
        assert (await edge.http.get(MESSAGES, headers=other)).status_code == 200


@pytest.mark.parametrize(("proxies", "last"), [(0, 429), (1, 401)])
async def test_guessing_tokens_is_slowed_before_they_are_looked_at(tmp_path: Path, proxies: int, last: int) -> None:
    async with gateway_with_services(tmp_path, limits=Limits(address=Bucket(3, 3600)), proxies=proxies) as edge:
        guess = {"authorization": "Bearer x.y.z"}
        answers = [await edge.http.get(MESSAGES, headers=guess) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert answers[-1].json()["id"] == "GWY-02"
        # Only a proxy that is known to be there is believed about the address behind it.
        answer = await edge.http.get(MESSAGES, headers=guess | {"x-forwarded-for": "198.51.100.7"})
        assert answer.status_code == last
        assert (await edge.http.get("/healthz")).status_code == 200


async def test_its_administration_only_tells(tmp_path: Path) -> None:
    async with a_gateway(tmp_path) as gateway, httpx.AsyncClient(trust_env=False) as http:
        admin = (gateway.log.parent / "admin-address").read_text()
        assert admin.startswith("127.0.0.1:")
        assert (await http.get(f"http://{admin}/ready")).status_code == 200
        for path in ("/quitquitquit", "/healthcheck/fail", "/logging?level=trace"):
            assert (await http.post(f"http://{admin}{path}")).status_code == 403
        assert (await http.get(f"http://{admin}/config_dump")).status_code == 403
        assert is_running(gateway)
