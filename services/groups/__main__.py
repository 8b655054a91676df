"""`python -m services.groups` runs this service alone, as `python -m services groups` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["groups", *sys.argv[1:]]))
