"""Fills an empty installation with the demonstration company, as a client of the gateway like any other.

Every step takes its identifiers from the company itself, so that a seeding that was cut short goes on where it stopped.
What it leaves behind is `demonstration.json` in the data folder, readable by its owner only: who there is, and the one
password that all of them share. Nothing of the kind exists outside a demonstration.
"""

import asyncio
import json
import os
import secrets
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1.audit_pb2 import ListAccessesRequest, SearchAccessesRequest
from regard.chat.v1.chat_pb2 import ImportMessagesRequest, ImportRoomRequest, ListMessagesRequest
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, PURPOSE_INTERNAL_AUDIT
from regard.feed.v1.feed_pb2 import PublishPostRequest
from regard.groups.v1.groups_pb2 import ImportGroupRequest
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_NEVER,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    JOIN_POLICY_ON_REQUEST,
    Rules,
)
from regard.identity.v1.identity_pb2 import (
    ClaimInstallationRequest,
    GrantRoleRequest,
    Profile,
    ProvisionPersonRequest,
)

from regard_client.client import AsyncRegard
from regard_client.errors import RegardError
from regard_client.importers.report import patiently
from regard_client.session import Session
from services.demo.company import ADMINISTRATOR, DOMAIN, NAME, PEOPLE, TEAMS, Colleague, Team

FILE = "demonstration.json"
AT_ONCE = 6
_CODE_ATTEMPTS, _CODE_PAUSE_S = 50, 0.2
Tell = Callable[[str], None]
Item = TypeVar("Item")


async def seed(url: str, data: Path, code_file: Path, tell: Tell) -> None:
    """Makes the company, or finishes making it. `code_file`: of an unclaimed installation. Raises RegardError."""
    file = data / FILE
    known = _read(file)
    if known.get("complete"):
        if known.get("url") != url:
            _write(file, known | {"url": url})
        return
    password = str(known.get("password") or secrets.token_urlsafe(12))
    # Written before anything is made: a password that nobody knows would lock the company out of itself.
    _write(file, _company(url, password, complete=False))
    administrator = AsyncRegard(url, session=Session(client="demonstration"))
    try:
        await _first_account(administrator, password, code_file)
        ids = await _people(administrator, password, tell)
        rooms = await _teams(administrator, ids, tell)
    finally:
        await administrator.close()
    await _voices(url, password, ids, rooms, tell)
    _write(file, _company(url, password, complete=True))


async def _first_account(regard: AsyncRegard, password: str, code_file: Path) -> None:
    try:
        await patiently(lambda: regard.sign_in(ADMINISTRATOR.email, password))
    except RegardError as error:
        code = await _code(code_file) if error.kind == "UNAUTHENTICATED" else ""
        if not code:
            raise
        claim = ClaimInstallationRequest(code=code, profile=_profile(ADMINISTRATOR), password=password)
        await regard.auth.ClaimInstallation(claim)
        await regard.sign_in(ADMINISTRATOR.email, password)


async def _code(file: Path) -> str:
    """The code of an unclaimed installation, which identity writes when all is ready; empty if it is claimed."""
    for _ in range(_CODE_ATTEMPTS):
        if code := await asyncio.to_thread(_text, file):
            return code
        await asyncio.sleep(_CODE_PAUSE_S)
    return ""


def _text(file: Path) -> str:
    return file.read_text() if file.exists() else ""


async def _people(regard: AsyncRegard, password: str, tell: Tell) -> dict[str, str]:
    tell(f"{NAME}: {len(PEOPLE)} people")

    async def one(colleague: Colleague) -> tuple[str, str]:
        request = ProvisionPersonRequest(profile=_profile(colleague), password=password)
        person = (await regard.people.ProvisionPerson(request)).person
        if colleague.role and colleague.role not in person.roles:
            await regard.people.GrantRole(GrantRoleRequest(person_id=person.id, role=colleague.role))
        return colleague.key, person.id

    return dict(await _gathered(one(colleague) for colleague in PEOPLE))


