"""Processes put together from parts: opened in order, ended together, refused in words."""

import asyncio
import socket
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from regard.identity.v1 import identity_pb2, identity_pb2_grpc

from services.command import main, terminal_language
from services.common import contracts
from services.common.errors import Refused
from services.common.kernel import Kernel, Service
from services.common.settings import Settings, load_settings
from services.installation import Build, Installation, PartDied, Plan, builds, discover, open_at_rest, open_installation
from tests.unit.common.border import House

_LIMIT_S = 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path, port=0, eventstore_uri="", kafka_bootstrap="", listen={}, address={})


def _builds(**parts: object) -> dict[str, Build]:
    """Identity, as little of it as answers GetJwks."""

    def build(_settings: Settings, _kernel: Kernel) -> Service:
        servicers = ((identity_pb2_grpc.add_AuthServiceServicer_to_server, House()),)
        return Service("identity", servicers, **parts)  # type: ignore[arg-type]

    return {"identity": build}


def _say(_en: str, _fr: str) -> None:
    pass


async def _serving(installation: Installation) -> bool:
    assert installation.kernel is not None
    async with grpc.aio.insecure_channel(installation.kernel.addresses["identity"]) as channel:
        await identity_pb2_grpc.AuthServiceStub(channel).GetJwks(identity_pb2.GetJwksRequest())
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        return bool(health.status == health_pb2.HealthCheckResponse.SERVING)


async def test_everything_in_one_process(settings: Settings) -> None:
    said: list[str] = []
    done = asyncio.Event()

    async def task() -> None:
        done.set()

    async def welcome() -> tuple[str, ...]:
        return ("Bonjour",)

    plan = Plan(_builds(tasks=(task,), welcome=welcome), relays=True, embedded=True)
    async with open_installation(settings, plan, lambda en, _fr: said.append(en)) as installation:
        assert await _serving(installation)
        await asyncio.wait_for(done.wait(), _LIMIT_S)
        assert installation.welcome == ("Bonjour",)
    assert [line.partition(":")[0] for line in said] == ["event store", "Kafka", "services", "views"]
    with pytest.raises(grpc.aio.AioRpcError):
        await _serving(installation)


async def test_one_service_may_speak_for_all(settings: Settings) -> None:
    async def code() -> tuple[str, ...]:
        return ("Claim it",)

    async def company() -> tuple[str, ...]:
        return ("Look around",)

    def demo(_settings: Settings, _kernel: Kernel) -> Service:
        return Service("demo", welcome=company, speaks_for_all=True)

    plan = Plan({**_builds(welcome=code), "demo": demo}, embedded=True)
    async with open_installation(settings, plan, _say) as installation:
        assert installation.welcome == ("Look around",)


async def test_the_same_data_is_opened_again(settings: Settings) -> None:
    for _ in range(2):
        async with open_installation(settings, Plan(_builds(), embedded=True), _say) as installation:
            assert await _serving(installation)
    async with open_at_rest(settings, _builds()) as (_, services):
        assert [service.name for service in services] == ["identity"]


async def test_a_second_process_on_the_same_data_is_refused(settings: Settings) -> None:
    async with open_installation(settings, Plan(embedded=True), _say):
        with pytest.raises(Refused) as refused:
            async with open_installation(settings, Plan(embedded=True), _say):
                pass
    assert refused.value.refusal.id.startswith("EVS-")


@pytest.mark.parametrize("error", [ValueError("x"), None])
async def test_a_part_that_dies_ends_the_process_by_name(settings: Settings, error: Exception | None) -> None:
    go = asyncio.Event()
    opened: list[Installation] = []

    async def task() -> None:
        await go.wait()
        raise error or KeyError

    async def run() -> None:
        async with open_installation(settings, Plan(_builds(tasks=(task,)), embedded=True), _say) as installation:
            opened.append(installation)
            go.set()
            await asyncio.wait_for(asyncio.Event().wait(), _LIMIT_S)

    with pytest.raises(PartDied) as died:
        await run()
    assert died.value.part == "identity"
    assert "“identity”" in died.value.refused("en").sentence("en")
    with pytest.raises(grpc.aio.AioRpcError):
        await _serving(opened[0])
    async with open_at_rest(settings, _builds()):
        pass  # the data folder is free again


