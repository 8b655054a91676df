"""Receipts: what proves to anybody, without us and without a network, that an access is in the log.

A receipt is a tlog-proof (`proof`) whose extra data is the salt, 32 bytes, and the record. All of it is verified:

* salt and record make the entry, the entry and the proof make the root;
* root, size and origin are signed by the log and by the witnesses that the policy wants;
* every signature line is by a key of the policy. Elsewhere unknown ones are ignored, as signed-note asks; but whoever
  makes a receipt chooses its lines, and one that nobody can verify has no place in evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import Hash, format_hash, leaf_hash
from regard_client.verify.notes import Note
from regard_client.verify.policy import Policy, Vouched
from regard_client.verify.proof import TlogProof, parse_proof
from regard_client.verify.reasons import UNKNOWN_SIGNATURE, Language, malformed
from regard_client.verify.record import SALT_BYTES, Record, entry, parse_record
from regard_client.verify.tree import Proof, verify_inclusion

SUFFIX = ".tlog-proof"


@dataclass(frozen=True, slots=True)
class Receipt:
    """An access, and what proves that it is entry `index` of the log."""

    salt: bytes
    record: bytes
    index: int
    hashes: Proof
    checkpoint: Note

    def __bytes__(self) -> bytes:
        """The file."""
        return bytes(TlogProof(self.index, self.hashes, self.checkpoint, self.salt + self.record))


def parse_receipt(data: bytes) -> Receipt:
    """The inverse of `bytes(receipt)`; Unverified for every other file."""
    proof = parse_proof(data)
    salt, record = proof.extra[:SALT_BYTES], proof.extra[SALT_BYTES:]
    if not record:
        raise malformed("receipt", "its extra data is a salt of 32 bytes and a record")
    return Receipt(salt, record, proof.index, proof.hashes, proof.checkpoint)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that was found to be right. `id` names the step, and never changes."""

    id: str
    en: str
    fr: str

    def sentence(self, language: Language) -> str:
        """For people."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Verified:
    """What a receipt proves."""

    record: Record
    index: int
    vouched: Vouched


def verify_receipt(data: bytes, policy: Policy, tell: Callable[[Step], object] = lambda step: None) -> Verified:
    """What the receipt proves to those who trust the policy; each step is told as it succeeds. Raises Unverified.

    tlog-proof, section "Verifying a tlog proof".
    """
    receipt = parse_receipt(data)
    tell(_read(receipt))
    record = parse_record(receipt.record)
    leaf = leaf_hash(entry(receipt.salt, receipt.record))
    tell(_entry(record, leaf))
    vouched = policy.open(bytes(receipt.checkpoint))
    if vouched.unknown:
        raise UNKNOWN_SIGNATURE(name=vouched.unknown[0].name, evidence={"receipt": data})
    tell(_signed(vouched))
    tell(_witnessed(vouched))
    tree = vouched.checkpoint
    verify_inclusion(leaf, receipt.index, tree.size, receipt.hashes, tree.root)
    tell(_included(tree))
    return Verified(record, receipt.index, vouched)


def _read(receipt: Receipt) -> Step:
    return Step(
        "read",
        f"The file is a receipt for entry {receipt.index}.",
        f"Le fichier est un reçu pour l’entrée {receipt.index}.",
    )


def _entry(record: Record, leaf: Hash) -> Step:
    kind, shown = record["kind"], format_hash(leaf)
    return Step(
        "entry",
        f"Its record ({kind}) and its salt make the entry with the hash {shown}.",
        f"Son enregistrement ({kind}) et son sel donnent l’entrée d’empreinte {shown}.",
    )


def _signed(vouched: Vouched) -> Step:
    keys = ", ".join(f"{key.type.name} {key.key_id.hex()}" for key in vouched.logs)
    origin, size, root = vouched.checkpoint.origin, vouched.checkpoint.size, format_hash(vouched.checkpoint.root)
    return Step(
        "signed",
        f"The log {origin} signed that it has {size} entries and the root {root}: {keys}.",
        f"Le journal {origin} a signé qu’il a {size} entrées et la racine {root} : {keys}.",
    )


def _witnessed(vouched: Vouched) -> Step:
    if not vouched.witnesses:
        return Step(
            "witnessed",
            "The policy asks for no witness: nobody but the log says that everybody is shown the same log.",
            "La politique n’exige pas de témoin : seul le journal affirme que tous voient le même journal.",
        )
    seen = ", ".join(f"{name} ({_moment(at_s)})" for name, at_s in vouched.witnesses.items())
    return Step(
        "witnessed",
        f"Enough witnesses signed that this is the log that they see: {seen}.",
        f"Assez de témoins ont signé que c’est bien le journal qu’ils voient : {seen}.",
    )


def _included(tree: Checkpoint) -> Step:
    return Step(
        "included",
        f"The entry is one of these {tree.size}: the proof leads from its hash to that root.",
        f"L’entrée est l’une de ces {tree.size} : la preuve mène de son empreinte à cette racine.",
    )


def _moment(at_s: int) -> str:
    """A time for people; a cosignature's may lie beyond what a date can say."""
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at_s} s"
