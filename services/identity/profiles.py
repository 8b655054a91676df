"""Profiles, directory records, password hashes, passkeys: sealed with the person's key for the event that has them."""

from google.protobuf.message import Message
from regard.common.v1.common_pb2 import Sealed
from regard.identity.v1.events_pb2 import DirectoryRecordKept, PasskeyAdded, PasswordSet
from regard.identity.v1.identity_pb2 import Profile

from services.common.sealing import DataKey, Place, open_sealed, seal
from services.identity.person import SealedProfile, stream_of


def seal_profile(key: DataKey, profile: Profile, event: type[Message]) -> Sealed:
    """The profile of the key's owner, for the field `profile` of such an event."""
    place = _place_of_profile(event.DESCRIPTOR.full_name, key.subject)
    return seal(key, profile.SerializeToString(deterministic=True), place)


def open_profile(key: DataKey | None, profile: SealedProfile) -> Profile | None:
    """What seal_profile sealed; None without the key that it was sealed with. Raises NotSealedHere."""
    if key is None or key.key_id != profile.sealed.key_id:
        return None
    return Profile.FromString(open_sealed(key, profile.sealed, _place_of_profile(profile.event_type, key.subject)))


def seal_record(key: DataKey, record: DirectoryRecordKept.Record) -> Sealed:
    """What the directory says, for the event DirectoryRecordKept of the key's owner."""
    return seal(key, record.SerializeToString(deterministic=True), _place_of_record(key.subject))


def open_record(key: DataKey | None, sealed: Sealed) -> DirectoryRecordKept.Record | None:
    """What seal_record sealed; None without the key that it was sealed with. Raises NotSealedHere."""
    if key is None or key.key_id != sealed.key_id:
        return None
    return DirectoryRecordKept.Record.FromString(open_sealed(key, sealed, _place_of_record(key.subject)))


def seal_password_hash(key: DataKey, encoded: str) -> Sealed:
    """An encoded argon2id hash, for the event PasswordSet of the key's owner."""
    return seal(key, encoded.encode(), _place_of_password_hash(key.subject))


def open_password_hash(key: DataKey, sealed: Sealed) -> str:
    """What seal_password_hash sealed. Raises NotSealedHere."""
    return open_sealed(key, sealed, _place_of_password_hash(key.subject)).decode()


def seal_passkey(key: DataKey, kept: PasskeyAdded.Kept) -> Sealed:
    """What is kept of a passkey, for the event PasskeyAdded of the key's owner."""
    return seal(key, kept.SerializeToString(deterministic=True), _place_of_passkey(key.subject))


def open_passkey(key: DataKey | None, sealed: Sealed) -> PasskeyAdded.Kept | None:
    """What seal_passkey sealed; None without the key that it was sealed with. Raises NotSealedHere."""
    if key is None or key.key_id != sealed.key_id:
        return None
    return PasskeyAdded.Kept.FromString(open_sealed(key, sealed, _place_of_passkey(key.subject)))


def _place_of_profile(event_type: str, person_id: str) -> Place:
    return Place(event_type, stream_of(person_id), "profile")


def _place_of_record(person_id: str) -> Place:
    return Place(DirectoryRecordKept.DESCRIPTOR.full_name, stream_of(person_id), "record")


def _place_of_password_hash(person_id: str) -> Place:
    return Place(PasswordSet.DESCRIPTOR.full_name, stream_of(person_id), "password_hash")


def _place_of_passkey(person_id: str) -> Place:
    return Place(PasskeyAdded.DESCRIPTOR.full_name, stream_of(person_id), "passkey")
