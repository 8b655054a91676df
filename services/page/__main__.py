"""`python -m services.page` runs this service alone, as `python -m services page` does."""

import sys

from services.command import main

if __name__ == "__main__":
    sys.exit(main(["page", *sys.argv[1:]]))
