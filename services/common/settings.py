"""What an operator may set: environment variables that begin with REGARD_, read once at start.

`Settings` is the only list of them; `reference()` makes the documentation's table from it.
Each service has two more, REGARD_<NAME>_LISTEN and REGARD_<NAME>_ADDRESS, kept by name in `listen` and `address`.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "REGARD_"
_PER_SERVICE = re.compile(rf"{PREFIX}(?P<service>[A-Z][A-Z0-9_]*)_(?P<kind>LISTEN|ADDRESS)")


class BadSettings(Exception):
    """A variable has a value that can't be used; each sentence says which, and what to do, in English and in French."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        self.sentences = sentences
        super().__init__("\n".join(sentences))


@dataclass(frozen=True, slots=True)
class Explained:
    """What a variable is for, and which values it takes, in both languages."""

    en: str
    fr: str
    takes_en: str
    takes_fr: str


_URI = ("an address, or nothing", "une adresse, ou rien")
_PORT = ("a whole number from 0 to 65535", "un nombre entier de 0 à 65535")
_TEXT = ("text", "un texte")
_FILE = ("the path of a file", "le chemin d'un fichier")

Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """The settings of one process; frozen, so that nothing changes under a running service."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    data: Annotated[
        Path,
        Explained(
            "Folder of everything that Regard keeps by itself: embedded event store, views, keys, log tiles.",
            "Dossier de tout ce que Regard garde lui-même : journal d'événements embarqué, vues, clés, tuiles.",
            "the path of a folder",
            "le chemin d'un dossier",
        ),
    ] = Path("data")
    host: Annotated[
        str,
        Explained(
            "Address on which the gateway listens.",
            "Adresse sur laquelle la passerelle écoute.",
            "an IP address of this machine; 0.0.0.0 for all",
            "une adresse IP de cette machine ; 0.0.0.0 pour toutes",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        Port,
        Explained(
            "Port of the gateway: page, JSON, gRPC and gRPC-Web. 0 takes a free one.",
            "Port de la passerelle : page, JSON, gRPC et gRPC-Web. 0 en prend un libre.",
            *_PORT,
        ),
    ] = 8080
    public_url: Annotated[
        str,
        Explained(
            "Address under which people reach Regard; empty for http://localhost and the port.",
            "Adresse à laquelle on accède à Regard ; vide pour http://localhost et le port.",
            *_URI,
        ),
    ] = ""
    origins: Annotated[
        str,
        Explained(
            "Web origins, besides the gateway's own, whose pages may call.",
            "Origines web, en plus de celle de la passerelle, dont les pages peuvent appeler.",
            "https://host,https://host, or nothing",
            "https://hôte,https://hôte, ou rien",
        ),
    ] = ""
    proxies: Annotated[
        int,
        Field(ge=0, le=10),
        Explained(
            "How many proxies stand before the gateway, whose x-forwarded-for is believed.",
            "Combien de mandataires précèdent la passerelle, dont l'en-tête x-forwarded-for est cru.",
            "a whole number from 0 to 10",
            "un nombre entier de 0 à 10",
        ),
    ] = 0
    access_log: Annotated[
        bool,
        Explained(
            "Whether the gateway writes a line per call: method and outcome, no person, address or path.",
            "Si la passerelle écrit une ligne par appel : méthode et issue, sans personne, adresse ni chemin.",
            "true or false",
            "true ou false",
        ),
    ] = False
    eventstore_uri: Annotated[
        str,
        Explained(
            "KurrentDB or EventStoreDB: kurrentdb://user:password@host:port?tls=true&tlsCaFile=/ca.pem, or esdb://…, "
            "with user and password percent-encoded; empty for the embedded event store.",
            "KurrentDB ou EventStoreDB : kurrentdb://nom:secret@hôte:port?tls=true&tlsCaFile=/ca.pem, ou esdb://…, "
            "nom et secret encodés avec des signes pour cent ; vide pour le journal embarqué.",
            *_URI,
        ),
    ] = ""
    eventstore_port: Annotated[
        Port,
        Explained(
            "Port of the embedded event store; 0 takes a free one.",
            "Port du journal d'événements embarqué ; 0 en prend un libre.",
            *_PORT,
        ),
    ] = 0
    kafka_bootstrap: Annotated[
        str,
        Explained(
            "Kafka brokers as host:port,host:port; empty for the embedded one.",
            "Serveurs Kafka, sous la forme hôte:port,hôte:port ; vide pour celui qui est embarqué.",
            *_URI,
        ),
    ] = ""
    kafka_tls: Annotated[
        bool,
        Explained(
            "Whether the Kafka brokers are spoken to by TLS.",
            "Si l’on parle aux serveurs Kafka par TLS.",
            "true or false",
            "true ou false",
        ),
    ] = False
    kafka_ca_file: Annotated[
        Path | None,
        Explained(
            "Certificates of the authority that the brokers' are by (PEM); unset: the authorities of this machine.",
            "Certificats de l’autorité qui a signé ceux des serveurs (PEM) ; sans lui, les autorités de la machine.",
            *_FILE,
        ),
    ] = None
    kafka_user: Annotated[
        str,
        Explained(
            "User for Kafka, by SCRAM-SHA-512; empty for none.",
            "Utilisateur de Kafka, par SCRAM-SHA-512 ; vide s’il n’y en a pas.",
            *_TEXT,
        ),
    ] = ""
    kafka_password_file: Annotated[
        Path | None,
        Explained("File that holds that user's password.", "Fichier du mot de passe de cet utilisateur.", *_FILE),
    ] = None
    database_url: Annotated[
        str,
        Explained(
            "PostgreSQL for the views, as postgresql+asyncpg://…; empty for SQLite files in the data folder.",
            "PostgreSQL pour les vues, sous la forme postgresql+asyncpg://… ; vide pour des fichiers SQLite.",
            *_URI,
        ),
    ] = ""
    master_key: Annotated[
        SecretStr,
        Explained(
            "The key that wraps all others. Prefer the file.",
            "La clé qui enveloppe toutes les autres. Préférez le fichier.",
            "32 bytes in base64",
            "32 octets en base64",
        ),
    ] = SecretStr("")
    master_key_file: Annotated[
        Path | None,
        Explained(
            "File that holds the master key; unset, embedded mode makes one in the data folder.",
            "Fichier de la clé maîtresse ; sans lui, le mode embarqué en crée une dans le dossier de données.",
            *_FILE,
        ),
    ] = None
    internal_key_file: Annotated[
        Path | None,
        Explained(
            "File with the key by which services recognise one another (PEM, P-256); as for the master key.",
            "Fichier de la clé par laquelle les services se reconnaissent (PEM, P-256) ; comme la clé maîtresse.",
            *_FILE,
        ),
    ] = None
    log_leaves: Annotated[
        int,
        Field(ge=1, le=1024),
        Explained(
            "Entries that the log of accesses grows by every quarter of a second, whatever happens: docs/log.md.",
            "Entrées dont le journal des accès croît chaque quart de seconde, quoi qu'il arrive : docs/log.md.",
            "a whole number from 1 to 1024",
            "un nombre entier de 1 à 1024",
        ),
    ] = 4
    log_storage: Annotated[
        str,
        Explained(
            "Bucket of the log's files, as s3://bucket/prefix, reached as AWS_… variables say; empty: data folder.",
            "Compartiment des fichiers du journal, s3://nom/préfixe, atteint selon les variables AWS_… ; vide : data.",
            *_URI,
        ),
    ] = ""
    log_witnesses_file: Annotated[
        Path | None,
        Explained(
            "File with the log's witnesses and their quorum, as c2sp.org/tlog-policy has them, without log lines.",
            "Fichier des témoins du journal et de leur quorum, au format c2sp.org/tlog-policy, sans ligne log.",
            *_FILE,
        ),
    ] = None
    ledger_months: Annotated[
        int,
        Field(ge=1, le=36),
        Explained(
            "For how many months accesses are kept, by every part; more than 12 need REGARD_LEDGER_JUSTIFICATION.",
            "Pendant combien de mois chaque partie garde les accès ; plus de 12 exigent REGARD_LEDGER_JUSTIFICATION.",
            "a whole number from 1 to 36",
            "un nombre entier de 1 à 36",
        ),
    ] = 12
    ledger_justification: Annotated[
        str,
        Field(max_length=500),
        Explained(
            "Why accesses are kept for longer than 12 months; recorded with each erasure.",
            "Pourquoi les accès sont gardés plus de 12 mois ; inscrit avec chaque effacement.",
            "text of at most 500 characters",
            "un texte d’au plus 500 caractères",
        ),
    ] = ""
    issuer: Annotated[
        str,
        Explained("Issuer named in access tokens.", "Émetteur nommé dans les jetons d'accès.", *_TEXT),
    ] = "regard"
    audience: Annotated[
        str,
        Explained("Audience named in access tokens.", "Destinataire nommé dans les jetons d'accès.", *_TEXT),
    ] = "regard"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Explained(
            "How much is logged.",
            "Ce qui est journalisé.",
            "debug, info, warning or error",
            "debug, info, warning ou error",
        ),
    ] = "info"
    metrics_port: Annotated[
        Port,
        Explained(
            "Port for Prometheus metrics; 0 for none. What “all” runs beside it has the next one.",
            "Port des mesures Prometheus ; 0 pour aucun. Ce que « all » lance à côté a le suivant.",
            *_PORT,
        ),
    ] = 0
    listen: Annotated[
        Mapping[str, str],
        NoDecode,  # REGARD_LISTEN itself means nothing, and is refused as what it is: text
        Explained(
            "REGARD_<NAME>_LISTEN: where a service that runs alone listens.",
            "REGARD_<NOM>_LISTEN : où écoute un service lancé seul.",
            "host:port",
            "hôte:port",
        ),
    ] = Field(default_factory=dict)
    address: Annotated[
        Mapping[str, str],
        NoDecode,
        Explained(
            "REGARD_<NAME>_ADDRESS: where the others reach that service.",
            "REGARD_<NOM>_ADDRESS : où les autres atteignent ce service.",
            "host:port",
            "hôte:port",
        ),
    ] = Field(default_factory=dict)

    @property
    def keys_folder(self) -> Path:
        """Where embedded mode keeps the keys it made."""
        return self.data / "keys"

    @property
    def installation_code_file(self) -> Path:
        """Where the code lies with which whoever installed Regard makes the first account."""
        return self.keys_folder / "installation-code"

    @property
    def ledger_retention(self) -> timedelta:
        """For how long accesses are kept."""
        return timedelta(days=self.ledger_months * 365 // 12)

    @property
    def url(self) -> str:
        """Where people reach Regard."""
        return self.public_url or f"http://localhost:{self.port}"

    @property
    def gateway_url(self) -> str:
        """Where this process reaches the gateway, as the page does, a client like any other."""
        return f"http://{self.address.get('gateway') or f'127.0.0.1:{self.port}'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, with the two variables of each service."""
        return init_settings, env_settings, _PerService(settings_cls)


