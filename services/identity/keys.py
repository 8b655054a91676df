"""One key per person, and the pepper of address hashes; both kept wrapped by the master key.

A key that was given out is never replaced: what was sealed with it opens as long as it is there. Of whoever was erased
a row without a key stays, so that they never get another.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from services.common.clock import Clock
from services.common.database import Database
from services.common.ids import new_id
from services.common.masterkey import MasterKey
from services.common.sealing import DataKey, new_data_key
from services.identity.address import hashed
from services.identity.refusals import ERASED
from services.identity.vault import PERSON_KEYS, SECRETS

_PEPPER = "address-pepper"
_AT_ONCE = 500


class PersonKeys:
    """Makes and finds the keys that profiles and password hashes are sealed with."""

    def __init__(self, vault: Database, master_key: MasterKey, clock: Clock) -> None:
        self._vault = vault
        self._master_key = master_key
        self._clock = clock

    async def ensure(self, person_id: str) -> DataKey:
        """The person's key, made and durable if there was none. Raises Refused (IDN-26) for whoever was erased."""
        fresh = new_data_key(person_id, new_id(self._clock))
        wrapped = self._master_key.wrap(person_id, fresh.key_id, fresh.secret)
        row = {"person_id": person_id, "key_id": fresh.key_id, "wrapped": wrapped}
        query = sa.select(PERSON_KEYS).where(PERSON_KEYS.c.person_id == person_id)
        async with self._vault.begin() as transaction:
            await transaction.execute(insert(PERSON_KEYS).values(row).on_conflict_do_nothing())
            kept = (await transaction.execute(query)).one()
        if not kept.wrapped:
            raise ERASED()
        return self._unwrapped(kept)

    async def find(self, person_ids: Collection[str]) -> dict[str, DataKey]:
        """The keys of those who have one: nobody whose key was destroyed."""
        return {person_id: key for person_id, key in (await self.held(person_ids)).items() if key}

    async def held(self, person_ids: Collection[str]) -> dict[str, DataKey | None]:
        """The keys as `check_keys` asks for them: None for whoever was erased."""
        found: dict[str, DataKey | None] = {}
        async with self._vault.read() as connection:
            for some in _in_parts(person_ids):
                rows = await connection.execute(sa.select(PERSON_KEYS).where(PERSON_KEYS.c.person_id.in_(some)))
                found |= {row.person_id: self._unwrapped(row) if row.wrapped else None for row in rows}
        return found

    async def destroy(self, person_id: str) -> None:
        """Makes the person's key disappear for ever; returns once that is durable."""
        none = {"key_id": "", "wrapped": b""}
        row = insert(PERSON_KEYS).values(person_id=person_id, **none)
        async with self._vault.begin() as transaction:
            await transaction.execute(row.on_conflict_do_update(index_elements=["person_id"], set_=none))
        await self._vault.forget_deleted()

    def _unwrapped(self, row: sa.Row[str, str, bytes]) -> DataKey:
        person_id, key_id, wrapped = row
        return DataKey(person_id, key_id, self._master_key.unwrap(person_id, key_id, wrapped))


class AddressHashes:
    """Hashes e-mail addresses with the installation's pepper, 32 secret bytes that are made the first time."""

    def __init__(self, vault: Database, master_key: MasterKey) -> None:
        self._vault = vault
        self._master_key = master_key
        self._pepper: bytes | None = None

    async def of(self, email: str) -> str:
        """What the address is known by."""
        if self._pepper is None:
            self._pepper = await kept_secret(self._vault, self._master_key, _PEPPER)
        return hashed(email, self._pepper)


async def kept_secret(vault: Database, master_key: MasterKey, name: str) -> bytes:
    """32 secret bytes of the installation, made the first time and kept wrapped by the master key."""
    fresh = master_key.wrap(name, "1", secrets.token_bytes(32))
    async with vault.begin() as transaction:
        await transaction.execute(insert(SECRETS).values(name=name, wrapped=fresh).on_conflict_do_nothing())
        kept = await transaction.scalar(sa.select(SECRETS.c.wrapped).where(SECRETS.c.name == name))
    return master_key.unwrap(name, "1", kept or fresh)


def _in_parts(person_ids: Iterable[str]) -> Iterator[list[str]]:
    everyone = list(person_ids)
    for start in range(0, len(everyone), _AT_ONCE):
        yield everyone[start : start + _AT_ONCE]
