"""What every service is built from, and what it gives back.

`services/<name>/service.py` has `build(settings, kernel) -> Service`, the same for production and tests.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cache, cached_property

import sqlalchemy as sa
from regard.identity.v1.identity_pb2 import GetJwksRequest
from regard.identity.v1.identity_pb2_grpc import AuthServiceStub
from starlette.applications import Starlette

from services.common import contracts, ids
from services.common.check import Check
from services.common.clock import Clock, system_clock
from services.common.codec import Codec
from services.common.database import Database
from services.common.eventstore import EventStore, KurrentEventStore
from services.common.internalkey import load_internal_key
from services.common.kafka import Kafka
from services.common.masterkey import MasterKey, load_master_key
from services.common.projection import Projection, Reaction
from services.common.rpc import Border, Caller, Jwks, Peers, Servicers, ServiceTokens, TokenVerifier
from services.common.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """One service, built but not running.

    `tasks` run beside it from when the server answers; they may end, and an exception of theirs ends the process.
    `checks` is what `regard check` verifies besides its views. `revoked` tells of a person whose session ended before
    their token. `welcome` gives what to tell at the terminal, one line each, once everything is ready;
    `speaks_for_all`: in place of what the others would tell.
    """

    name: str
    servicers: Servicers = ()
    projections: tuple[Projection, ...] = ()
    checks: tuple[Check, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    tasks: tuple[Callable[[], Awaitable[None]], ...] = ()
    http: Starlette | None = None
    revoked: Callable[[Caller], bool] | None = None
    welcome: Callable[[], Awaitable[tuple[str, ...]]] | None = None
    speaks_for_all: bool = False


@dataclass(eq=False)
class Kernel:
    """What services share in one process. `addresses`: host:port by service, known once the server listens."""

    settings: Settings
    store: EventStore
    codec: Codec
    kafka: Kafka
    clock: Clock
    service_tokens: ServiceTokens
    addresses: MutableMapping[str, str]
    peers: Peers
    _databases: dict[str, Database] = field(default_factory=dict)

    def new_id(self) -> str:
        """A UUIDv7 of now."""
        return ids.new_id(self.clock)

    @cached_property
    def master_key(self) -> MasterKey:
        """The key that wraps all others; for the services that keep keys. Raises BadMasterKey, OSError."""
        return load_master_key(self.settings)

    def database(self, service: str) -> Database:
        """The views of a service: can be lost, and rebuilt from the event store."""
        return self._database(service, f"views/{service}")

    def vault(self, service: str, tables: sa.MetaData) -> Database:
        """What a service keeps nowhere else, keys above all: survives power loss, and must be backed up."""
        return self._database(f"{service}_vault", f"vaults/{service}", tables)

    def token_verifier(self) -> TokenVerifier:
        """Verifies people's access tokens with the keys that identity publishes."""
        return TokenVerifier(
            Jwks(self._published_keys, self.clock), self.settings.issuer, self.settings.audience, self.clock
        )

    def border(self, services: Iterable[Service]) -> Border:
        """The border of a server for `services`, which may still grow while the server isn't started."""

        async def wait_for(name: str, tokens: str, limit_s: float) -> None:
            for service in services:
                for projection in service.projections if service.name == name else ():
                    await projection.wait_for(tokens, limit_s)

        @cache
        def asked() -> Collection[Callable[[Caller], bool]]:
            # Services of one process share a guard, which is asked once.
            return {service.revoked for service in services if service.revoked}

        def revoked(caller: Caller) -> bool:
            return any(ask(caller) for ask in asked())

        return Border(self.token_verifier(), self.service_tokens, revoked, wait_for)

    async def close(self) -> None:
        """Ends every connection."""
        await self.peers.close()
        for database in self._databases.values():
            await database.dispose()
        await self.store.close()

    def _database(self, name: str, file: str, tables: sa.MetaData | None = None) -> Database:
        if name not in self._databases:
            url = self.settings.database_url or f"sqlite+aiosqlite:///{(self.settings.data / file).absolute()}.sqlite"
            schema = name if self.settings.database_url else ""
            self._databases[name] = Database(url, schema=schema, durable=tables is not None, tables=tables)
        return self._databases[name]

    async def _published_keys(self) -> tuple[Mapping[str, str], ...]:
        response = await self.peers.stub(AuthServiceStub).GetJwks(GetJwksRequest())
        return tuple(
            {"kty": key.kty, "crv": key.crv, "x": key.x, "y": key.y, "kid": key.kid, "alg": key.alg, "use": key.use}
            for key in response.keys
        )


@contextlib.asynccontextmanager
async def open_kernel(
    settings: Settings,
    name: str,
    *,
    kafka: Kafka | None = None,
    store: EventStore | None = None,
    clock: Clock = system_clock,
) -> AsyncIterator[Kernel]:
    """The kernel of a process called `name`, on the event store and Kafka of the settings.

    `kafka`, `store`: in place of the settings' own, for the embedded ones. Raises BadInternalKey, BadSettings, OSError.
    """
    tokens = ServiceTokens(load_internal_key(settings), name, clock)
    addresses = dict(settings.address)
    kernel = Kernel(
        settings=settings,
        store=store or KurrentEventStore(settings.eventstore_uri),
        codec=Codec(contracts.event_files()),
        kafka=kafka or Kafka.of(settings),
        clock=clock,
        service_tokens=tokens,
        addresses=addresses,
        peers=Peers(addresses, tokens),
    )
    try:
        yield kernel
    finally:
        await kernel.close()
