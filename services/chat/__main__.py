"""`python -m services.chat` runs this service alone, as `python -m services chat` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["chat", *sys.argv[1:]]))
