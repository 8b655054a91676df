"""Who may provision over SCIM: clients with a token each, which administrators give and take back."""

import uuid

from google.protobuf.timestamp_pb2 import Timestamp
from regard.identity.v1 import identity_pb2

from services.common.clock import Clock
from services.common.database import Database
from services.common.decider import CommandContext
from services.common.ids import derived_id, new_id
from services.identity import provisioner, queries
from services.identity.refusals import NO_SUCH_PROVISIONER, NOT_A_PROVISIONER
from services.identity.registry import Registry

_USES = "3b6f7c54-7a52-4c0b-9b0e-5f0c0a8f1d11"


class Provisioning:
    """Adds, recognises, lists and revokes provisioning clients."""

    def __init__(self, registry: Registry, database: Database, clock: Clock) -> None:
        self._registry = registry
        self._database = database
        self._clock = clock

    async def add(self, name: str, context: CommandContext) -> tuple[identity_pb2.Provisioner, str]:
        """A new client, and its token, which is never told again."""
        provisioner_id = new_id(self._clock)
        token = provisioner.new_token(provisioner_id)
        command = provisioner.Add(provisioner_id, name, provisioner.hashed(token), context.actor)
        await self._registry.provision(provisioner_id, command, context)
        added_at = Timestamp(seconds=int(self._clock().timestamp()))
        added = identity_pb2.Provisioner(id=provisioner_id, name=name, added_at=added_at, added_by=context.actor)
        return added, token

    async def revoke(self, provisioner_id: str, context: CommandContext) -> None:
        """Ends a client's token at once. Raises Refused (IDN-15)."""
        if not (await self._registry.provisioner(provisioner_id)).id:
            raise NO_SUCH_PROVISIONER()
        await self._registry.provision(provisioner_id, provisioner.Revoke(context.actor), context)

    async def list(self, before: str, size: int) -> list[identity_pb2.Provisioner]:
        """Those added before `before`, or the latest."""
        async with self._database.read() as connection:
            rows = await queries.provisioners(connection, before, size)
        return [
            identity_pb2.Provisioner(
                id=row.provisioner_id,
                name=row.name,
                added_at=Timestamp(seconds=row.added_at_s),
                added_by=row.added_by,
                used_at=Timestamp(seconds=row.used_at_s) if row.used_at_s else None,
                revoked=row.revoked,
            )
            for row in rows
        ]

    async def authenticate(self, token: str, request_id: str) -> str:
        """The client whose token it is; notes that it called. Raises Refused (IDN-14)."""
        provisioner_id = provisioner.named_in(token)
        found = await self._registry.provisioner(provisioner_id) if provisioner_id else provisioner.Provisioner()
        if not found.accepts(token):
            raise NOT_A_PROVISIONER()
        now = self._clock()
        if provisioner.decide(provisioner.Use(now), found):
            actor = actor_of(provisioner_id)
            # One note a day, also of calls at the same moment.
            command_id = uuid.UUID(derived_id(_USES, provisioner_id, now.date().isoformat()))
            context = CommandContext(command_id, actor=actor, correlation_id=request_id)
            await self._registry.provision(provisioner_id, provisioner.Use(now), context)
        return provisioner_id


def actor_of(provisioner_id: str) -> str:
    """How events name a client."""
    return provisioner.ACTOR_PREFIX + provisioner_id
