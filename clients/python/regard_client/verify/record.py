"""What an entry of Regard's log stands for: a record, hidden behind a commitment until somebody opens it.

* Entry: 0x01 and a commitment, 33 bytes, as long for everything.
* Commitment: HMAC-SHA-256 with 32 random bytes, the salt, as key, over a domain tag and the record.
* Record: one JSON object in UTF-8 with sorted keys and without white space. What is committed to is its bytes, so that
  nobody serialises it again. docs/decisions/0005.
"""

import hmac
import json
from collections.abc import Mapping

from regard_client.verify.reasons import malformed

SALT_BYTES = 32
ENTRY_BYTES = 33

_DOMAIN = b"regard.log/record/v1\n"
_WHAT = "record"

Record = Mapping[str, object]


def commitment(salt: bytes, record: bytes) -> bytes:
    """What stands for the record; it says nothing of it without the salt, and opens to no other record."""
    return hmac.digest(salt, _DOMAIN + record, "sha256")


def entry(salt: bytes, record: bytes) -> bytes:
    """The log's entry for the record."""
    return b"\x01" + commitment(salt, record)


def parse_record(data: bytes) -> Record:
    """What the bytes of a record say; Unverified unless they are the one way to say it."""
    try:
        record = json.loads(data.decode())
        canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # of UnicodeError too; a record is not nested deeply
        raise malformed(_WHAT, "one JSON object in UTF-8") from None
    if not isinstance(record, dict) or canonical != data:
        raise malformed(_WHAT, "one JSON object, keys sorted, no white space")
    if not isinstance(record.get("kind"), str):
        raise malformed(_WHAT, "every record has a kind")
    return record
