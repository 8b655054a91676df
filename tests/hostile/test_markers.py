"""What is confidential stays where it is sealed: words that are nowhere else in the world are written into everything
confidential and into every kind of call that fails, and then looked for in every log, trace, measure, refusal, record
of Kafka, file, and in the memory of the event store; in the middle, everything is killed.

The search is shown to work by words in the same calls that are not confidential, and have to be found.
"""

import base64
import random
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.common import contracts
from tests.hostile.searching import Search, forms
from tests.hostile.sink import trace_sink
from tests.hostile.stage import PASSWORD, UNKNOWN, Person, Scene, Stage
from tests.product import Product, free_port

pytestmark = [pytest.mark.timeout(400), pytest.mark.slow]

LARGE = 1_300_000


def test_the_search_finds_a_word_in_every_form() -> None:
    """Otherwise nothing that it does not find would mean anything."""
    word = "zqbvxkrtpwnm"
    search = Search({"it": word})
    assert search.within(b"nothing of the kind") == set()
    for before in ("", "a", "ab", "abc"):
        text = f"{before}{word} and more"
        for name, content in {
            "UTF-8": text.encode(),
            "UTF-16": text.encode("utf-16-be"),
            "UTF-32": text.encode("utf-32-le"),
            "hex": text.encode().hex().upper().encode(),
            "backwards": text[::-1].encode(),
            "base64": base64.b64encode(text.encode()),
            "compressed": b"x" + zlib.compress(text.encode()) + b"y",
        }.items():
            assert any(name in one for one in search.within(content)), (name, before)
    assert len(forms(word)) == 11


@dataclass
class Site:
    """The event store in a process of its own, everything else in another; what they told to whom."""

    store: Product
    product: Product
    stage: Stage
    traces: list[bytes]
    metrics_port: int
    seed: int
    refusals: list[str] = field(default_factory=list)

    @property
    def bootstrap(self) -> str:
        found = re.search(r"Kafka: in this process.*\((.+)\)", self.product.out.read_text())
        assert found
        return found[1]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    seed, metrics = random.randrange(2**32), free_port()
    print(f"seed {seed}")
    with ExitStack() as stack:
        url, traces = stack.enter_context(trace_sink())
        tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        store = Product(
            tmp_path / "store",
            "eventstore",
            REGARD_LOG_LEVEL="debug",
            REGARD_EVENTSTORE_PORT=str(free_port()),
            **tracing,
        )
        stack.callback(store.close)
        store.ready()
        uri = re.search(r"\((.+)\)", store.out.read_text())
        assert uri
        product = Product(
            tmp_path / "rest", "all", REGARD_EVENTSTORE_URI=uri[1], REGARD_LOG_LEVEL="debug",
            REGARD_ACCESS_LOG="true", REGARD_METRICS_PORT=str(metrics), **tracing,
        )  # fmt: skip
        stack.callback(product.close)
        yield Site(store, product, Stage(product, seed), traces, metrics, seed)


async def test_no_marker_is_found_anywhere(site: Site) -> None:
    stage, store, product = site.stage, site.store, site.product
    scene = Scene.of(stage)
    secrets = scene.secrets | _more_secrets(stage)
    told = {"client": stage.word(), "request": ""}
    _speak(site, scene, secrets, told)
    seen = scene.seen()
    _fail(site, scene, secrets)
    found: dict[str, Any] = {}
    search, known = Search(secrets, stage.mark), Search({"client": told["client"]})

    records = await _records(site.bootstrap)
    found["Kafka"] = search.within(records)
    found["memory of the event store"] = search.in_memory(store.child.pid)
    measures = _measures(site)
    found["measures"] = search.within(measures)
    assert known.within(records), "the search sees what lies in Kafka"
    assert known.in_memory(store.child.pid), "and in the memory of the event store"
    assert b"SendMessage" in measures

    product.until(lambda: told["request"] in (product.data / "gateway" / "envoy.log").read_text())
    # kill -9 of both; what they leave, and how they start from it.
    product.kill()
    store.child.kill()
    store.child.wait()
    found["files after kill -9"] = search.under([store.folder, product.folder])
    store.start_again()
    product.start_again()
    assert scene.seen() == seen, "they said the same after"
    _fail(site, scene, secrets)
    assert product.stop() == 0
    assert store.stop() == 0
    found["files in the end"] = search.under([store.folder, product.folder])
    assert any("eventstore" in path for path in known.under([store.folder])), "and in files"

    spans = b"\n".join(site.traces)
    found["traces"] = search.within(spans)
    assert b"ChatService/SendMessage" in spans
    assert told["request"].encode() in spans
    found["refusals"] = [refusal for refusal in site.refusals if search.within(refusal.encode())]
    assert len(site.refusals) > 50
    assert {where: what for where, what in found.items() if what} == {}


