"""Why a file, or a line or a part of it, is not imported: stable ids, and sentences in both languages.

Sentences are `str.format` templates with named parameters; a reason that is called with them is what a report carries.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["fr", "en"]

_ID = re.compile(r"IMP-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Said:
    """A reason with its parameters."""

    reason: "Reason"
    params: Mapping[str, object]

    def words(self, language: Language) -> str:
        """Its sentence."""
        return (self.reason.fr if language == "fr" else self.reason.en).format_map(self.params)

    def text(self, language: Language) -> str:
        """Its id and its sentence."""
        return f"{self.reason.id}: {self.words(language)}"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, declared once."""

    id: str
    en: str
    fr: str

    def __call__(self, **params: object) -> Said:
        """What to report."""
        return Said(self, params)


_catalogue: dict[str, Reason] = {}


def catalogue() -> Iterator[Reason]:
    """Every reason, by id."""
    return iter(sorted(_catalogue.values(), key=lambda reason: reason.id))


def _reason(id: str, en: str, fr: str) -> Reason:
    if not _ID.fullmatch(id) or id in _catalogue:
        raise ValueError(f"{id} is malformed, or declared twice")
    _catalogue[id] = Reason(id, en, fr)
    return _catalogue[id]


# Whole files.
TOO_LARGE = _reason(
    "IMP-01",
    "{file} is larger than {mebibytes} MiB: split it.",
    "{file} dépasse {mebibytes} Mio : découpez-le.",
)
NOT_UTF8 = _reason(
    "IMP-02",
    "{file} is not UTF-8 text (byte {byte}): save it as UTF-8.",
    "{file} n’est pas du texte UTF-8 (octet {byte}) : enregistrez-le en UTF-8.",
)
EMPTY = _reason("IMP-03", "{file} is empty.", "{file} est vide.")
NO_COLUMN = _reason(
    "IMP-04",
    "{file}: its first line has no column {column}.",
    "{file} : sa première ligne n’a pas de colonne {column}.",
)

# People.
NOT_CSV = _reason("IMP-10", "not CSV: {why}", "ce n’est pas du CSV : {why}")
NO_NAME = _reason(
    "IMP-11",
    "no name: people have real identities here",
    "pas de nom : ici, chacun a sa véritable identité",
)
NO_ADDRESS = _reason("IMP-12", "no e-mail address", "pas d’adresse e-mail")
BAD_ADDRESS = _reason("IMP-13", "not an e-mail address", "ce n’est pas une adresse e-mail")
BAD_LANGUAGE = _reason("IMP-14", "the language is neither fr nor en", "la langue n’est ni fr ni en")
BAD_ROLE = _reason(
    "IMP-15",
    "an unknown role; the roles are {known}",
    "un rôle inconnu ; les rôles sont {known}",
)
ADDRESS_AGAIN = _reason(
    "IMP-16",
    "the e-mail address of line {line} again",
    "encore l’adresse e-mail de la ligne {line}",
)
IDENTIFIER_AGAIN = _reason(
    "IMP-17",
    "the {attribute} of line {line} again",
    "encore le {attribute} de la ligne {line}",
)
SWITCHED_OFF = _reason(
    "IMP-18",
    "the directory has switched this account off",
    "l’annuaire a désactivé ce compte",
)

