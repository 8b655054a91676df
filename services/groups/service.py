"""Puts groups together, the same for production and tests."""

from regard.groups.v1.break_glass_pb2_grpc import add_BreakGlassServiceServicer_to_server
from regard.groups.v1.groups_pb2_grpc import (
    add_GroupInternalServiceServicer_to_server,
    add_GroupServiceServicer_to_server,
)

from services.access import Guard
from services.common.kernel import Kernel, Service
from services.common.settings import Settings
from services.groups.api import BreakGlassApi, GroupApi, GroupInternalApi
from services.groups.break_glass import BreakGlass, BreakGlassList
from services.groups.catalogue import Catalogue
from services.groups.changes import Changes
from services.groups.founding import Founding
from services.groups.keycheck import content_against_keys
from services.groups.keys import METADATA, ContentKeys
from services.groups.labels import LabelSealing
from services.groups.people import People
from services.groups.reactions import Upkeep
from services.groups.registry import Registry
from services.groups.remembered import RememberedStreams
from services.groups.views import view


def build(settings: Settings, kernel: Kernel) -> Service:
    """The service, not yet running. Raises BadMasterKey, OSError."""
    clock, database, projection, guard = kernel.clock, kernel.database("groups"), view(), Guard.of(kernel)
    keys = ContentKeys(kernel.vault("groups", METADATA), kernel.master_key, clock)
    registry, labels = Registry(RememberedStreams(kernel.store), kernel.codec), LabelSealing(keys)
    people = People(database, kernel.store, kernel.codec)
    catalogue = Catalogue(database, registry, labels, guard, clock)
    founding = Founding(registry, labels, people)
    changes = Changes(registry, labels, keys, people, clock)
    break_glass = BreakGlass(kernel.store, kernel.codec, registry, clock)
    upkeep = Upkeep(projection, database, registry, keys, people, break_glass, clock)
    break_glass_list = BreakGlassList(database, catalogue, clock)
    return Service(
        name="groups",
        servicers=(
            (add_GroupServiceServicer_to_server, GroupApi(catalogue, founding, changes, registry, clock)),
            (add_BreakGlassServiceServicer_to_server, BreakGlassApi(break_glass, break_glass_list)),
            (add_GroupInternalServiceServicer_to_server, GroupInternalApi(keys, founding)),
        ),
        projections=(projection,),
        checks=(content_against_keys(kernel.store, kernel.codec, keys),),
        tasks=(keys.check, upkeep.run, guard.run),
        revoked=guard.revoked,
    )
