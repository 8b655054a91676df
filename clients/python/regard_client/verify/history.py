"""One log as one observer sees it over time: what comes later must contain what came before.

Specification: https://c2sp.org/tlog-checkpoint@v1.0.0, section "Signatures": a log must not sign inconsistent
checkpoints. Two of them, signed by its key, prove to anybody that it did; they are the evidence of what is raised here.
"""

from collections.abc import Callable

from regard_client.verify.checkpoint import parse_checkpoint
from regard_client.verify.notes import Note
from regard_client.verify.reasons import FORKED, OTHER_LOG, ROLLED_BACK, Unverified
from regard_client.verify.tree import Proof, verify_consistency

Prove = Callable[[int, int], Proof]
"""(old size, new size) to the consistency proof between them, which nobody has to trust."""


def require_growth(last: Note, now: Note, prove: Prove) -> None:
    """Raises Unverified unless the tree of `last` is the beginning of that of `now`.

    Both are notes of checkpoints that the observer has accepted, the former earlier.
    """
    old, new = parse_checkpoint(last.text), parse_checkpoint(now.text)
    evidence = {"last": bytes(last), "now": bytes(now)}
    if old.origin != new.origin:
        raise OTHER_LOG(origin=new.origin, wanted=old.origin, evidence=evidence)
    if new.size < old.size:
        raise ROLLED_BACK(old=old.size, new=new.size, evidence=evidence)
    proof = prove(old.size, new.size) if 0 < old.size < new.size else ()
    try:
        verify_consistency(old.size, new.size, proof, old.root, new.root)
    except Unverified as refused:
        evidence["proof"] = b"".join(proof)
        raise FORKED(old=old.size, new=new.size, evidence=evidence) from refused
