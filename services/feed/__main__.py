"""`python -m services.feed` runs this service alone, as `python -m services feed` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["feed", *sys.argv[1:]]))
