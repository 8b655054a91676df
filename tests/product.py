"""The product as a process of its own, for tests that use it as people do; stopped, killed and started again."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIMIT_S = 200.0
"""How long a test waits for what has to happen; never a measure of anything."""


def free_port() -> int:
    """A port that was free a moment ago, and that no client's connection takes while its server is away.

    It lies below those that systems give to clients (from 32768 on Linux, 49152 elsewhere).
    """
    while True:
        try:
            with socket.create_server(("127.0.0.1", random.randrange(15_000, 32_000))) as free:
                return int(free.getsockname()[1])
        except OSError:
            continue


class Product:
    """`python -m services TARGET…` on a folder of its own."""

    def __init__(self, folder: Path, *targets: str, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.data = folder, Path(variables.get("REGARD_DATA", folder / "data"))
        self._targets = targets
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("REGARD_", "LC_"))}
        self.environment = kept | {
            "REGARD_DATA": str(self.data),
            "REGARD_PORT": str(free_port()),
            "LANG": "C.UTF-8",
            **variables,
        }
        self.out, self.err = folder / "out", folder / "err"
        self.child = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.out.open("wb") as out, self.err.open("ab") as err:
            return subprocess.Popen(self._command, stdout=out, stderr=err, env=self.environment)

    @property
    def _command(self) -> list[str]:
        return [sys.executable, "-m", "services", *self._targets]

    def until(self, condition: Callable[[], bool]) -> None:
        """Waits for something that has to happen."""
        deadline_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < deadline_s, f"not in time\n{self.out.read_text()}\n{self.err.read_text()}"
            time.sleep(0.02)

    def ready(self) -> str:
        """Waits until it is ready; its URL."""
        self.until(lambda: "Ready" in self.out.read_text() or self.child.poll() is not None)
        assert self.child.poll() is None, self.err.read_text()
        line = next(line for line in self.out.read_text().splitlines() if line.startswith("Ready"))
        return line.removeprefix("Ready ")

    @property
    def code(self) -> str:
        """The code of an installation that nobody has claimed."""
        return (self.data / "keys" / "installation-code").read_text()

    @property
    def logs(self) -> list[Path]:
        """Everything that it wrote for operators."""
        return [self.out, self.err, *self.data.glob("gateway/*.log")]

    @property
    def envoy(self) -> int:
        """Process id of its gateway."""
        return next(pid for pid, name in children(self.child.pid).items() if "envoy" in name)

    @property
    def companion(self) -> int:
        """Process id of the services beside it."""
        return next(pid for pid, name in children(self.child.pid).items() if "python" in name)

    def kill(self) -> None:
        """kill -9, and wait until nothing of it is left."""
        left = children(self.child.pid)
        self.child.kill()
        self.child.wait()
        self.until(lambda: not any(map(alive, left)))

    def pause(self) -> None:
        """SIGSTOP: it keeps its memory and connections, and answers nothing."""
        pause(self.child.pid)

    def resume(self) -> None:
        """SIGCONT."""
        resume(self.child.pid)

    def start_again(self) -> str:
        """Starts it on the same data and port; its URL once it is ready."""
        self.child = self._spawn()
        return self.ready()

    def stop(self) -> int:
        """Ctrl-C; its exit status."""
        self.child.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        """Waits for the end; its exit status."""
        return self.child.wait(LIMIT_S)

    def close(self) -> None:
        """Ends it however it is."""
        self.child.kill()
        self.child.wait()

    def command(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the `regard` command against it."""
        regard = str(Path(sys.executable).with_name("regard"))
        environment = self.environment | {"XDG_CONFIG_HOME": str(self.folder / "config"), "COLUMNS": "200"}
        return subprocess.run(
            [regard, *arguments], input=text, capture_output=True, text=True, env=environment, check=False
        )


def children(pid: int) -> dict[int, str]:
    """The processes that a process started, with their names."""
    found = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return {int(line.split()[0]): line for line in found.stdout.splitlines()}


def pause(pid: int) -> None:
    """SIGSTOP to a process and then to those that it started, so that it starts no more meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    for child in children(pid):
        os.kill(child, signal.SIGSTOP)


def resume(pid: int) -> None:
    """SIGCONT to a process and those that it started; harmless to those that run."""
    for child in (*children(pid), pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGCONT)


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
