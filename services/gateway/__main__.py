"""`python -m services.gateway` becomes Envoy; `python -m services.gateway config` prints its configuration and ends.

Addresses come from REGARD_<SERVICE>_ADDRESS for every service of the contract, REGARD_IDENTITY_HTTP_ADDRESS and
REGARD_PAGE_ADDRESS, each as host:port.
"""

import json
import os
import sys

from services.common import contracts
from services.common.errors import Refused
from services.common.settings import BadSettings, load_settings
from services.gateway.config import Limits, configuration
from services.gateway.descriptors import descriptor_set
from services.gateway.gateway import addresses_of, check_port, command, edge_of, write_privately


def main(arguments: list[str]) -> None:
    """Prints the configuration, or replaces this process by Envoy. Raises Refused, BadSettings."""
    settings = load_settings()
    methods = contracts.methods()
    edge = edge_of(settings, settings.port, Limits())
    text = json.dumps(configuration(methods, descriptor_set(methods), addresses_of(settings), edge))
    if arguments == ["config"]:
        sys.stdout.write(text + "\n")
        return
    check_port(settings.host, settings.port)
    folder = settings.data / "gateway"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_privately(folder / "envoy.json", text)
    envoy, *options = command(folder / "envoy.json")
    os.execv(envoy, [envoy, *options, "--disable-hot-restart"])  # noqa: S606  # else several would collide


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadSettings as error:
        sys.exit(str(error))
    except Refused as refused:
        sys.exit(f"{refused.refusal.id}: {refused.describe('en')} / {refused.describe('fr')}")
