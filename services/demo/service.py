"""Puts the demonstration together: one task that fills an empty installation, then ends."""

from regard_client.errors import RegardError
from regard_client.importers.report import patiently
from services.common.kernel import Kernel, Service
from services.common.settings import Settings
from services.common.telemetry import logger
from services.demo.seeding import FILE, seed

ON_REQUEST = True

_log = logger(__name__)


def build(settings: Settings, kernel: Kernel) -> Service:
    """The task, not yet running."""

    async def fill() -> None:
        try:
            # Services may still be coming up behind the gateway; seeding goes on where it stopped.
            await patiently(lambda: seed(settings.gateway_url, settings.data, settings.installation_code_file, tell))
        except RegardError as error:
            # The installation is somebody's own, or out of reach: it works all the same, without the company.
            _log.warning("no demonstration company was made", error_id=error.id)

    def tell(sentence: str) -> None:
        _log.info(sentence)

    async def welcome() -> tuple[str, ...]:
        file = settings.data / FILE
        return (
            f"The demonstration company moves in: look through anyone's eyes on the page; their password is in {file}",
            f"La société de démonstration s’installe : voyez la page par les yeux de chacun ; mot de passe dans {file}",
        )

    return Service(name="demo", tasks=(fill,), welcome=welcome, speaks_for_all=True)
