"""The system's browser, which tests and benchmarks drive without a window."""

import os
import shutil
from typing import Any


def how_to_launch() -> dict[str, Any]:
    """Playwright's options for a Chromium: the one that REGARD_CHROMIUM names, or the system's. LookupError if none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("REGARD_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        raise LookupError("there is no Chromium here: install one, or name it in REGARD_CHROMIUM")
    # Chromium's sandbox does not work for root, as whom containers run.
    return {"executable_path": program, "args": ["--no-sandbox"] if os.geteuid() == 0 else []}
