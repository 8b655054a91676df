"""The border and the peers' channels, over real connections."""

import asyncio
import contextlib
import io
import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from joserfc.jwk import ECKey
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from regard.chat.v1 import chat_pb2, chat_pb2_grpc
from regard.common.v1 import options_pb2
from regard.feed.v1 import feed_pb2_grpc
from regard.groups.v1 import groups_pb2, groups_pb2_grpc
from regard.identity.v1 import identity_pb2

from services.common import consistency, rpc, telemetry
from services.common.decider import CommandContext
from services.common.errors import Refused
from services.common.rpc import border, observation, refusals
from services.common.rpc.border import MOST_STREAMS
from services.common.rpc.call import current
from tests.unit.common.border import NO_ROOM, PERSON, PLANTED, ROOM, Site, info_of, open_site

GET = chat_pb2.GetRoomRequest(room_id=ROOM)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


@pytest.fixture
async def peers(site: Site) -> AsyncIterator[rpc.Peers]:
    address = f"127.0.0.1:{site.server.port}"
    opened = rpc.Peers(dict.fromkeys(("chat", "groups", "identity"), address), site.service_tokens)
    yield opened
    await opened.close()


async def _refused(call: Any) -> tuple[grpc.StatusCode, str, error_details_pb2.ErrorInfo]:
    """How the call was refused: code, sentence, details."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code(), str(error.value.details()), info_of(error.value)


# Who may call


async def test_a_signed_in_person_gets_an_answer(site: Site) -> None:
    await site.chat.GetRoom(GET, metadata=site.signed_in(roles=["auditor"]))
    (caller,) = site.house.callers
    assert caller.person_id == PERSON
    assert caller.roles == {options_pb2.ROLE_AUDITOR}


async def test_whoever_comes_with_thousands_of_others_waits_and_is_answered(site: Site) -> None:
    metadata = site.signed_in()
    await asyncio.gather(*(site.chat.GetRoom(GET, metadata=metadata) for _ in range(4_000)))
    assert len(site.house.callers) == 4_000


async def test_a_public_method_needs_no_token(site: Site) -> None:
    await site.auth.GetJwks(identity_pb2.GetJwksRequest(), metadata=(("authorization", "Bearer nonsense"),))


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YTpi"])
async def test_without_token_nothing_is_answered(site: Site, header: str | None) -> None:
    metadata = () if header is None else (("authorization", header),)
    code, _, info = await _refused(site.chat.GetRoom(GET, metadata=metadata))
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "RPC-03")
    assert not site.house.callers


async def test_a_token_is_asked_for_before_the_message_is_looked_at(site: Site) -> None:
    _, _, info = await _refused(site.chat.GetRoom(chat_pb2.GetRoomRequest()))
    assert info.reason == "RPC-03"


async def test_an_ended_session_is_refused(site: Site) -> None:
    metadata = site.signed_in()
    await site.chat.GetRoom(GET, metadata=metadata)
    site.revoked.add("s1")
    code, _, info = await _refused(site.chat.GetRoom(GET, metadata=metadata))
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "RPC-06")


async def test_a_role_is_needed_where_the_contract_says_so(site: Site) -> None:
    request = identity_pb2.ProvisionPersonRequest(profile=identity_pb2.Profile(name="Awa", email="awa@example.org"))
    code, sentence, info = await _refused(
        site.people_stub.ProvisionPerson(request, metadata=site.signed_in(roles=["auditor"]))
    )
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "RPC-07")
    assert "platform_administrator" in sentence
    await site.people_stub.ProvisionPerson(request, metadata=site.signed_in(roles=["platform_administrator"]))


async def test_internal_methods_are_refused_for_people(site: Site) -> None:
    request = groups_pb2.OpenDirectGroupRequest(person_ids=[PERSON, ROOM], opened_by=PERSON)
    every_role = [rpc.role_name(role) for role in options_pb2.Role.values()]
    code, _, info = await _refused(site.internal.OpenDirectGroup(request, metadata=site.signed_in(roles=every_role)))
    assert (code, info.reason) == (grpc.StatusCode.PERMISSION_DENIED, "RPC-08")
    _, _, info = await _refused(site.internal.OpenDirectGroup(request))
    assert info.reason == "RPC-03"
    assert not site.house.callers


async def test_a_service_does_not_stand_for_a_person(site: Site) -> None:
    metadata = (("authorization", f"Bearer {site.service_tokens.token()}"),)
    code, _, info = await _refused(site.chat.GetRoom(GET, metadata=metadata))
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "RPC-04")


# What is refused, and how it is told


async def test_a_message_that_breaks_the_contract_is_refused(site: Site) -> None:
    code, sentence, info = await _refused(
        site.chat.GetRoom(chat_pb2.GetRoomRequest(room_id="no"), metadata=site.signed_in(("accept-language", "en")))
    )
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RPC-02")
    assert "room_id" in sentence
    assert not site.house.callers


async def test_bytes_that_are_no_message_are_refused(site: Site) -> None:
    ask = site.channel.unary_unary("/regard.chat.v1.ChatService/GetRoom")
    code, _, info = await _refused(ask(b"\xff\xff\xff", metadata=site.signed_in()))
    assert (code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "RPC-13")


async def test_an_oversize_message_is_refused(site: Site) -> None:
    ask = site.channel.unary_unary("/regard.chat.v1.ChatService/GetRoom")
    code, sentence, info = await _refused(ask(b"\0" * (border.MAX_REQUEST_BYTES + 1), metadata=site.signed_in()))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RPC-12")
    assert str(border.MAX_REQUEST_BYTES) in sentence
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ask(b"\0" * (5 * border.MAX_REQUEST_BYTES), metadata=site.signed_in())
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await site.chat.GetRoom(GET, metadata=site.signed_in())


@pytest.mark.parametrize(("language", "words"), [("fr", "Il n’y a pas de salle 7."), ("en", "There is no room 7.")])
async def test_a_refusal_reaches_the_caller_in_their_language(site: Site, language: str, words: str) -> None:
    def refuse(_request: object) -> None:
        raise NO_ROOM(room="7")

    site.house.behaviour = refuse
    metadata = site.signed_in(("accept-language", language), ("x-request-id", "r-1"))
    code, sentence, info = await _refused(site.chat.GetRoom(GET, metadata=metadata))
    assert (code, sentence) == (grpc.StatusCode.NOT_FOUND, words)
    assert (info.reason, info.domain, info.metadata["request_id"]) == ("TST-01", "regard", "r-1")


async def test_a_refusal_out_of_a_task_group_is_a_refusal(site: Site) -> None:
    async def refuse() -> None:
        raise NO_ROOM(room="7")

    async def answer(_request: object) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(refuse())

    site.house.behaviour = answer
    _, _, info = await _refused(site.chat.GetRoom(GET, metadata=site.signed_in()))
    assert info.reason == "TST-01"


async def test_a_defect_tells_the_caller_nothing_and_the_log_no_content(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_request: object) -> None:
        raise ValueError(PLANTED)

    site.house.behaviour = fail
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    telemetry.configure_logs()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await site.chat.GetRoom(GET, metadata=site.signed_in(("x-request-id", "r-1"), ("accept-language", "en")))
    assert error.value.code() is grpc.StatusCode.INTERNAL
    assert error.value.details() == "Something went wrong on our side."
    info = info_of(error.value)
    assert (info.reason, info.metadata["request_id"]) == ("RPC-01", "r-1")
    told = repr(error.value) + repr(error.value.trailing_metadata())
    for secret in (PLANTED, "Traceback", "ValueError", ".py"):
        assert secret not in told
    log = written.getvalue()
    assert '"exception": "ValueError"' in log
    assert '"request_id": "r-1"' in log
    assert "in fail" in log or ":fail" in log
    assert PLANTED not in log


async def test_an_unknown_method_is_unimplemented(site: Site) -> None:
    ask = site.channel.unary_unary("/regard.chat.v1.ChatService/Destroy")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await ask(b"", metadata=site.signed_in())
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


# Deadlines and streams


async def test_a_call_without_deadline_gets_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(border, "DEFAULT_DEADLINE_S", 0.05)
    site.house.behaviour = lambda _request: asyncio.Event().wait()
    code, _, info = await _refused(site.chat.GetRoom(GET, metadata=site.signed_in()))
    assert (code, info.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "RPC-09")


async def test_a_timeout_of_the_services_own_is_a_defect_not_a_deadline(site: Site) -> None:
    def fail(_request: object) -> None:
        raise TimeoutError

    site.house.behaviour = fail
    code, _, info = await _refused(site.chat.GetRoom(GET, metadata=site.signed_in()))
    assert (code, info.reason) == (grpc.StatusCode.INTERNAL, "RPC-01")


async def _forever(_request: object) -> AsyncIterator[object]:
    await asyncio.Event().wait()
    yield chat_pb2.SubscribeResponse()


async def _endless(_request: object) -> AsyncIterator[object]:
    while True:
        yield chat_pb2.SubscribeResponse(cursor="x" * 100_000)


@pytest.mark.parametrize("behaviour", [_forever, _endless])
async def test_a_cancelled_stream_is_cleaned_up(site: Site, behaviour: Any) -> None:
    site.house.behaviour = behaviour
    stream = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    assert (await stream.read()).cursor == "first"
    assert not site.house.ended.is_set()
    stream.cancel()
    await asyncio.wait_for(site.house.ended.wait(), 60)


@pytest.mark.parametrize("behaviour", [_forever, _endless])
async def test_a_stopping_server_ends_streams_so_that_clients_resume(site: Site, behaviour: Any) -> None:
    site.house.behaviour = behaviour
    stream = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    assert (await stream.read()).cursor == "first"
    await asyncio.wait_for(site.house.begun.wait(), 60)
    stopping = asyncio.create_task(site.server.stop(5))
    code, _, info = await _refused(_drained(stream))
    assert (code, info.reason) == (grpc.StatusCode.UNAVAILABLE, "RPC-10")
    assert site.house.ended.is_set()
    await stopping


async def _drained(stream: Any) -> None:
    while await stream.read() is not grpc.aio.EOF:
        pass


async def test_a_call_in_progress_may_finish_while_the_server_stops(site: Site) -> None:
    go = asyncio.Event()

    async def answer(_request: object) -> object:
        await go.wait()
        return chat_pb2.GetRoomResponse()

    site.house.behaviour = answer
    call = asyncio.create_task(_asked(site))
    await asyncio.wait_for(site.house.begun.wait(), 60)
    stopping = asyncio.create_task(site.server.stop(5))
    await asyncio.sleep(0)
    go.set()
    await call
    await stopping


async def _asked(site: Site) -> object:
    return await site.chat.GetRoom(GET, metadata=site.signed_in())


async def test_one_person_has_so_many_streams_and_others_have_theirs(site: Site) -> None:
    site.house.behaviour = _forever
    subscribe = partial(site.chat.Subscribe, chat_pb2.SubscribeRequest())
    streams = [subscribe(metadata=site.signed_in()) for _ in range(MOST_STREAMS)]
    for stream in streams:
        assert (await stream.read()).cursor == "first"
    code, sentence, info = await _refused(_drained(subscribe(metadata=site.signed_in())))
    assert (code, info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "RPC-16")
    assert str(MOST_STREAMS) in sentence
    other = subscribe(metadata=site.signed_in(sub=ROOM))
    assert (await other.read()).cursor == "first"
    site.house.ended.clear()
    streams.pop().cancel()
    await asyncio.wait_for(site.house.ended.wait(), 60)
    again = subscribe(metadata=site.signed_in())
    assert (await again.read()).cursor == "first"
    for stream in (*streams, other, again):
        stream.cancel()


async def test_a_stream_ends_when_its_session_does(site: Site) -> None:
    async def after_the_end(_request: object) -> AsyncIterator[object]:
        site.revoked.add("s1")
        yield chat_pb2.SubscribeResponse(cursor="second")

    site.house.behaviour = after_the_end
    stream = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    assert (await stream.read()).cursor == "first"
    _, _, info = await _refused(stream.read())
    assert info.reason == "RPC-06"


async def test_a_stream_that_is_silent_ends_when_its_session_does_and_others_go_on(site: Site) -> None:
    async def silent(_request: object) -> AsyncIterator[object]:
        await go_on.wait()
        yield chat_pb2.SubscribeResponse(cursor="second")

    site.house.behaviour, go_on = silent, asyncio.Event()
    gone = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    stays = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in(sid="s2"))
    assert [(await stream.read()).cursor for stream in (gone, stays)] == ["first", "first"]
    site.revoked.add("s1")
    async with asyncio.timeout(30):
        code, _, info = await _refused(gone.read())
    assert (code, info.reason) == (grpc.StatusCode.UNAUTHENTICATED, "RPC-06")
    go_on.set()
    assert (await stays.read()).cursor == "second"


async def test_a_stream_can_be_refused_midway(site: Site) -> None:
    async def refuse(_request: object) -> AsyncIterator[object]:
        yield chat_pb2.SubscribeResponse(cursor="second")
        raise NO_ROOM(room="7")

    site.house.behaviour = refuse
    stream = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    assert [(await stream.read()).cursor for _ in range(2)] == ["first", "second"]
    code, _, info = await _refused(stream.read())
    assert (code, info.reason) == (grpc.StatusCode.NOT_FOUND, "TST-01")


# What a call carries


async def _context(site: Site, *metadata: tuple[str, str]) -> CommandContext:
    found: list[CommandContext] = []

    def keep(_request: object) -> object:
        found.append(rpc.command_context())
        return chat_pb2.GetRoomResponse()

    site.house.behaviour = keep
    await site.chat.GetRoom(GET, metadata=site.signed_in(*metadata))
    return found[0]


async def test_the_same_key_is_the_same_command(site: Site) -> None:
    first = await _context(site, ("idempotency-key", "k-1"), ("x-request-id", "r-1"))
    again = await _context(site, ("idempotency-key", "k-1"), ("x-request-id", "r-2"))
    other = await _context(site, ("idempotency-key", "k-2"))
    assert first.command_id == again.command_id != other.command_id
    assert (first.actor, first.correlation_id, again.correlation_id) == (PERSON, "r-1", "r-2")


async def test_without_a_key_every_call_is_a_command_of_its_own(site: Site) -> None:
    assert (await _context(site)).command_id != (await _context(site)).command_id


@pytest.mark.parametrize("key", ["", "a b", "x" * 129])
async def test_a_bad_key_is_refused(site: Site, key: str) -> None:
    site.house.behaviour = lambda _request: rpc.command_context()
    metadata = site.signed_in(("idempotency-key", key))
    _, _, info = await _refused(site.chat.GetRoom(GET, metadata=metadata))
    assert info.reason == "RPC-11"


async def test_the_same_key_of_another_person_is_another_command(site: Site) -> None:
    key = ("idempotency-key", "k-1")
    mine = await _context(site, key)
    found: list[CommandContext] = []
    site.house.behaviour = lambda _request: found.append(rpc.command_context()) or chat_pb2.GetRoomResponse()
    await site.chat.GetRoom(GET, metadata=site.signed_in(key, sub=ROOM))
    assert found[0].command_id != mine.command_id


async def test_tokens_are_waited_for_and_answered(site: Site) -> None:
    def write(_request: object) -> object:
        rpc.answer_token("regard.chat.events", f"room-{ROOM}", 7)
        return chat_pb2.GetRoomResponse()

    site.house.behaviour = write
    call = site.chat.GetRoom(
        GET, timeout=5, metadata=site.signed_in(("x-consistency-token", "a"), ("x-consistency-token", "b"))
    )
    await call
    ((service, tokens, limit_s),) = site.awaited
    assert (service, tokens) == ("chat", "a,b")
    assert 0 < limit_s < 6
    initial = dict(await call.initial_metadata())
    assert initial["x-consistency-token"]
    (token,) = consistency.decode(str(initial["x-consistency-token"]))
    assert (token.topic, token.stream, token.position) == ("regard.chat.events", f"room-{ROOM}", 7)


# Peers


async def test_a_refused_service_is_not_its_callers_fault(site: Site) -> None:
    """Its token is bad, with clocks that differ perhaps: whoever asked is told to try again."""
    strange = rpc.ServiceTokens(ECKey.generate_key("P-256"), "feed", site.clock)
    opened = rpc.Peers({"groups": f"127.0.0.1:{site.server.port}"}, strange)
    with pytest.raises(Refused) as refused:
        await opened.stub(groups_pb2_grpc.GroupInternalServiceStub).OpenDirectGroup(
            groups_pb2.OpenDirectGroupRequest(person_ids=[PERSON, ROOM], opened_by=PERSON)
        )
    await opened.close()
    assert refused.value.refusal is refusals.PEER_UNAVAILABLE


async def test_a_peer_gets_the_callers_token_and_all_that_the_call_carries(site: Site, peers: rpc.Peers) -> None:
    seen: list[dict[str, str]] = []

    def write(_request: object) -> object:
        call = current()
        assert call is not None
        seen.append(dict(call.metadata))
        rpc.answer_token("regard.chat.events", f"room-{ROOM}", 7)
        return chat_pb2.GetRoomResponse()

    site.house.behaviour = write
    me = rpc.Caller(PERSON, token=site.token())
    with rpc.acting(me, {"x-request-id": "r-1", "accept-language": "en", "x-consistency-token": "earlier"}) as call:
        await peers.stub(chat_pb2_grpc.ChatServiceStub).GetRoom(GET)
    assert site.house.callers[0].person_id == PERSON
    assert (seen[0]["x-request-id"], seen[0]["accept-language"]) == ("r-1", "en")
    assert seen[0]["x-consistency-token"] == "earlier"
    assert len(call.answer_tokens) == 1, "what a peer wrote is part of the answer"


async def test_internal_methods_are_called_as_a_service(site: Site, peers: rpc.Peers) -> None:
    request = groups_pb2.OpenDirectGroupRequest(person_ids=[PERSON, ROOM], opened_by=PERSON)
    with rpc.acting(rpc.Caller(PERSON, token=site.token())):
        response = await peers.stub(groups_pb2_grpc.GroupInternalServiceStub).OpenDirectGroup(request)
    assert response.group_id == ROOM
    (caller,) = site.house.callers
    assert (caller.service, caller.person_id, caller.actor) == ("feed", "", "service:feed")


async def test_a_peers_refusal_is_raised_under_its_id(site: Site, peers: rpc.Peers) -> None:
    def refuse(_request: object) -> None:
        raise NO_ROOM(room="7")

    site.house.behaviour = refuse
    with rpc.acting(rpc.Caller(PERSON, token=site.token())), pytest.raises(Refused) as refused:
        await peers.stub(chat_pb2_grpc.ChatServiceStub).GetRoom(GET)
    assert refused.value.refusal is NO_ROOM
    assert refused.value.params["room"] == "7"


async def test_a_peer_that_is_away_is_unavailable(site: Site, peers: rpc.Peers) -> None:
    await site.server.stop(0)
    with rpc.acting(rpc.Caller(PERSON, token=site.token())), pytest.raises(Refused) as refused:
        await peers.stub(chat_pb2_grpc.ChatServiceStub).GetRoom(GET, timeout=2)
    assert refused.value.refusal.id == "RPC-14"
    assert "chat" in refused.value.sentence("en")


async def test_a_peer_inherits_the_deadline(site: Site, peers: rpc.Peers) -> None:
    site.house.behaviour = lambda _request: asyncio.Event().wait()
    with rpc.acting(rpc.Caller(PERSON, token=site.token())) as call:
        call.deadline_s = asyncio.get_running_loop().time() + 0.05
        with pytest.raises(Refused) as refused:
            await peers.stub(chat_pb2_grpc.ChatServiceStub).GetRoom(GET)
    assert refused.value.refusal.id == "RPC-09"


async def test_closing_a_peers_stream_ends_it_there(site: Site, peers: rpc.Peers) -> None:
    site.house.behaviour = _forever
    with rpc.acting(rpc.Caller(PERSON, token=site.token())):
        stream = peers.stub(chat_pb2_grpc.ChatServiceStub).Subscribe(chat_pb2.SubscribeRequest())
        async with contextlib.aclosing(stream):
            assert (await anext(stream)).cursor == "first"
    await asyncio.wait_for(site.house.ended.wait(), 60)


async def test_a_peer_without_address_says_which_variable_to_set(peers: rpc.Peers) -> None:
    with pytest.raises(LookupError, match="REGARD_FEED_ADDRESS"):
        peers.stub(feed_pb2_grpc.FeedServiceStub)


# What is seen from outside


async def test_health_tells_whether_the_server_serves(site: Site) -> None:
    stub = health_pb2_grpc.HealthStub(site.channel)
    for name in ("", "regard.chat.v1.ChatService"):
        request = health_pb2.HealthCheckRequest(service=name)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await site.server.set_serving(True)
        assert (await stub.Check(request)).status == health_pb2.HealthCheckResponse.SERVING
        await site.server.set_serving(False)


async def test_reflection_lists_the_services(site: Site) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(site.channel)
    call = stub.ServerReflectionInfo(iter((reflection_pb2.ServerReflectionRequest(list_services=""),)))
    names = [service.name async for answer in call for service in answer.list_services_response.service]
    assert "regard.chat.v1.ChatService" in names


async def test_a_port_in_use_is_an_os_error(site: Site) -> None:
    with pytest.raises(OSError, match="can't listen"):
        rpc.RpcServer(site.server._border, f"127.0.0.1:{site.server.port}")


async def test_a_trace_goes_through_with_real_codes(
    site: Site, peers: rpc.Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(observation, "_tracer", provider.get_tracer("tests"))

    def refuse(_request: object) -> None:
        raise NO_ROOM(room=PLANTED)

    site.house.behaviour = refuse
    stub = peers.stub(chat_pb2_grpc.ChatServiceStub)
    with rpc.acting(rpc.Caller(PERSON, token=site.token())):
        with pytest.raises(Refused):
            await stub.GetRoom(GET)
        site.house.behaviour = lambda _request: 1 / 0
        with pytest.raises(Refused):
            await stub.GetRoom(GET)
    await site.server.stop(1)
    by_start = sorted(spans.get_finished_spans(), key=lambda span: span.start_time or 0)
    asked, refused, _, failed = by_start
    assert (asked.kind, refused.kind) == (trace.SpanKind.CLIENT, trace.SpanKind.SERVER)
    assert refused.parent is not None
    assert refused.parent.span_id == asked.context.span_id
    assert refused.attributes is not None
    assert refused.attributes["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert refused.status.status_code is trace.StatusCode.UNSET
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert PLANTED not in repr([span.to_json() for span in spans.get_finished_spans()])


async def test_the_span_of_a_cancelled_stream_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(observation, "_tracer", provider.get_tracer("tests"))
    site.house.behaviour = _forever
    stream = site.chat.Subscribe(chat_pb2.SubscribeRequest(), metadata=site.signed_in())
    await stream.read()
    stream.cancel()
    await asyncio.wait_for(site.house.ended.wait(), 60)
    await site.server.stop(0)
    (span,) = spans.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["rpc.grpc.status_code"] == grpc.StatusCode.CANCELLED.value[0]
