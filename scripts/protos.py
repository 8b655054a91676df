#!/usr/bin/env python3
"""The contract's tool chain: stubs, descriptor sets, lint and breaking changes.

    protos.py generate [--if-changed]   gen/: Python stubs, api.binpb (descriptors), api.src.binpb (with comments)
    protos.py lint                      buf lint over the contract
    protos.py breaking [REF]            buf breaking against REF; without it, the last release, or what is committed

protoc comes from grpcio-tools. buf reads protoc's images, so no third-party .proto text lies in this repository:
google/api comes from the googleapis-common-protos wheel, buf.validate from the descriptor in the protovalidate wheel.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.resources
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GEN = ROOT / "gen"
STAMP = GEN / "made-from"
VALIDATE = "buf/validate/validate.proto"
# Nothing of ours imports these; the gateway needs them to write error details as JSON.
DETAILS = ["google/rpc/status.proto", "google/rpc/error_details.proto"]
BUF_CONFIG = ROOT / "protos" / "buf.yaml"


def validate_descriptors() -> bytes:
    """buf/validate/validate.proto as a FileDescriptorSet, with what it imports."""
    from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
    from protovalidate._gen.buf.validate import validate_pb

    imports = [m.DESCRIPTOR.serialized_pb for m in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2)]
    files = [*imports, validate_pb.desc().proto.to_binary()]
    return descriptor_pb2.FileDescriptorSet(
        file=[descriptor_pb2.FileDescriptorProto.FromString(f) for f in files]
    ).SerializeToString()


def protoc(protos: Path, *arguments: str) -> None:
    """Runs protoc over `protos`. Raises SystemExit, after protoc's own words, when it fails."""
    import google.api
    import grpc_tools

    with tempfile.TemporaryDirectory() as folder:
        descriptors = Path(folder, "validate.binpb")
        descriptors.write_bytes(validate_descriptors())
        command = [
            sys.executable, "-m", "grpc_tools.protoc",
            f"--proto_path={protos}",
            f"--proto_path={Path(next(iter(google.api.__path__))).parent.parent}",
            f"--proto_path={importlib.resources.files(grpc_tools) / '_proto'}",
            f"--descriptor_set_in={descriptors}",
            *arguments,
        ]  # fmt: skip
        if code := subprocess.run(command, check=False).returncode:
            raise SystemExit(code)


def sources(protos: Path) -> list[str]:
    """Our own files, as protoc names them."""
    return sorted(str(p.relative_to(protos)) for p in (protos / "regard").rglob("*.proto"))


def image(protos: Path, out: Path, *, comments: bool) -> None:
    """Writes a descriptor set of the contract with everything that it imports."""
    flags = ["--include_imports", *(["--include_source_info"] if comments else [])]
    protoc(protos, f"--descriptor_set_out={out}", *flags, *sources(protos), VALIDATE, *DETAILS)


def generate(*, if_changed: bool) -> None:
    protos = ROOT / "protos"
    files = [Path(__file__), *(protos / f for f in sources(protos))]
    digest = hashlib.sha256(b"".join(f.name.encode() + f.read_bytes() for f in files)).hexdigest()
    if if_changed and STAMP.exists() and STAMP.read_text() == digest:
        return
    # Made beside and swapped in, so that whoever imports the stubs meanwhile finds the old ones or the new ones.
    fresh = GEN.with_name("gen.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    outs = [f"--{kind}={fresh}" for kind in ("python_out", "pyi_out", "grpc_python_out", "mypy_grpc_out")]
    plugin = f"--plugin={Path(sys.executable).with_name('protoc-gen-mypy_grpc')}"
    protoc(protos, plugin, *outs, "--mypy_grpc_opt=quiet", *sources(protos))
    protoc(protos, f"--python_out={fresh}", f"--pyi_out={fresh}", VALIDATE)
    image(protos, fresh / "api.binpb", comments=False)
    image(protos, fresh / "api.src.binpb", comments=True)
    for folder in {p.parent for p in fresh.rglob("*.py")} | {fresh / "regard", fresh / "buf"}:
        (folder / "__init__.py").touch()
    (fresh / STAMP.name).write_text(digest)
    if GEN.exists():
        old = GEN.with_name("gen.old")
        shutil.rmtree(old, ignore_errors=True)
        GEN.rename(old)
        fresh.rename(GEN)
        shutil.rmtree(old)
    else:
        fresh.rename(GEN)


def buf(*arguments: str) -> None:
    command = [str(Path(sys.executable).with_name("buf")), *arguments]
    if code := subprocess.run(command, check=False, cwd=ROOT).returncode:
        raise SystemExit(code)


def lint() -> None:
    with tempfile.TemporaryDirectory() as folder:
        now = Path(folder, "now.binpb")
        image(ROOT / "protos", now, comments=True)
        buf("lint", str(now), "--config", str(BUF_CONFIG))


def breaking(ref: str | None) -> None:
    ref = ref or _last_release() or "HEAD"
    archive = subprocess.run(
        ["git", "archive", ref, "protos"], cwd=ROOT, capture_output=True, check=False
    )  # fmt: skip
    if archive.returncode:
        raise SystemExit(f"No contract to compare with at {ref}: {archive.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
            tar.extractall(folder, filter="data")
        before, now = Path(folder, "before.binpb"), Path(folder, "now.binpb")
        image(Path(folder, "protos"), before, comments=False)
        image(ROOT / "protos", now, comments=False)
        buf("breaking", str(now), "--against", str(before), "--config", str(BUF_CONFIG))
    print(f"protos: nothing breaks against {ref}")


def _last_release() -> str | None:
    found = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.strip() or None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate").add_argument("--if-changed", action="store_true")
    commands.add_parser("lint")
    commands.add_parser("breaking").add_argument("ref", nargs="?")
    arguments = parser.parse_args()
    match arguments.command:
        case "generate":
            generate(if_changed=arguments.if_changed)
        case "lint":
            lint()
        case "breaking":
            breaking(arguments.ref)


if __name__ == "__main__":
    main()
