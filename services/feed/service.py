"""Puts the feed together, the same for production and tests."""

from regard.feed.v1.feed_pb2_grpc import add_FeedServiceServicer_to_server

from services.access import Guard
from services.common.kernel import Kernel, Service
from services.common.projection import Projection
from services.common.settings import Settings
from services.feed.api import FeedApi
from services.feed.files import Files
from services.feed.parts import METADATA as VAULT
from services.feed.parts import Parts
from services.feed.threads import TOPIC, Threads
from services.feed.views import METADATA, reduce


def build(settings: Settings, kernel: Kernel) -> Service:
    """The service, not yet running."""
    guard, database = Guard.of(kernel), kernel.database("feed")
    threads = Threads(kernel.store, kernel.codec, guard, kernel.clock)
    parts = Parts(kernel.vault("feed", VAULT))
    files = Files(kernel.store, kernel.codec, guard, database, parts, kernel.clock)
    return Service(
        name="feed",
        servicers=((add_FeedServiceServicer_to_server, FeedApi(guard, threads, files, database)),),
        projections=(Projection("feed_v1", "feed", (TOPIC, "regard.groups.events"), METADATA, reduce),),
        checks=(files.check,),
        tasks=(guard.run, files.run),
        revoked=guard.revoked,
    )
