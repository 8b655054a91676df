"""The internal key: services of one installation recognise one another by tokens that it signs. P-256."""

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from services.common.masterkey import keep_secret
from services.common.settings import Settings

_FILE_NAME = "internal.pem"


class BadInternalKey(Exception):
    """The internal key is missing, or not a P-256 private key in PEM; the message says where, in both languages."""


def load_internal_key(settings: Settings) -> ECKey:
    """The key of REGARD_INTERNAL_KEY_FILE, else of the data folder, where one is made.

    Raises BadInternalKey, OSError.
    """
    path = settings.internal_key_file
    if path is None:
        path = settings.keys_folder / _FILE_NAME
        if not path.exists():
            keep_secret(path, ECKey.generate_key("P-256").as_pem(private=True))
    pem = path.read_bytes()
    try:
        key = ECKey.import_key(pem)
        usable = key.curve_name == "P-256" and key.is_private
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError):  # KeyError: a curve without a name here
        usable = False
    if not usable:
        raise BadInternalKey(_sentence(str(path)))
    return key


def _sentence(where: str) -> str:
    return f"{where} holds no P-256 private key in PEM. / {where} ne contient pas de clé privée P-256 au format PEM."