# LDIF (RFC 2849).
NO_DN = _reason("IMP-20", "a record that does not begin with dn:", "un enregistrement qui ne commence pas par dn:")
NO_ATTRIBUTE = _reason(
    "IMP-21",
    "neither an attribute with a colon, nor a comment, nor a continued line",
    "ni un attribut suivi de deux-points, ni un commentaire, ni une ligne continuée",
)
BAD_BASE64 = _reason("IMP-22", "the value of {attribute} is not base64", "la valeur de {attribute} n’est pas en base64")
VALUE_NOT_UTF8 = _reason(
    "IMP-23",
    "the value of {attribute} is not UTF-8 text",
    "la valeur de {attribute} n’est pas du texte UTF-8",
)
VALUE_ELSEWHERE = _reason(
    "IMP-24",
    "the value of {attribute} is at an address, which Regard does not fetch",
    "la valeur de {attribute} est à une adresse, que Regard ne consulte pas",
)
CHANGE = _reason(
    "IMP-25",
    "a change of type {change}: only additions are imported",
    "une modification de type {change} : seuls les ajouts sont importés",
)
BAD_VERSION = _reason(
    "IMP-26",
    "{file} is LDIF of version {version}; Regard reads version 1.",
    "{file} est du LDIF de version {version} ; Regard lit la version 1.",
)
LONG_LINE = _reason("IMP-27", "longer than {kibibytes} KiB", "plus longue que {kibibytes} Kio")
NO_PERSON = _reason(
    "IMP-28",
    "entries of the directory that are not people are left out",
    "les entrées de l’annuaire qui ne sont pas des personnes sont laissées de côté",
)
PASSWORDS = _reason(
    "IMP-29",
    "passwords of the directory are left out: people sign in with one of their own",
    "les mots de passe de l’annuaire sont laissés de côté : chacun se connecte avec le sien",
)

# Histories of other tools.
NOT_JSON = _reason("IMP-30", "not JSON, or not UTF-8", "pas du JSON, ou pas de l’UTF-8")
NO_FIELD = _reason("IMP-31", "no {field}", "pas de {field}")
NO_LIST = _reason("IMP-32", "{field} is not a list", "{field} n’est pas une liste")
NO_TIME = _reason(
    "IMP-33",
    "no {field} that says when it was written",
    "pas de {field} qui dise quand cela a été écrit",
)
LONG_MESSAGE = _reason(
    "IMP-34",
    "a message longer than {limit} characters",
    "un message de plus de {limit} caractères",
)
NOT_IN_EXPORT = _reason("IMP-35", "{what} is not in the export", "{what} n’est pas dans l’export")
AGAIN = _reason("IMP-36", "{what} again", "encore {what}")
UNKNOWN_TYPE = _reason("IMP-37", "of an unknown type: {type}", "d’un type inconnu : {type}")
DIRECT = _reason(
    "IMP-38",
    "direct conversations are not imported: their people open them in Regard",
    "les conversations directes ne sont pas importées : leurs participants les ouvrent dans Regard",
)
NOBODY = _reason(
    "IMP-39",
    "nobody belongs to this channel, so nobody could look after it",
    "personne n’appartient à ce canal, personne ne pourrait donc s’en occuper",
)
ONLY_YOU = _reason(
    "IMP-40",
    "nobody but you belongs to this channel, so nobody could look after it",
    "personne d’autre que vous n’appartient à ce canal, personne ne pourrait donc s’en occuper",
)
CHANNEL_REFUSED = _reason("IMP-41", "its channel {channel} was refused", "son canal {channel} a été refusé")
AUTHOR_REFUSED = _reason("IMP-42", "its author {author} was refused", "son auteur {author} a été refusé")
LEFT_YOU_OUT = _reason(
    "IMP-43",
    "you run this import, so it does not make you a member of “{channel}”; one of its moderators can invite you",
    "vous lancez cet import, il ne vous rend donc pas membre de « {channel} » ; sa modération peut vous inviter",
)
CUSTOM_EMOJI = _reason(
    "IMP-44",
    "custom emoji keep their short name, without the picture",
    "les émojis personnalisés gardent leur nom court, sans l’image",
)
USER_NAME_AS_NAME = _reason(
    "IMP-45",
    "people without a name bear their user name until their profile is corrected",
    "les personnes sans nom portent leur nom d’utilisateur jusqu’à la correction de leur profil",
)
STRANGERS_REACTION = _reason(
    "IMP-46",
    "reactions of people who are not in the export are left out",
    "les réactions de personnes absentes de l’export sont laissées de côté",
)
ATTACHMENTS = _reason("IMP-47", "attachments are left out", "les pièces jointes sont laissées de côté")
NOT_MATTERMOST = _reason(
    "IMP-48",
    "{file} is not a Mattermost bulk export: its first line is no version.",
    "{file} n’est pas un export Mattermost : sa première ligne n’est pas une version.",
)
MATTERMOST_VERSION = _reason(
    "IMP-49",
    "{file} is a bulk export of version {version}; Regard reads version 1.",
    "{file} est un export de version {version} ; Regard lit la version 1.",
)
NO_AUTHOR = _reason(
    "IMP-50",
    "written by a robot or by nobody: authors are people here",
    "écrit par un robot ou par personne : ici, les auteurs sont des personnes",
)
ONLY_FILES = _reason(
    "IMP-51",
    "it has files and no text: files are not imported",
    "il y a des fichiers mais pas de texte : les fichiers ne sont pas importés",
)
ROBOTS = _reason("IMP-52", "robots get no account", "les robots n’ont pas de compte")
SYSTEM_MESSAGES = _reason(
    "IMP-53",
    "messages of the tool itself (who joined, what was renamed) are left out",
    "les messages de l’outil lui-même (qui est arrivé, ce qui a été renommé) sont laissés de côté",
)
ONLY_LAST_VERSION = _reason(
    "IMP-54",
    "edited messages have their last version only: the export has no other",
    "les messages modifiés n’ont que leur dernière version : l’export n’en a pas d’autre",
)
LOST_ROOT = _reason(
    "IMP-55",
    "answers to messages that are not imported stand alone",
    "les réponses à des messages non importés sont isolées",
)
NOT_OF_SLACK = _reason(
    "IMP-56",
    "no part of a Slack export: not read",
    "ne fait pas partie d’un export Slack : non lu",
)
NOT_SLACK = _reason(
    "IMP-57",
    "{file} is not a Slack export: it has no {member}.",
    "{file} n’est pas un export Slack : il n’a pas de {member}.",
)