def _measures(site: Site) -> bytes:
    ports = (site.metrics_port, site.metrics_port + 1)
    return b"".join(httpx.get(f"http://127.0.0.1:{port}/metrics").content for port in ports)


def _more_secrets(stage: Stage) -> dict[str, str]:
    names = ("name", "function", "site", "email", "password", "wrong", "hostile")
    return {name: stage.secret() for name in names}


def _speak(site: Site, scene: Scene, secrets: dict[str, str], told: dict[str, str]) -> None:
    """What goes well, and is confidential: people, texts, ledgers, streams. Notes one request that has to be traced."""
    stage, moderator, member = site.stage, scene.people["moderator"], scene.people["member"]
    email = f"{secrets['email']}@hostile.example"
    profile = {name: secrets[name] for name in ("name", "function", "site")} | {"email": email}
    credentials = {"password": f"{PASSWORD} {secrets['password']}"}
    stage.call(stage.admin, "/v1/people:provision", {"profile": profile, **credentials})
    signed = stage.call(None, "/v1/auth:signIn", {"email": email, **credentials, "client": told["client"]})
    secrets |= {"refresh token": signed["tokens"]["refreshToken"][-24:]}
    person = Person(signed["person"]["id"], email, signed["tokens"]["accessToken"])
    secrets |= {"signature of a token": person.token[-40:]}
    stage.until_served(person, f"/v1/people?query={secrets['function']}")
    group, room, post = (scene.ids[name] for name in ("group", "room", "post"))
    stage.call(moderator, f"/v1/groups/{group}:addGuest", {"personId": person.id, "until": "2027-01-01T00:00:00Z"})
    stage.until_served(person, f"/v1/rooms/{room}")
    for path in (f"/v1/rooms/{room}/messages", f"/v1/groups/{group}/posts", f"/v1/posts/{post}", "/v1/feed"):
        stage.call(person, path)
    body = {"body": f"@{secrets['name']} {secrets['message']}", "mentionedIds": [person.id]}
    with stage.client(member) as client, client.stream("GET", "/v1/rooms:subscribe") as stream:
        lines = stream.iter_lines()
        next(lines)
        sent = client.post(f"/v1/rooms/{room}/messages", json=body)
        assert sent.is_success
        told["request"] = sent.headers["x-request-id"]
        while secrets["message"] not in next(lines):
            pass
    message = sent.json()["messageId"]
    stage.call(member, f"/v1/rooms/{room}/messages/{message}:edit", {"body": secrets["answer"]})
    stage.call(member, f"/v1/rooms/{room}/messages/{message}:withdraw", {})
    stage.call(moderator, f"/v1/groups/{group}:rename", {"name": secrets["group"], "purpose": secrets["purpose"]})
    with stage.client(moderator) as client:
        file = stage.file(member, group, secrets["answer"])
        stage.product.until(lambda: client.get(f"/v1/files/{file}:download").is_success)
    stage.call(moderator, f"/v1/groups/{group}/files")
    stage.call(moderator, f"/v1/groups/{group}/accesses")
    stage.call(moderator, f"/v1/groups/{group}:whoCanSee")
    with httpx.Client(base_url=stage.url, follow_redirects=True) as browser:
        browser.get("/")  # the page is a client too


