"""Where the hostile calls happen: a running product, its people, and a confidential group with secrets in it."""

import hashlib
import json
import random
import uuid
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import httpx

from tests.hostile.forging import Forger
from tests.product import Product

PASSWORD = "a long enough password"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
CONFIDENTIAL = {
    "level": "LEVEL_CONFIDENTIAL", "join": "JOIN_POLICY_ON_REQUEST", "guestsAllowed": True, "retentionDays": 30,
    "readers": "READERS_SHOWN_EVERYONE_BY_NAME",
}  # fmt: skip
GUEST_STAYS = timedelta(seconds=4)


@dataclass(frozen=True)
class Person:
    """Someone with an account."""

    id: str
    email: str
    token: str


class Stage:
    """A product that somebody has claimed. `seed` decides every secret word."""

    def __init__(self, product: Product, seed: int) -> None:
        self.product, self.url = product, product.ready()
        self.draw = random.Random(seed)
        self.mark = self.word()
        """With it begins every secret word, and nothing else in the world."""
        self.admin = self._claim()
        self._made = 0

    @cached_property
    def forger(self) -> Forger:
        """Whoever has stolen this installation's keys."""
        return Forger.of(self.product.data)

    @cached_property
    def behind(self) -> dict[str, str]:
        """host:port of each service itself, where only the gateway should call."""
        text = (self.product.data / "gateway" / "envoy.json").read_text()
        found = {}
        for cluster in json.loads(text)["static_resources"]["clusters"]:
            endpoint = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]
            address = endpoint["address"]["socket_address"]
            found[cluster["name"]] = f"{address['address']}:{address['port_value']}"
        return found

    @property
    def target(self) -> str:
        """host:port of the gateway."""
        return self.url.removeprefix("http://")

    def word(self) -> str:
        """A word that is nowhere else in the world."""
        return "zq" + "".join(self.draw.choices("bcdfghjklmnpqrstvwxz", k=10))

    def secret(self) -> str:
        """A word for something confidential."""
        return self.mark + self.word()

    @contextmanager
    def client(self, person: Person | None) -> Iterator[httpx.Client]:
        """Calls in JSON as a person."""
        headers = {"authorization": f"Bearer {person.token}"} if person else {}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60) as client:
            yield client

    def call(self, person: Person | None, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What is answered in JSON: to a POST with a body, to a GET without. It has to be answered well."""
        with self.client(person) as client:
            answer = client.get(path) if body is None else client.post(path, json=body)
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    def file(self, person: Person, group: str, secret: str) -> str:
        """A file that has the secret as its name and its content; its id."""
        data, upload = secret.encode(), str(uuid.uuid4())
        part = {"data": b64encode(data).decode()}
        self.call(person, f"/v1/groups/{group}/uploads/{upload}/parts/0", part)
        digest = b64encode(hashlib.sha256(data).digest()).decode()
        said = {"uploadId": upload, "name": f"{secret}.txt", "mediaType": "text/plain", "sha256": digest}
        added = self.call(person, f"/v1/groups/{group}/files", {**said, "size": str(len(data))})
        return str(added["file"]["id"])

    def until_served(self, person: Person, path: str) -> Any:
        """Waits until a GET is answered well, as it has to be after a write."""
        found: list[Any] = []

        def served() -> bool:
            with self.client(person) as client:
                answer = client.get(path)
            found[:] = [answer.json()] if answer.is_success else []
            return bool(found)

        self.product.until(served)
        return found[0]

    def person(self, *roles: str) -> Person:
        """A new colleague, signed in."""
        self._made += 1
        email = f"p{self._made}@hostile.example"
        profile = {"name": f"Person {self._made}", "email": email}
        made = self.call(self.admin, "/v1/people:provision", {"profile": profile, "password": PASSWORD})
        for role in roles:
            self.call(self.admin, f"/v1/people/{made['person']['id']}:grantRole", {"role": role})
        return Person(made["person"]["id"], email, self.sign_in(email))

    def sign_in(self, email: str) -> str:
        """An access token."""
        answer = self.call(None, "/v1/auth:signIn", {"email": email, "password": PASSWORD, "client": "hostile"})
        return str(answer["tokens"]["accessToken"])

    def _claim(self) -> Person:
        profile = {"name": "Ada Min", "email": "admin@hostile.example"}
        body = {"code": self.product.code, "profile": profile, "password": PASSWORD}
        made = self.call(None, "/v1/auth:claimInstallation", body)
        return Person(made["person"]["id"], profile["email"], self.sign_in(profile["email"]))


@dataclass
class Scene:
    """A confidential group: who is in it, who was, who never was, and what is said in it.

    `secrets` are the words that nobody else may get; `ids` name everything, as the table's requests do.
    """

    stage: Stage
    people: dict[str, Person] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stage: Stage) -> "Scene":
        """With everyone and everything in place: the guest's time is over, and the removed member is gone."""
        scene = cls(stage)
        scene.people["admin"] = stage.admin
        for name in ("moderator", "member", "spare", "leaver", "removed", "guest", "outsider", "newcomer", "joiner"):
            scene.people[name] = stage.person()
        scene.people["auditor"] = stage.person("ROLE_AUDITOR")
        for name in ("group", "purpose", "room", "message", "answer", "direct", "post", "comment", "edit", "file"):
            scene.secrets[name] = stage.secret()
        scene._found()
        scene._write()
        scene._send_away()
        scene.ids |= {name: person.id for name, person in scene.people.items()}
        provisioner = stage.call(stage.admin, "/v1/provisioners", {"name": "directory"})
        scene.ids["provisioner"] = provisioner["provisioner"]["id"]
        return scene

    def seen(self) -> Any:
        """Everything that a member sees of the group, to be compared before and after."""
        group, room, post = (self.ids[name] for name in ("group", "room", "post"))
        paths = (
            f"/v1/groups/{group}", f"/v1/groups/{group}/members", f"/v1/groups/{group}/rules",
            f"/v1/groups/{group}:whoCanSee", f"/v1/rooms?group_id={group}", f"/v1/rooms/{room}/messages",
            f"/v1/groups/{group}/posts", f"/v1/posts/{post}", f"/v1/posts/{post}/comments",
            f"/v1/groups/{group}/files",
        )  # fmt: skip
        return {path: self.stage.call(self.people["moderator"], path) for path in paths}

    def _found(self) -> None:
        moderator, call = self.people["moderator"], self.stage.call
        body = {"name": self.secrets["group"], "purpose": self.secrets["purpose"], "rules": CONFIDENTIAL}
        group = self.ids["group"] = call(moderator, "/v1/groups", body)["group"]["id"]
        for name in ("member", "spare", "leaver", "removed", "newcomer", "joiner"):
            call(moderator, f"/v1/groups/{group}:invite", {"personId": self.people[name].id})
        for name in ("member", "spare", "leaver", "removed"):
            call(self.people[name], f"/v1/groups/{group}:accept", {})
        opened = call(moderator, f"/v1/groups/{group}/rooms", {"name": self.secrets["room"]})
        self.ids["room"] = opened["room"]["id"]

    def _write(self) -> None:
        member, call = self.people["member"], self.stage.call
        group, room = self.ids["group"], self.ids["room"]
        mentions = {"mentionedIds": [self.people["removed"].id]}
        self.stage.until_served(member, f"/v1/rooms/{room}")
        body = {"body": self.secrets["message"], **mentions}
        message = self.ids["message"] = call(member, f"/v1/rooms/{room}/messages", body)["messageId"]
        with self.stage.client(self.people["removed"]) as client:
            answer = {"body": self.secrets["answer"], "replyToId": message}
            self.stage.product.until(lambda: client.post(f"/v1/rooms/{room}/messages", json=answer).is_success)
        post = call(member, f"/v1/groups/{group}/posts", {"body": self.secrets["edit"], **mentions})["post"]["id"]
        call(member, f"/v1/posts/{post}:edit", {"body": self.secrets["post"]})
        comment = call(member, f"/v1/posts/{post}/comments", {"body": self.secrets["comment"], **mentions})
        self.ids |= {"post": post, "comment": comment["comment"]["id"]}
        self.ids["file"] = self.stage.file(member, group, self.secrets["file"])
        two = call(member, "/v1/rooms:openDirect", {"personIds": [self.people["moderator"].id]})["room"]
        self.ids |= {"direct": two["id"], "direct_group": two["groupId"]}
        said = call(member, f"/v1/rooms/{two['id']}/messages", {"body": self.secrets["direct"]})
        self.ids["direct_message"] = said["messageId"]

    def _send_away(self) -> None:
        """Both have read everything before, so that they are really sent away, and know what to ask for."""
        moderator, call = self.people["moderator"], self.stage.call
        group, messages = self.ids["group"], f"/v1/rooms/{self.ids['room']}/messages"
        end = datetime.now(UTC) + GUEST_STAYS
        until = {"personId": self.people["guest"].id, "until": end.isoformat()}
        call(moderator, f"/v1/groups/{group}:addGuest", until)
        for name in ("removed", "guest"):
            read = self.stage.until_served(self.people[name], messages)
            assert self.secrets["message"] in json.dumps(read), name
            with self.stage.client(self.people[name]) as client:
                self.stage.product.until(lambda c=client: self.secrets["post"] in c.get("/v1/feed").text)
        call(moderator, f"/v1/groups/{group}:remove", {"personId": self.people["removed"].id})
        with self.stage.client(self.people["removed"]) as client:
            assert client.get(messages).status_code == 404, "no read after removal"
        with self.stage.client(self.people["guest"]) as client:
            # First refused for the end of their time, then, once it is written down, as anyone.
            while (answer := client.get(messages)).status_code != 404:
                late = datetime.now(UTC) > end + timedelta(seconds=1)
                assert not (late and answer.is_success), "no read after a guest's end"
        self.stage.product.until(lambda: self._members() == 4)
        call(self.people["spare"], messages)
        self.stage.product.until(self._is_proved)

    def _is_proved(self) -> bool:
        """Whether the reading of one who is still there has its receipt; its id is noted."""
        accesses = f"/v1/groups/{self.ids['group']}/accesses"
        with self.stage.client(self.people["spare"]) as client:
            for entry in client.get(accesses).json()["entries"]:
                if entry["readerId"] == self.people["spare"].id:
                    self.ids["access"] = entry["accessId"]
            return "access" in self.ids and client.get(f"{accesses}/{self.ids['access']}/receipt").is_success

    def _members(self) -> int:
        answer = self.stage.call(self.people["moderator"], f"/v1/groups/{self.ids['group']}/members")
        return len(answer["members"])