LONG_ID = _reason("IMP-58", "its identifier is too long", "son identifiant est trop long")

# Archives.
NOT_ZIP = _reason(
    "IMP-60", "{file} is not a ZIP archive, or is damaged.", "{file} n’est pas une archive ZIP, ou est abîmée."
)
TOO_MANY_MEMBERS = _reason(
    "IMP-61",
    "{file} holds {count} files; at most {limit} are read.",
    "{file} contient {count} fichiers ; {limit} au plus sont lus.",
)
UNPACKS_TOO_LARGE = _reason(
    "IMP-62",
    "{file} unpacks to {mebibytes} MiB; at most {limit} are read.",
    "{file} se décompresse en {mebibytes} Mio ; {limit} au plus sont lus.",
)
BOMB = _reason(
    "IMP-63",
    "{file} holds {member}, which unpacks to {ratio} times its size: such archives are made to harm.",
    "{file} contient {member}, qui se décompresse en {ratio} fois sa taille : ces archives-là sont faites pour nuire.",
)
BAD_NAME = _reason(
    "IMP-64",
    "{file} holds a file whose name leads out of the archive or cannot be read: {member}",
    "{file} contient un fichier dont le nom mène hors de l’archive ou est illisible : {member}",
)
SYMBOLIC_LINK = _reason(
    "IMP-65",
    "{file} holds {member}, which is no file but a link.",
    "{file} contient {member}, qui n’est pas un fichier mais un lien.",
)
TWICE = _reason("IMP-66", "{file} holds {member} twice.", "{file} contient deux fois {member}.")
ENCRYPTED = _reason(
    "IMP-67",
    "{file} holds {member}, which is encrypted: unpack it with its password, and pack it again without.",
    "{file} contient {member}, qui est chiffré : décompressez avec le mot de passe, puis recompressez sans.",
)
PACKED_OTHERWISE = _reason(
    "IMP-68",
    "{file} holds {member}, packed in another way than stored or deflated.",
    "{file} contient {member}, compressé autrement que « stored » ou « deflated ».",
)
MEMBER_TOO_LARGE = _reason(
    "IMP-69", "it unpacks to more than {mebibytes} MiB", "il se décompresse en plus de {mebibytes} Mio"
)
MEMBER_DAMAGED = _reason("IMP-70", "it is damaged", "il est abîmé")
