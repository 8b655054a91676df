"""Verifying a transparency log: the formats of C2SP, the proofs of RFC 6962, and the receipts of Regard.

This package trusts nobody: it imports nothing of Regard's services, opens no connection, and needs only Python and
`cryptography`. What is given is bytes; what does not verify raises Unverified.

    hashing     leaves, nodes, numbers                  RFC 6962
    tree        how trees grow, and proofs              RFC 6962, RFC 9162
    tiles       the layout of a log in files            c2sp.org/tlog-tiles
    notes       texts with signatures                   c2sp.org/signed-note
    checkpoint  what a log says its tree is             c2sp.org/tlog-checkpoint
    keys        who signs, and how                      c2sp.org/signed-note, c2sp.org/tlog-cosignature
    policy      whose signatures are needed             c2sp.org/tlog-policy
    proof       that an entry is in a witnessed log     c2sp.org/tlog-proof
    history     that a log only grows                   c2sp.org/tlog-checkpoint
    addcheckpoint  what a witness checks                c2sp.org/tlog-witness
    record      what an entry of Regard stands for      docs/decisions/0005
    places      that no access to a group is missing    docs/decisions/0005
    receipt     that an access is in the log            a proof with salt and record
"""

from regard_client.verify.reasons import Unverified

__all__ = ["Unverified"]
