"""Puts identity together, the same for production and tests."""

from regard.identity.v1.identity_pb2_grpc import (
    add_AuthServiceServicer_to_server,
    add_PeopleServiceServicer_to_server,
    add_ProvisioningServiceServicer_to_server,
)

from services.access.revocations import Revocations
from services.common.kernel import Kernel, Service
from services.common.settings import Settings
from services.identity.accounts import Accounts
from services.identity.administration import Administration
from services.identity.api import AuthApi, PeopleApi, ProvisioningApi
from services.identity.authentication import Authentication
from services.identity.challenges import Challenges
from services.identity.directory import Directory
from services.identity.http import application
from services.identity.installation import installation_code
from services.identity.keycheck import profiles_against_keys
from services.identity.keys import AddressHashes, PersonKeys
from services.identity.passkeys import Passkeys
from services.identity.passwords import Passwords
from services.identity.provisioning import Provisioning
from services.identity.queries import erased_people
from services.identity.registry import Registry
from services.identity.scim import scim
from services.identity.sessions import Sessions
from services.identity.throttle import Throttle
from services.identity.tokens import AccessTokens, SigningKeys
from services.identity.vault import METADATA
from services.identity.views import administration, people, provisioners


def build(settings: Settings, kernel: Kernel) -> Service:
    """The service, not yet running. Raises BadMasterKey, OSError."""
    vault, master_key, clock = kernel.vault("identity", METADATA), kernel.master_key, kernel.clock
    keys = PersonKeys(vault, master_key, clock)
    addresses, passwords = AddressHashes(vault, master_key), Passwords()
    signing_keys = SigningKeys(vault, master_key, clock)
    access_tokens = AccessTokens(signing_keys, settings.issuer, settings.audience, clock)
    registry = Registry(kernel.store, kernel.codec, keys)
    accounts = Accounts(registry, keys, addresses, passwords, settings, clock)
    authentication = Authentication(
        registry, keys, addresses, passwords, Throttle(clock), Sessions(vault, clock), access_tokens, clock
    )
    challenges = Challenges(vault, master_key, clock)
    passkeys = Passkeys(registry, keys, authentication, challenges, vault, settings.url, clock)
    revocations = Revocations(kernel.store, kernel.codec, noticed=lambda: None)
    database, view = kernel.database("identity"), people()
    directory, acts = Directory(database, keys), Administration(database)
    provisioning = Provisioning(registry, database, clock)

    async def keys_open() -> None:
        """Tells of a wrong master key at the start, and not to those who sign in. Raises Refused (KEY-01)."""
        await signing_keys.current()

    async def finish_erasing() -> None:
        """Destroys keys of whoever was erased that an interruption left there."""
        async with database.read() as connection:
            erased = await erased_people(connection)
        for person_id in await keys.find(erased):
            await keys.destroy(person_id)

    async def welcome() -> tuple[str, ...]:
        if await registry.administrators():
            return ()
        code = installation_code(settings)
        return (
            f"Nobody administers this installation yet. Claim it: regard claim {code} NAME EMAIL",
            f"Personne n'administre encore cette installation. Prenez-la en main : regard claim {code} NOM E-MAIL",
        )

    return Service(
        name="identity",
        servicers=(
            (add_AuthServiceServicer_to_server, AuthApi(authentication, passkeys, accounts, signing_keys)),
            (add_ProvisioningServiceServicer_to_server, ProvisioningApi(provisioning)),
            (add_PeopleServiceServicer_to_server, PeopleApi(directory, registry, accounts, authentication, acts)),
        ),
        projections=(view, provisioners(), administration()),
        checks=(profiles_against_keys(kernel.store, kernel.codec, keys),),
        tasks=(keys_open, finish_erasing, revocations.run),
        revoked=revocations.revoked,
        http=application(signing_keys, scim(accounts, directory, provisioning, view, settings.url)),
        welcome=welcome,
    )
