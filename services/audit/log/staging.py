"""Files on their way: everything that a growth writes, in one file that is written before the checkpoint is. Pure."""

from regard_client.verify.hashing import Hash
from services.audit.log.growth import Files


def staging_path(before: int, size: int, root: Hash) -> str:
    """Where the files of a growth are staged: each growth that was ever tried has a place of its own."""
    return f"staging/{before}-{size}-{root.hex()}"


def pack(files: Files) -> bytes:
    """The files as one, by path: length of the path (2 bytes), path, length (4 bytes), bytes."""
    return b"".join(
        len(path).to_bytes(2, "big") + path.encode() + len(data).to_bytes(4, "big") + data
        for path, data in sorted(files.items())
    )


def unpack(data: bytes) -> dict[str, bytes]:
    """The inverse of `pack`; ValueError for anything else."""
    files: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        path_end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        start = path_end + 4
        at, path = start + int.from_bytes(data[path_end:start], "big"), data[at + 2 : path_end].decode()
        files[path] = data[start:at]
    if pack(files) != data:
        raise ValueError("these are not staged files")
    return files
