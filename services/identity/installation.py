"""The code with which whoever installed Regard makes the first account: printed at start, good for one use."""

import hmac
import secrets

from services.common.masterkey import keep_secret
from services.common.settings import Settings


def installation_code(settings: Settings) -> str:
    """The code of this installation, made the first time; 100 random bits in five groups. Raises OSError."""
    if not settings.installation_code_file.exists():
        keep_secret(settings.installation_code_file, _new_code().encode())
    return settings.installation_code_file.read_text()


def is_installation_code(settings: Settings, code: str) -> bool:
    """Whether `code` is the one that was made here and not yet used."""
    try:
        expected = settings.installation_code_file.read_text()
    except FileNotFoundError:
        return False
    return hmac.compare_digest(expected.encode(), code.strip().upper().encode())


def forget_installation_code(settings: Settings) -> None:
    """Makes the code useless."""
    settings.installation_code_file.unlink(missing_ok=True)


def _new_code() -> str:
    # Base 32 without the letters and digits that are taken for one another.
    return "-".join("".join(secrets.choice("ABCDEFGHJKLMNPQRSTUVWXYZ23456789") for _ in range(4)) for _ in range(5))
