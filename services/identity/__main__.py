"""`python -m services.identity` runs this service alone, as `python -m services identity` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["identity", *sys.argv[1:]]))
