"""The jars of a Java server that tests run: `compile` pins them with all that they need, `fetch` brings what is pinned.

requirements/<name>.in has Maven coordinates; requirements/<name>.txt a line for each jar: coordinate, SHA-256.
"""

import hashlib
import sys
from pathlib import Path

from jgo.maven import MavenContext

ROOT = Path(__file__).parents[1]
CACHE = ROOT / "build" / "jars"
HEAD = "# Compiled from {name}.in by scripts/requirements: coordinates, and the SHA-256 of each jar.\n"


def main(arguments: list[str]) -> None:
    """`compile NAME` or `fetch NAME`."""
    action, name = arguments
    if action == "compile":
        compile_(name)
    else:
        fetch(name)


def compile_(name: str) -> None:
    """Writes requirements/<name>.txt."""
    maven = MavenContext(repo_cache=CACHE)
    coordinates = (ROOT / "requirements" / f"{name}.in").read_text().split()
    roots, needed = maven.resolver.resolve([maven.create_dependency(one) for one in coordinates])
    lines = []
    for one in [*roots, *needed]:
        jar = maven.project(one.groupId, one.artifactId).at_version(one.version).artifact().resolve()
        lines.append(f"{one.groupId}:{one.artifactId}:{one.version} {_sha256(jar)}\n")
    (ROOT / "requirements" / f"{name}.txt").write_text(HEAD.format(name=name) + "".join(sorted(lines)))


def fetch(name: str) -> list[Path]:
    """The pinned jars, brought if they are missing. SystemExit if one is not what was pinned."""
    maven = MavenContext(repo_cache=CACHE)
    jars = []
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        coordinate, expected = line.split()
        group, artifact, version = coordinate.split(":")
        jar = Path(maven.project(group, artifact).at_version(version).artifact().resolve())
        if _sha256(jar) != expected:
            jar.unlink()
            sys.exit(f"{coordinate} is not what requirements/{name}.txt pins: its SHA-256 differs. It was removed.")
        jars.append(jar)
    return jars


def _sha256(file: Path) -> str:
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1:])
