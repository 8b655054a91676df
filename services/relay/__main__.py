"""`python -m services.relay` runs the relays alone, as `python -m services relay` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["relay", *sys.argv[1:]]))
