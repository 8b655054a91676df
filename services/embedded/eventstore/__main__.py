"""`python -m services.embedded.eventstore`: an event store in $REGARD_DATA/eventstore, on $REGARD_EVENTSTORE_PORT."""

import os
import sys
from pathlib import Path

import uvloop

from services.common.errors import Refused
from services.embedded.eventstore.node import serve


def main() -> int:
    """Serves until interrupted; 1 if it cannot begin, with the reason on standard error."""
    folder = Path(os.environ.get("REGARD_DATA", "./data")) / "eventstore"
    try:
        uvloop.run(serve(folder, int(os.environ.get("REGARD_EVENTSTORE_PORT", "2113"))))
    except Refused as refused:
        sys.stderr.write(f"{refused.refusal.id} {refused.describe('en')}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
