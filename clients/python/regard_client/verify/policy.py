"""Trust policies: whose log, and which witnesses must have seen its checkpoint before it is believed.

Specification: https://c2sp.org/tlog-policy (2026-07-22, no version yet).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from regard_client.verify.checkpoint import Checkpoint, parse_checkpoint
from regard_client.verify.hashing import parse_decimal
from regard_client.verify.keys import Type, VerifierKey, parse_vkey, timestamp
from regard_client.verify.notes import MAX_BYTES, Note, Signature, open_note, parse_note
from regard_client.verify.reasons import NOT_WITNESSED, UNKNOWN_LOG, UNSIGNED, malformed

_WHAT = "tlog-policy"
_NONE = "none"
_FORBIDDEN = re.compile(rb"[^\t\n\x20-\x7e\x80-\xff]")
_LOG_TYPES = (Type.ED25519, Type.COSIGNATURE_MLDSA44)
_WITNESS_TYPES = (Type.COSIGNATURE_ED25519, Type.COSIGNATURE_MLDSA44)


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key, and where it is, if that was said."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Witnesses the checkpoints that at least `threshold` of its members witness."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vouched:
    """A checkpoint that a policy accepts, and why. `unknown`: signatures that nobody could verify."""

    checkpoint: Checkpoint
    note: Note
    logs: tuple[VerifierKey, ...]
    witnesses: Mapping[str, int]
    """When each witness of the policy signed, as it says, in seconds since 1970."""
    unknown: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Logs, witnesses and groups of them by name, and the quorum: a name, or "none"."""

    logs: tuple[Party, ...]
    witnesses: Mapping[str, Party] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    quorum: str = _NONE

    def __bytes__(self) -> bytes:
        """The policy file."""
        lines = [f"log {log.key} {log.url}" for log in self.logs]
        lines += [f"witness {name} {one.key} {one.url}" for name, one in self.witnesses.items()]
        lines += [f"group {name} {one.threshold} {' '.join(one.members)}" for name, one in self.groups.items()]
        lines.append(f"quorum {self.quorum}")
        return "".join(f"{line.rstrip(' ')}\n" for line in lines).encode(errors="surrogateescape")

    def open(self, data: bytes) -> Vouched:
        """The checkpoint of one of the logs, once it is signed as the policy wants. Raises Unverified.

        Section "What is a policy": signed by any one of the listed logs, and cosigned as the quorum says.
        """
        note = parse_note(data)
        checkpoint = parse_checkpoint(note.text)
        log_keys = [log.key for log in self.logs if log.key.name == checkpoint.origin]
        if not log_keys:
            raise UNKNOWN_LOG(origin=checkpoint.origin, evidence={"note": data})
        names = {one.key: name for name, one in self.witnesses.items()}
        signed = open_note(note, (*log_keys, *names))
        logs = tuple(dict.fromkeys(key for key, _ in signed if key in log_keys))
        if not logs:
            raise UNSIGNED(evidence={"note": data})
        witnesses = {names[key]: timestamp(one.payload) for key, one in signed if key in names}
        if not self.is_quorum(witnesses):
            seen, wanted = ", ".join(witnesses) or "—", self.quorum
            raise NOT_WITNESSED(seen=seen, wanted=wanted, evidence={"note": data})
        known = {one for _, one in signed}
        return Vouched(checkpoint, note, logs, witnesses, tuple(one for one in note.signatures if one not in known))

    def is_quorum(self, witnesses: Iterable[str]) -> bool:
        """Whether these witnesses are enough. Sections "Defining the quorum" and "Defining a witness group"."""
        witnessed = {_NONE, *witnesses}
        for name, group in self.groups.items():  # members come before the groups that they are in
            if sum(member in witnessed for member in group.members) >= group.threshold:
                witnessed.add(name)
        return self.quorum in witnessed


def parse_policy(data: bytes) -> Policy:
    """The policy that a file says; Unverified if it is none. Section "Policy file syntax and structure"."""
    if len(data) > MAX_BYTES or _FORBIDDEN.search(data) or not data.endswith(b"\n"):
        raise malformed(_WHAT, f"lines that end in newlines, no other control character but tabs, {MAX_BYTES} bytes")
    # Section "Character set": names are opaque octets, which this keeps apart and gives back as they were.
    text = data.decode(errors="surrogateescape")
    reader = _Reader()
    for line in text.split("\n"):
        words = re.split("[ \t]+", line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            reader.read(words)
    return reader.policy()


class _Reader:
    """What the lines of a policy have said so far."""

    def __init__(self) -> None:
        self.logs: list[Party] = []
        self.witnesses: dict[str, Party] = {}
        self.groups: dict[str, Group] = {}
        self.quorum = ""
        self.members: set[str] = set()

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) < 2:
                self.logs.append(_party(vkey, url, _LOG_TYPES, self.logs))
            case ["witness", name, vkey, *url] if len(url) < 2:
                self.define(name)
                self.witnesses[name] = _party(vkey, url, _WITNESS_TYPES, self.witnesses.values())
            case ["group", name, threshold, *members] if members:
                self.group(name, threshold, tuple(members))
            case ["quorum", name] if not self.quorum and (name == _NONE or self.is_defined(name)):
                self.quorum = name
            case _:
                raise malformed(_WHAT, "log, witness, group or one quorum line, with names defined before")

    def is_defined(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def define(self, name: str) -> None:
        if name == _NONE or self.is_defined(name):
            raise malformed(_WHAT, "each name is defined once, and is not “none”")

    def group(self, name: str, threshold: str, members: tuple[str, ...]) -> None:
        self.define(name)
        if not all(map(self.is_defined, members)):
            raise malformed(_WHAT, "members are defined on preceding lines")
        if len({*members}) < len(members) or not self.members.isdisjoint(members):
            raise malformed(_WHAT, "each name is a member once at most")
        enough = {"any": 1, "all": len(members)}.get(threshold) or parse_decimal(threshold, _WHAT)
        if not 1 <= enough <= len(members):
            raise malformed(_WHAT, "a threshold is 1 to the number of members")
        self.members.update(members)
        self.groups[name] = Group(enough, members)

    def policy(self) -> Policy:
        if not self.quorum:
            raise malformed(_WHAT, "exactly one quorum line")
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum)


def _party(vkey: str, url: list[str], types: tuple[Type, ...], others: Iterable[Party]) -> Party:
    """A log or witness. Section "Public key representation": keys are duplicates whatever they are called."""
    key = parse_vkey(vkey)
    if key.type not in types:
        raise malformed(_WHAT, "a key has a signature type for what it does")
    if any(other.key.public == key.public for other in others):
        raise malformed(_WHAT, "no two logs and no two witnesses have the same key")
    return Party(key, *url)