def _fail(site: Site, scene: Scene, secrets: dict[str, str]) -> None:
    """Every kind of refusal of a call that carries something confidential."""
    stage, word = site.stage, secrets["hostile"]
    everything = " ".join(secrets.values())
    ids = [scene.ids, scene.ids | dict.fromkeys(("group", "room", "post", "message", "comment", "file"), UNKNOWN)]
    tokens = [word, stage.forger.unsigned(scene.ids["member"])]
    people = [scene.people[name] for name in ("outsider", "removed", "guest", "auditor", "member")]
    tokens += [stage.forger.signed(person.id) for person in people]
    callers = [{}, *({"authorization": f"Bearer {token}"} for token in tokens)]
    with httpx.Client(base_url=stage.url, timeout=60) as client:
        for headers in callers:
            for named in ids:
                for path, body in _requests(named, everything):
                    _note(site, client.post(path, json=body, headers=headers))
            rooms = f"/v1/rooms/{scene.ids['room']}/messages"
            json_ = headers | {"content-type": "application/json"}
            for content in (
                b'{"body": "' + everything.encode(),
                b'{"body": "' + everything.encode() + b' \xff"}',
                b'{"body": {"x": "' + everything.encode() + b'"}}',
                b'{"bodyy' + everything.encode() + b'": 1}' * 2,
                f'{{"body": "{"x" * LARGE}{everything}"}}'.encode(),
                f'{{"body": "{"x" * 2 * LARGE}{everything}"}}'.encode(),
            ):
                _note(site, client.post(rooms, content=content, headers=json_))
            for params in ({"page.token": word}, {"page.size": "many"}, {"unknown": "x"}, {"before": "soon"}):
                _note(site, client.get(rooms, params=params, headers=headers))
            for name in ("idempotency-key", "x-consistency-token", "x-request-id", "traceparent", word):
                _note(site, client.post(rooms, json={"body": ""}, headers=headers | {name: f"{word} {word}"}))
            for path in ("/v1/unknown", "/v1/rooms/unknown", "/unknown", "/v1/groups/unknown:unknown"):
                _note(site, client.post(path, json={"body": word}, headers=headers))
        for password in (secrets["wrong"], ""):
            credentials = {"email": f"{secrets['email']}@hostile.example", "password": password}
            _note(site, client.post("/v1/auth:signIn", json=credentials))
        _note(site, client.post("/v1/auth:refresh", json={"refreshToken": word}))
        claim = {"code": word, "profile": {"name": word, "email": f"{word}@x.example"}, "password": word}
        _note(site, client.post("/v1/auth:claimInstallation", json=claim))


_NO_SHA = base64.b64encode(bytes(32)).decode()


def _requests(ids: dict[str, str], text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Calls that write, each wrong in something even for a member, so that nothing comes of any."""
    group, room, post = ids["group"], ids["room"], ids["post"]
    text_and_stranger = {"body": text, "mentionedIds": [UNKNOWN]}
    yield f"/v1/rooms/{room}/messages", text_and_stranger
    yield f"/v1/rooms/{room}/messages", {"body": text, "replyToId": UNKNOWN}
    yield f"/v1/rooms/{room}/messages", {"body": text * 200}
    yield f"/v1/rooms/{room}/messages/{UNKNOWN}:edit", {"body": text}
    yield f"/v1/groups/{group}/posts", text_and_stranger
    yield f"/v1/posts/{post}:edit", text_and_stranger
    yield f"/v1/posts/{post}/comments", text_and_stranger
    yield f"/v1/posts/{UNKNOWN}/comments", {"body": text}
    yield f"/v1/groups/{group}/files", {"uploadId": UNKNOWN, "name": text[:200], "mediaType": "x/y", "sha256": _NO_SHA}
    yield f"/v1/groups/{group}/files", {"uploadId": text, "name": text * 9, "mediaType": text}
    yield f"/v1/groups/{group}/uploads/{UNKNOWN}/parts/999", {"data": base64.b64encode(text.encode()).decode()}
    yield f"/v1/groups/{group}/rooms", {"name": text}
    yield f"/v1/groups/{group}:rename", {"name": text[:100], "purpose": text * 2}
    yield f"/v1/groups/{group}:delete", {"name": text[:100]}
    yield "/v1/groups", {"name": text, "purpose": text}
    yield "/v1/groups:import", {"externalId": "x", "name": text[:100], "purpose": text}


def _note(site: Site, answer: httpx.Response) -> None:
    assert answer.status_code >= 400, f"{answer.request.url}: {answer.text}"
    assert answer.status_code < 500, answer.text
    site.refusals.append(f"{answer.headers}\n{answer.text}")


async def _records(bootstrap: str) -> bytes:
    """Every record of every topic: keys, headers, values."""
    parts = [TopicPartition(one.topic, part) for one in contracts.event_files() for part in range(one.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        await consumer.seek_to_beginning(*parts)
        found = []
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    headers = b" ".join(name.encode() + b"=" + value for name, value in record.headers)
                    found.append(b"\n".join((record.key or b"", record.value or b"", headers)))
        assert len(found) > 50
        return b"\n".join(found)
    finally:
        await consumer.stop()
