"""Receipts to test with: a log of some size, its keys and witnesses, and what they sign."""

from __future__ import annotations

import hashlib
import json

from regard_client.verify.checkpoint import Checkpoint
from regard_client.verify.hashing import leaf_hash
from regard_client.verify.keys import SigningKey, Type
from regard_client.verify.notes import Note
from regard_client.verify.policy import Group, Party, Policy
from regard_client.verify.receipt import Receipt
from regard_client.verify.record import entry
from regard_client.verify.tree import inclusion_proof, root_of

ORIGIN = "regard.example/log"
AT_S = 1_767_139_200
RECORD = json.dumps(
    {
        "access": {"reader_id": "léo"},
        "group": "g",
        "index": 0,
        "kind": "access",
        "of": 1,
        "previous": "",
        "revision": 3,
    },
    separators=(",", ":"),
    ensure_ascii=False,
).encode()


def key(name: str, type_: Type) -> SigningKey:
    """The same key each time, so that failures can be repeated."""
    return SigningKey(name, type_, hashlib.sha256(f"{name} {type_}".encode()).digest())


LOG = key(ORIGIN, Type.ED25519)
LOG_MLDSA = key(ORIGIN, Type.COSIGNATURE_MLDSA44)
COUNCIL = key("council.example/w1", Type.COSIGNATURE_ED25519)
COMPANY = key("company.example/w2", Type.COSIGNATURE_ED25519)
THIRD = key("third.example/w3", Type.COSIGNATURE_MLDSA44)
POLICY = Policy(
    (Party(LOG.verifier), Party(LOG_MLDSA.verifier)),
    {"council": Party(COUNCIL.verifier), "company": Party(COMPANY.verifier), "third": Party(THIRD.verifier)},
    {"enough": Group(1, ("council", "company", "third"))},
    "enough",
)


def receipt(*signers: SigningKey, size: int = 11, index: int = 6, record: bytes = RECORD) -> Receipt:
    """A receipt for `record`, entry `index` of `size`, signed by `signers`."""
    salt = hashlib.sha256(b"salt").digest()
    entries = [b"\x01" + at.to_bytes(32, "big") for at in range(size)]
    entries[index] = entry(salt, record)
    leaves = [leaf_hash(one) for one in entries]
    text = str(Checkpoint(ORIGIN, size, root_of(leaves)))
    hashes = inclusion_proof(index, size, lambda level, at: root_of(leaves[at << level : at + 1 << level]))
    return Receipt(salt, record, index, hashes, Note(text, tuple(one.sign(text, AT_S) for one in signers)))
