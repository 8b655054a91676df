"""`python -m services` with a clock that is off by the seconds in the file REGARD_FAULT_SHIFT."""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.common import clock

_FILE = Path(os.environ["REGARD_FAULT_SHIFT"])


def _shifted() -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(_FILE.read_text()))


if __name__ == "__main__":
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    clock.system_clock = _shifted  # before anything takes it: time comes from nowhere else
    from services.command import main

    sys.exit(main(sys.argv[1:]))
