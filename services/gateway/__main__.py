"""`python -m services.gateway` becomes Envoy; `python -m services.gateway config` prints its configuration and ends.

Addresses come from REGARD_<SERVICE>_ADDRESS for every service of the contract, REGARD_IDENTITY_HTTP_ADDRESS and
REGARD_PAGE_ADDRESS, each as host:port.
"""

import json
import os
import sys

from services.common import contracts
from services.common.errors import Refused
from services.common.settings import BadSettings, Settings, load_settings
from services.gateway import refusals
from services.gateway.config import Address, Addresses, Limits, configuration
from services.gateway.descriptors import descriptor_set
from services.gateway.gateway import check_port, command, edge_of, write_privately
from services.gateway.routes import IDENTITY_HTTP, PAGE


def addresses_of(settings: Settings) -> Addresses:
    """The addresses in the settings. Raises Refused (GWY-14) if one is missing or isn't host:port."""
    services = sorted({method.service for method in contracts.methods()})
    return Addresses(
        services={service: _address(settings, service) for service in services},
        identity_http=_address(settings, IDENTITY_HTTP),
        page=_address(settings, PAGE),
    )


def _address(settings: Settings, name: str) -> Address:
    host, _, port = settings.address.get(name, "").rpartition(":")
    if not host or not port.isdecimal():
        raise refusals.NO_ADDRESS(variable=f"REGARD_{name.upper()}_ADDRESS")
    return Address(host.strip("[]"), int(port))


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
    os.execv(envoy, [envoy, *options])  # noqa: S606


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BadSettings as error:
        sys.exit(str(error))
    except Refused as refused:
        sys.exit(f"{refused.refusal.id}: {refused.describe('en')} / {refused.describe('fr')}")
