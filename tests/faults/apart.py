"""Regard with every part in a process of its own, as on servers, so that one can be killed or paused by itself."""

import asyncio
import re
from pathlib import Path

from tests.product import Product, free_port

SERVICES = ("identity", "groups", "feed", "chat", "audit")
PARTS = ("eventstore", "relay", *SERVICES, "gateway")
"""All that keep their address when they are started again; the embedded Kafka does not."""


class Apart:
    """An installation that runs in these processes; `variables` tell all of them where to find something else."""

    def __init__(self, folder: Path, eventstore_port: int = 0, **variables: str) -> None:
        """`variables`: REGARD_… for all; without REGARD_KAFKA_BOOTSTRAP there is an embedded Kafka."""
        self._folder = folder
        self.eventstore_port = eventstore_port or free_port()
        self._shared = {
            "REGARD_DATA": str(folder / "data"),
            "REGARD_PORT": str(free_port()),
            "REGARD_EVENTSTORE_URI": f"kurrentdb://127.0.0.1:{self.eventstore_port}?tls=false",
            # The page is not under test: nobody listens there.
            "REGARD_PAGE_ADDRESS": f"127.0.0.1:{free_port()}",
        }
        for name in (*SERVICES, "identity_http", "audit_http"):
            address = f"127.0.0.1:{free_port()}"
            self._shared |= {f"REGARD_{name.upper()}_{kind}": address for kind in ("LISTEN", "ADDRESS")}
        self._shared |= variables
        self.parts: dict[str, Product] = {}

    async def start(self) -> str:
        """Starts everything; the URL."""
        self._start("eventstore", REGARD_EVENTSTORE_PORT=str(self.eventstore_port), REGARD_EVENTSTORE_URI="")
        await self._ready("eventstore")
        if "REGARD_KAFKA_BOOTSTRAP" not in self._shared:
            self._start("kafka", REGARD_EVENTSTORE_URI="")
            await self._ready("kafka")
            bootstrap = re.search(r"\((\S+:\d+)\)", self.parts["kafka"].out.read_text())
            assert bootstrap
            self._shared["REGARD_KAFKA_BOOTSTRAP"] = bootstrap[1]
        for name in ("relay", *SERVICES):
            self._start(name)
        await asyncio.gather(*(self._ready(name) for name in ("relay", *SERVICES)))
        self._start("gateway")
        return await self._ready("gateway")

    def __getitem__(self, name: str) -> Product:
        return self.parts[name]

    @property
    def anyone(self) -> Product:
        """A process whose environment knows where everything is, to run commands with."""
        return self.parts["gateway"]

    async def start_again(self, name: str) -> None:
        """Starts a part that was killed; returns once it is ready."""
        await asyncio.to_thread(self.parts[name].start_again)

    def close(self) -> None:
        """Ends all of it."""
        for part in self.parts.values():
            part.close()

    async def add(self, name: str, target: str) -> None:
        """Starts one more process of a part."""
        self.parts[name] = Product(self._folder / name, target, **self._shared)
        await self._ready(name)

    def _start(self, name: str, **variables: str) -> None:
        self.parts[name] = Product(self._folder / name, name, **(self._shared | variables))

    async def _ready(self, name: str) -> str:
        return await asyncio.to_thread(self.parts[name].ready)
