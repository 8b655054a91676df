"""`python -m services.audit` starts this service alone."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["audit"]))
