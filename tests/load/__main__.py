"""Runs the benchmarks one after the other, prints a table and writes build/bench.json. See docs/benchmarks.md.

python -m tests.load                 all, with sizes that take a few minutes
python -m tests.load chat pages      some
python -m tests.load growth 1000000 1000     one, with arguments of its own
"""

import subprocess
import sys
from collections.abc import Iterator

from tests.load import figures
from tests.load.figures import ROOT, Figure

BENCHMARKS = ("chat", "streams", "pages", "web", "eventstore", "log", "start", "growth")
ASKED_FOR = ("ledger",)
"""Which need more than the tests do, a PostgreSQL, and run only when they are named."""
LIMIT_S = 3600


def run(name: str, arguments: list[str]) -> Iterator[Figure]:
    """The figures of one benchmark, in a process of its own, as it tells them. Raises CalledProcessError."""
    command = [sys.executable, "-m", f"tests.load.{name}", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield Figure.read(line)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def main(arguments: list[str]) -> int:
    """Exit status 1 if a benchmark failed; the figures of the others are kept all the same."""
    names = [argument for argument in arguments if not argument.isdecimal()] or list(BENCHMARKS)
    own = [argument for argument in arguments if argument.isdecimal()]
    if unknown := set(names) - {*BENCHMARKS, *ASKED_FOR}:
        known = ", ".join((*BENCHMARKS, *ASKED_FOR))
        print(f"There is no benchmark {', '.join(sorted(unknown))}, but {known}.", file=sys.stderr)
        return 2
    found: list[Figure] = []
    failed = []
    for name in names:
        try:
            for figure in run(name, own):
                found.append(figure)
                print(figures.table([figure]), flush=True)
        except subprocess.CalledProcessError:
            failed.append(name)
    figures.write(ROOT / "build" / "bench.json", found)
    print(f"\n{figures.table(found)}\n\n{figures.commit()}, {figures.described()}; also in build/bench.json")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
