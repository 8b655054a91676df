"""How long a start takes until the page works, and what everything takes when it is idle: memory, processor.

The data are the demonstration company's. A first start on empty data is told too; no figure includes setting up .venv.
"""

import time
import urllib.request
from pathlib import Path

from tests.load.chat import cpu_seconds
from tests.load.company import processes, product
from tests.load.figures import tell
from tests.product import Product

IDLE_S = 5.0
STARTS = 3


def resident_mib(started: Product) -> dict[str, float]:
    """What each process of the product holds, by name, without what they share with others."""
    held: dict[str, float] = {}
    for pid in processes(started.child.pid):
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        line = next(one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS"))
        own = {started.child.pid: "services", started.companion: "services beside"}
        held[own.get(pid, name)] = int(line.split()[1]) / 1024
    return held


def page_works(url: str) -> None:
    """The page answers."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        assert answer.status == 200


def main() -> None:
    """One product, started again and again."""
    began_s = time.perf_counter()
    with product("all", "demo") as started:
        page_works(started.ready())
        tell("start: first, on empty data", time.perf_counter() - began_s, "s")
        file = started.data / "demonstration.json"
        started.until(lambda: file.exists() and '"complete": true' in file.read_text())
        took_s = []
        for _ in range(STARTS):
            assert started.stop() == 0
            began_s = time.perf_counter()
            page_works(started.start_again())
            took_s.append(time.perf_counter() - began_s)
        tell("start: second, until the page works", sorted(took_s)[STARTS // 2], "s")
        time.sleep(IDLE_S)
        before_s = cpu_seconds(started.child.pid)
        time.sleep(IDLE_S)
        tell("idle: processor", (cpu_seconds(started.child.pid) - before_s) / IDLE_S * 100, "% of a core")
        held = resident_mib(started)
        for name, mib in held.items():
            tell("idle: memory", mib, "MiB", process=name)
        tell("idle: memory of everything", sum(held.values()), "MiB")


if __name__ == "__main__":
    main()