async def _teams(regard: AsyncRegard, ids: dict[str, str], tell: Tell) -> dict[str, tuple[str, str]]:
    tell(f"{NAME}: {len(TEAMS)} groups and what they said")
    now = datetime.now(UTC)

    async def one(team: Team) -> tuple[str, tuple[str, str]]:
        request = ImportGroupRequest(
            external_id=f"{DOMAIN}:{team.key}",
            name=team.name,
            purpose=team.purpose,
            rules=_rules(team),
            moderator_ids=[ids[key] for key in team.moderators],
            member_ids=[ids[key] for key in team.members if key not in team.moderators],
        )
        group_id = (await regard.groups.ImportGroup(request)).group_id
        room = ImportRoomRequest(group_id=group_id, external_id=f"{DOMAIN}:{team.key}", name=team.name)
        room_id = (await regard.chat.ImportRoom(room)).room_id
        messages = [
            ImportMessagesRequest.ImportedMessage(
                external_id=f"{team.key}/{number}",
                author_id=ids[author],
                body=text,
                written_at=_timestamp(now - timedelta(hours=hours_ago)),
            )
            for number, (author, hours_ago, text) in enumerate(team.chat)
        ]
        await regard.chat.ImportMessages(ImportMessagesRequest(room_id=room_id, source=DOMAIN, messages=messages))
        return team.key, (group_id, room_id)

    return dict(await _gathered(one(team) for team in TEAMS))


async def _voices(url: str, password: str, ids: dict[str, str], rooms: dict[str, tuple[str, str]], tell: Tell) -> None:
    """Posts, then looks: so that the ledgers have something to tell from the first minute."""
    tell(f"{NAME}: posts, and the first looks")
    by_key = {colleague.key: colleague for colleague in PEOPLE}
    acting = {author for team in TEAMS for author, _ in team.posts} | {"leo", "awa", "p01"}
    voices: dict[str, AsyncRegard] = {}
    try:
        for key in sorted(acting):
            voices[key] = AsyncRegard(url, session=Session(client="demonstration"))
            await voices[key].sign_in(by_key[key].email, password)
        for team in TEAMS:
            for number, (author, text) in enumerate(team.posts):
                await voices[author].feed.PublishPost(
                    PublishPostRequest(group_id=rooms[team.key][0], body=text),
                    metadata=(("idempotency-key", f"{DOMAIN}/{team.key}/{number}"),),
                )
        group_id, room_id = rooms["ligne2"]
        for key in ("leo", "p01"):
            await voices[key].chat.ListMessages(ListMessagesRequest(room_id=room_id))
        await voices["leo"].ledger.ListAccesses(
            ListAccessesRequest(scope=ListAccessesRequest.SCOPE_GROUP, group_id=group_id)
        )
        await voices["awa"].audit.SearchAccesses(
            SearchAccessesRequest(
                group_ids=[group_id, rooms["horizon"][0]],
                purpose=PURPOSE_INTERNAL_AUDIT,
                purpose_reference="2026-14",
            )
        )
    finally:
        for voice in voices.values():
            await voice.close()


async def _gathered(todo: Iterable[Awaitable[Item]]) -> list[Item]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(step: Awaitable[Item]) -> Item:
        async with gate:
            return await step

    return await asyncio.gather(*(one(step) for step in todo))


def _rules(team: Team) -> Rules:
    join = {LEVEL_OPEN: JOIN_POLICY_ANYONE, LEVEL_CONFIDENTIAL: JOIN_POLICY_BY_INVITATION}
    return Rules(
        level=team.level,
        join=join.get(team.level, JOIN_POLICY_ON_REQUEST),
        readers=team.readers,
        discoverable=team.level != LEVEL_CONFIDENTIAL,
        break_glass=BREAK_GLASS_NEVER,
    )


def _profile(colleague: Colleague) -> Profile:
    return Profile(
        name=colleague.name,
        email=colleague.email,
        function=colleague.function,
        site=colleague.site,
        hierarchical_level=colleague.level,
        language="fr",
    )


def _company(url: str, password: str, *, complete: bool) -> dict[str, object]:
    people = [
        {
            "key": colleague.key,
            "name": colleague.name,
            "email": colleague.email,
            "about": colleague.about_en or f"{colleague.function}, {colleague.site}",
            "about_fr": colleague.about_fr,
            "about_en": colleague.about_en,
        }
        for colleague in PEOPLE
    ]
    return {"url": url, "company": NAME, "password": password, "people": people, "complete": complete}


def _read(file: Path) -> dict[str, object]:
    try:
        read = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(file: Path, company: dict[str, object]) -> None:
    fresh = file.with_suffix(".new")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        json.dump(company, opened, ensure_ascii=False, indent=1)
        opened.flush()
        os.fsync(opened.fileno())
    fresh.replace(file)


def _timestamp(at: datetime) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(at)
    return moment