class _PerService(PydanticBaseSettingsSource):
    """Collects REGARD_<NAME>_LISTEN and REGARD_<NAME>_ADDRESS into `listen` and `address`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {"listen": {}, "address": {}}
        for name, value in os.environ.items():
            if match := _PER_SERVICE.fullmatch(name):
                found[match["kind"].lower()][match["service"].lower()] = value
        return found


def load_settings(**overrides: object) -> Settings:
    """The settings in the environment, `overrides` first. Raises BadSettings."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # checked by pydantic, that is the point
    except ValidationError as error:
        names = dict.fromkeys(str(one["loc"][0]) for one in error.errors(include_input=False, include_url=False))
        raise BadSettings(tuple(_sentence(name) for name in names)) from None


def bad_value(name: str) -> BadSettings:
    """The value of a setting turned out not to be usable."""
    return BadSettings((_sentence(name),))


def _sentence(name: str) -> str:
    explained = _explained(Settings.model_fields[name])
    variable = _variable(name)
    return (
        f"{variable} can't be used: it takes {explained.takes_en}. "
        f"/ {variable} est inutilisable : il faut {explained.takes_fr}."
    )


def misspelt(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences about variables that begin with REGARD_, mean nothing, and resemble one that does."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    unknown = (name for name in environment if name.startswith(PREFIX) and name not in known)
    close = (
        (name, difflib.get_close_matches(name, known, n=1, cutoff=0.8))
        for name in unknown
        if not _PER_SERVICE.fullmatch(name)
    )
    return tuple(
        f"{name} means nothing to Regard; is {match[0]} meant? / {name} ne dit rien à Regard ; est-ce {match[0]} ?"
        for name, match in close
        if match
    )


def reference(language: Literal["en", "fr"] = "en") -> str:
    """The table of all settings, in Markdown."""
    head = ("Variable", "Default", "Meaning") if language == "en" else ("Variable", "Par défaut", "Sens")
    rows = [f"| {' | '.join(head)} |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        explained = _explained(field)
        meaning = explained.en if language == "en" else explained.fr
        takes = explained.takes_en if language == "en" else explained.takes_fr
        variable = _variable(name)
        default = "" if field.default_factory or isinstance(field.default, SecretStr) else field.default
        shown = f"`{default}`" if default not in ("", None) else ""
        rows.append(f"| `{variable}` | {shown} | {meaning} ({takes}) |")
    return "\n".join(rows) + "\n"


def _variable(name: str) -> str:
    return f"{PREFIX}<NAME>_{name.upper()}" if name in ("listen", "address") else PREFIX + name.upper()


def _explained(field: FieldInfo) -> Explained:
    return next(note for note in field.metadata if isinstance(note, Explained))