async def test_a_refusal_while_opening_closes_the_rest(settings: Settings) -> None:
    def build(_settings: Settings, _kernel: Kernel) -> Service:
        raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        async with open_installation(settings, Plan({"identity": build}, embedded=True), _say):
            pass
    async with open_at_rest(settings, {}):
        pass


async def test_a_service_runs_alone_on_the_servers_of_another_process(settings: Settings, tmp_path: Path) -> None:
    async with open_installation(settings, Plan(eventstore=True, kafka=True), _say) as servers:
        alone = servers.settings.model_copy(update={"listen": {"identity": "127.0.0.1:0"}, "data": tmp_path / "other"})
        async with open_installation(alone, Plan(_builds()), _say) as installation:
            assert await _serving(installation)
        with pytest.raises(Refused) as refused:
            async with open_installation(servers.settings, Plan(_builds()), _say):
                pass
    assert refused.value.refusal.id == "RUN-02"
    assert "REGARD_IDENTITY_LISTEN" in refused.value.remedy("fr")


async def test_a_taken_port_is_refused(settings: Settings) -> None:
    async with open_installation(settings, Plan(_builds(), embedded=True), _say) as installation:
        assert installation.kernel is not None
        taken = {"identity": installation.kernel.addresses["identity"]}
        with pytest.raises(Refused) as refused:
            async with open_installation(
                installation.settings.model_copy(update={"listen": taken}), Plan(_builds()), _say
            ):
                pass
    assert refused.value.refusal.id == "RUN-04"


@pytest.mark.parametrize(
    ("given", "variable"),
    [
        ({}, "REGARD_EVENTSTORE_URI"),
        ({"eventstore_uri": "kurrentdb://127.0.0.1:9?Tls=false"}, "REGARD_KAFKA_BOOTSTRAP"),
    ],
)
async def test_what_is_not_said_is_asked_for(settings: Settings, given: dict[str, str], variable: str) -> None:
    with pytest.raises(Refused) as refused:
        async with open_installation(settings.model_copy(update=given), Plan(_builds()), _say):
            pass
    assert refused.value.refusal.id == "RUN-03"
    assert variable in refused.value.remedy("en")


def test_services_are_discovered() -> None:
    assert {method.service for method in contracts.methods()} <= set(discover())
    every = builds((), everything=True)
    assert "identity" in every
    assert "demo" not in every
    assert set(builds(["identity"], everything=False)) == {"identity"}
    assert builds(["eventstore"], everything=False) == {}


def test_an_unknown_target_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nonsense"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("RUN-06 ")
    assert "eventstore" in told


def test_an_unusable_data_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("REGARD_DATA", str(tmp_path / "file" / "data"))
    assert main(["eventstore"]) == 1
    assert capsys.readouterr().err.startswith("RUN-05 ")


def test_a_taken_port_for_measures_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REGARD_DATA", str(tmp_path))
    with socket.create_server(("0.0.0.0", 0)) as taken:
        monkeypatch.setenv("REGARD_METRICS_PORT", str(taken.getsockname()[1]))
        assert main(["eventstore"]) == 1
    assert capsys.readouterr().err.startswith("RUN-04 “metrics”")


@pytest.mark.parametrize(
    ("environment", "language"),
    [({}, "en"), ({"LANG": "fr_FR.UTF-8"}, "fr"), ({"LANG": "fr_FR", "LC_ALL": "C"}, "en"), ({"LANG": "de_DE"}, "en")],
)
def test_the_terminals_language(environment: dict[str, str], language: str) -> None:
    assert terminal_language(environment) == language
