"""Rules hold when many decide at the same moment."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.common import contracts
from services.common.clock import system_clock
from services.common.codec import Codec
from services.common.database import Database
from services.common.decider import CommandContext
from services.common.errors import Refused
from services.common.eventstore import MemoryEventStore
from services.common.masterkey import MasterKey
from services.identity.keys import PersonKeys
from services.identity.organisation import Claim, GrantAdministration, RevokeAdministration
from services.identity.registry import Registry
from services.identity.vault import METADATA


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/vault.sqlite", tables=METADATA)
    keys = PersonKeys(database, MasterKey(bytes(32)), system_clock)
    yield Registry(MemoryEventStore(system_clock), Codec(contracts.event_files()), keys)
    await database.dispose()


def by(actor: str) -> CommandContext:
    return CommandContext(uuid.uuid4(), actor=actor, correlation_id="")


async def test_administrators_who_remove_one_another_leave_one(registry: Registry) -> None:
    people = ["ada", "bob", "cy", "dee"]
    await registry.administer(Claim("ada"), by(""))
    for person in people:
        await registry.administer(GrantAdministration(person, "ada"), by("ada"))
    results = await asyncio.gather(
        *(registry.administer(RevokeAdministration(person, "ada"), by("ada")) for person in people),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, Refused)]
    assert [one.refusal.id for one in refused] == ["IDN-08"]
    assert len(await registry.administrators()) == 1


async def test_of_simultaneous_claims_of_an_address_all_learn_who_has_it(registry: Registry) -> None:
    owners = await asyncio.gather(*(registry.claim("hash", person, by("ada")) for person in ("ada", "bob", "cy")))
    assert set(owners) == {await registry.owner("hash")}


async def test_of_simultaneous_claims_of_the_installation_one_wins(registry: Registry) -> None:
    results = await asyncio.gather(
        *(registry.administer(Claim(person), by("")) for person in ("ada", "bob", "cy")), return_exceptions=True
    )
    assert sorted(result.refusal.id for result in results if isinstance(result, Refused)) == ["IDN-12", "IDN-12"]
