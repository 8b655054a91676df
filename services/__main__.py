"""`python -m services TARGET...`: runs parts of Regard in this process until Ctrl-C."""

import os
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 14):
    sys.stderr.write(
        "Regard needs Python 3.11 to 3.14; this is %d.%d. / Regard demande Python 3.11 à 3.14 ; ceci est %d.%d.\n"  # noqa: UP031
        % (sys.version_info[:2] * 2)
    )
    sys.exit(1)

# gRPC's core writes to stderr by itself; what matters of it reaches us as exceptions.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

if __name__ == "__main__":
    try:
        from services.command import main

        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:  # Ctrl-C before anything has started
        sys.exit(130)
