"""The types that Envoy needs to turn JSON into gRPC and back."""

from collections.abc import Iterable

from buf.validate import validate_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from services.common.contracts import Method


def descriptor_set(methods: Iterable[Method]) -> bytes:
    """A FileDescriptorSet of the methods, of all that they import, and of what error details may hold.

    An error with a detail whose type is missing would reach JSON callers as an empty 400.
    """
    found: dict[str, bytes] = {}
    for method in methods:
        _add(descriptor_pool.Default().FindFileContainingSymbol(method.full_name.rpartition(".")[0]), found)
    for file in _DETAILS:
        _add(file, found)
    files = map(descriptor_pb2.FileDescriptorProto.FromString, found.values())
    return descriptor_pb2.FileDescriptorSet(file=files).SerializeToString()


_DETAILS: tuple[FileDescriptor, ...] = (error_details_pb2.DESCRIPTOR, status_pb2.DESCRIPTOR, validate_pb2.DESCRIPTOR)


def _add(file: FileDescriptor, found: dict[str, bytes]) -> None:
    """Adds `file` after what it imports: the order that a descriptor set has."""
    if file.name not in found:
        for imported in file.dependencies:
            _add(imported, found)
        found[file.name] = file.serialized_pb
