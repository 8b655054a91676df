"""Regard as it runs on servers: each part a process of its own, on servers that the settings name.

It is used as a `Product` is. Only identity, the page, the demonstration and audit, whose log `regard check` reads,
share a data folder; the others share nothing but the addresses, the master key and the internal key.
"""

import base64
import secrets
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joserfc.jwk import ECKey

from tests.product import Product, free_port

_SERVICES = ("identity", "groups", "feed", "chat", "audit")
_ALONE = ("relay", *_SERVICES, "page", "gateway")
_WITH_IDENTITY = ("identity", "page", "demo", "audit")


class Spread:
    """The parts at work on these servers; without REGARD_EVENTSTORE_URI the embedded event store stands in."""

    def __init__(self, folder: Path, *more: str, **servers: str) -> None:
        """`more`: further targets, each alone as well. `servers`: REGARD_… that name them."""
        self.folder, self.data = folder, folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        self._names = (*_ALONE, *more)
        self._variables = self._keys() | self._addresses() | servers
        self._store: Product | None = None
        if "REGARD_EVENTSTORE_URI" not in servers:
            port = free_port()
            self._store = Product(folder / "eventstore", "eventstore", REGARD_EVENTSTORE_PORT=str(port))
            self._variables["REGARD_EVENTSTORE_URI"] = f"kurrentdb://127.0.0.1:{port}?tls=false"
        self.parts: dict[str, Product] = {}
        self._start()

    def _keys(self) -> dict[str, str]:
        master, internal = self.folder / "master.key", self.folder / "internal.pem"
        master.write_bytes(base64.b64encode(secrets.token_bytes(32)))
        internal.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
        return {"REGARD_MASTER_KEY_FILE": str(master), "REGARD_INTERNAL_KEY_FILE": str(internal)}

    def _addresses(self) -> dict[str, str]:
        port = free_port()
        found = {"REGARD_PORT": str(port), "REGARD_GATEWAY_ADDRESS": f"127.0.0.1:{port}"}
        for name in (*_SERVICES, "identity_http", "audit_http", "page"):
            address = f"127.0.0.1:{free_port()}"
            found |= {f"REGARD_{name.upper()}_{kind}": address for kind in ("LISTEN", "ADDRESS")}
        return found

    def _start(self) -> None:
        if self._store is not None:
            self._store.ready()
        for name in self._names:
            data = self.data if name in _WITH_IDENTITY else self.folder / name / "data"
            self.parts[name] = Product(self.folder / name, name, **self._variables | {"REGARD_DATA": str(data)})

    def ready(self) -> str:
        """Waits until all of it is ready; its URL."""
        with ThreadPoolExecutor(len(self.parts)) as pool:
            return dict(zip(self.parts, pool.map(Product.ready, self.parts.values()), strict=True))["gateway"]

    @property
    def environment(self) -> dict[str, str]:
        """Of whatever is run beside it, such as the `regard` command."""
        return self.parts["identity"].environment

    @property
    def code(self) -> str:
        """The code of an installation that nobody has claimed."""
        return self.parts["identity"].code

    @property
    def logs(self) -> list[Path]:
        """Everything that its processes wrote for operators."""
        every = [*self.parts.values(), *([self._store] if self._store else [])]
        return [log for part in every for log in part.logs]

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that has to happen."""
        self.parts["gateway"].until(condition)

    def kill(self) -> None:
        """kill -9 to all of it. The event store, a server as the others are, is started again at once."""
        for part in self.parts.values():
            part.kill()
        if self._store is not None:
            self._store.kill()
            self._store.start_again()

    def start_again(self) -> str:
        """Starts it again; its URL once it is ready."""
        self._start()
        return self.ready()

    def stop(self) -> int:
        """Ctrl-C to each part; the worst exit status. The event store goes on."""
        return max(part.stop() for part in reversed(self.parts.values()))

    def close(self) -> None:
        """Ends it however it is."""
        for part in (*self.parts.values(), *([self._store] if self._store else [])):
            part.close()

    def command(self, *arguments: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Runs the `regard` command against it, where identity's data is."""
        return self.parts["identity"].command(*arguments, text=text)
