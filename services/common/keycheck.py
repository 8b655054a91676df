"""Whether everything that was sealed still opens: content against keys. What opens is neither kept nor shown.

Every ciphertext in the event store is tried with the key that it names. A key may be gone only if it was destroyed on
purpose: one that is missing otherwise, or another in its place, is content lost, and is told by ids alone.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from google.protobuf.message import DecodeError, Message
from regard.common.v1.common_pb2 import Sealed

from services.common.check import Checked, Difference
from services.common.codec import Codec
from services.common.errors import Language
from services.common.eventstore import EventStore, Recorded
from services.common.sealing import DataKey, NotSealedHere, Place, open_sealed

FindKeys = Callable[[Collection[str]], Awaitable[Mapping[str, DataKey | None]]]
"""Of these subjects: the key, None where it was destroyed on purpose, nothing where there should be one and is not."""

OPEN: Mapping[Language, str] = {"en": "ciphertexts, all open", "fr": "textes chiffrés, tous s’ouvrent"}

_CHUNK = 500


async def check_keys(store: EventStore, codec: Codec, prefixes: tuple[str, ...], find: FindKeys) -> Checked:
    """Tries every ciphertext of the streams with these prefixes. Raises StoreUnavailable, Refused (DBS-..)."""
    tried, found = 0, set[Difference]()
    chunk: list[Recorded] = []
    async for recorded in store.read_all(prefixes=prefixes):
        chunk.append(recorded)
        if len(chunk) == _CHUNK:
            tried += await _try(chunk, codec, find, found)
            chunk = []
    tried += await _try(chunk, codec, find, found)
    return Checked(rows=tried, differences=tuple(sorted(found)), set_aside=0, behind=False)


def with_back(checked: Checked, subjects: Iterable[str]) -> Checked:
    """The same, and these subjects have keys again that were destroyed: a vault from an old backup would."""
    unexpected = tuple(Difference("key", (subject,), "unexpected") for subject in sorted(subjects))
    return replace(checked, differences=checked.differences + unexpected)


async def _try(chunk: Collection[Recorded], codec: Codec, find: FindKeys, found: set[Difference]) -> int:
    sealed = [one for recorded in chunk for one in _sealed(recorded, codec)]
    # The keys after the events: whatever was sealed had its key before.
    keys = await find({ciphertext.subject for _, ciphertext, _ in sealed})
    for recorded, ciphertext, place in sealed:
        if ciphertext.subject not in keys:
            found.add(Difference("key", (ciphertext.subject,), "missing"))
        elif (key := keys[ciphertext.subject]) and not _opens(key, ciphertext, place):
            found.add(Difference("ciphertext", (recorded.stream, str(recorded.revision), place.path), "different"))
    return len(sealed)


def _sealed(recorded: Recorded, codec: Codec) -> Iterator[tuple[Recorded, Sealed, Place]]:
    try:
        event = codec.decode(recorded)
    except DecodeError:
        return  # its view says so: it is set aside there
    if event is not None:
        for path, ciphertext in _fields(event.message):
            yield recorded, ciphertext, Place(event.type, event.stream, path)


def _fields(message: Message, above: str = "") -> Iterator[tuple[str, Sealed]]:
    """The ciphertexts in a message, each with its path."""
    for field, value in message.ListFields():
        if field.message_type is None or field.is_repeated:
            continue
        if isinstance(value, Sealed):
            if value.ciphertext:
                yield above + field.name, value
        else:
            yield from _fields(value, f"{above}{field.name}.")


def _opens(key: DataKey, ciphertext: Sealed, place: Place) -> bool:
    try:
        open_sealed(key, ciphertext, place)
    except NotSealedHere:
        return False
    return True
