"""A group's rules in plain sentences: what holds now, and what a change of them changes."""

from collections.abc import Callable
from dataclasses import dataclass

from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Sentence
from regard.groups.v1.rules_pb2 import (
    BREAK_GLASS_TWO_KEYS,
    INVITE_POLICY_MEMBERS,
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_ON_REQUEST,
    PAST_VISIBILITY_FROM_JOINING,
    READERS_SHOWN_BY_ROLE,
    READERS_SHOWN_COUNTS,
    READERS_SHOWN_EVERYONE_BY_NAME,
    Rules,
)

from services.groups.group.voting import period_days, quorum_percent

_DEFAULT_WINDOW_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Text:
    """A sentence in both languages."""

    en: str
    fr: str


def sentences(rules: Rules) -> tuple[Sentence, ...]:
    """The rules, a sentence each."""
    return tuple(Sentence(en=text.en, fr=text.fr) for text in (tell(rules) for tell in _TOLD))


def changes(before: Rules, after: Rules) -> tuple[Sentence, ...]:
    """What differs, a sentence each; a setting that has no effect in either makes no difference."""
    pairs = ((tell(before), tell(after)) for tell in _TOLD)
    return tuple(
        Sentence(en=f"{now.en} Before: {then.en}", fr=f"{now.fr} Avant : {then.fr}")
        for then, now in pairs
        if then != now
    )


def _level(rules: Rules) -> Text:
    if rules.level == LEVEL_OPEN:
        return Text("The group is open: every colleague reads it.", "Le groupe est ouvert : chaque collègue le lit.")
    if rules.level == LEVEL_RESTRICTED:
        return Text("The group is restricted: its members read it.", "Le groupe est restreint : ses membres le lisent.")
    return Text(
        "The group is confidential: its members read it, and every access is recorded.",
        "Le groupe est confidentiel : ses membres le lisent, et chaque accès est enregistré.",
    )


def _finding(rules: Rules) -> Text:
    if rules.level == LEVEL_OPEN or (rules.level == LEVEL_RESTRICTED and rules.discoverable):
        return Text("Every colleague can find it.", "Chaque collègue peut le trouver.")
    return Text("Only its members know that it exists.", "Seuls ses membres savent qu’il existe.")


def _joining(rules: Rules) -> Text:
    hidden = rules.level == LEVEL_CONFIDENTIAL or (rules.level == LEVEL_RESTRICTED and not rules.discoverable)
    if hidden or rules.join not in (JOIN_POLICY_ANYONE, JOIN_POLICY_ON_REQUEST):
        return Text("It is joined by invitation.", "On le rejoint sur invitation.")
    if rules.join == JOIN_POLICY_ANYONE:
        return Text("Every colleague can join it.", "Chaque collègue peut le rejoindre.")
    return Text(
        "Every colleague can ask to join it; a moderator approves.",
        "Chaque collègue peut demander à le rejoindre ; une personne qui modère approuve.",
    )


def _inviting(rules: Rules) -> Text:
    if rules.invite == INVITE_POLICY_MEMBERS:
        return Text("Every member can invite.", "Chaque membre peut inviter.")
    return Text("Moderators and stewards invite.", "La modération et l’intendance invitent.")


def _past(rules: Rules) -> Text:
    if rules.past == PAST_VISIBILITY_FROM_JOINING:
        return Text(
            "Who joins sees what is written from then on.",
            "Qui rejoint le groupe voit ce qui s’y écrit à partir de ce moment.",
        )
    return Text("Who joins sees all of the past.", "Qui rejoint le groupe voit tout le passé.")


def _guests(rules: Rules) -> Text:
    if rules.guests_allowed:
        return Text(
            "Guests may be let in, each until a date.", "Des invités peuvent être admis, chacun jusqu’à une date."
        )
    return Text("No guests are let in.", "Aucun invité n’est admis.")


def _readers(rules: Rules) -> Text:
    if rules.readers == READERS_SHOWN_EVERYONE_BY_NAME:
        return Text(
            "Whoever looked is shown by name: who sees, is seen.",
            "Qui a regardé est montré par son nom : qui voit est vu.",
        )
    if rules.readers == READERS_SHOWN_BY_ROLE:
        return Text(
            "Whoever looked is shown by role and reason, without name.",
            "Qui a regardé est montré par son rôle et son motif, sans nom.",
        )
    if rules.readers == READERS_SHOWN_COUNTS:
        return Text("Those who looked are counted.", "Les personnes qui ont regardé sont comptées.")
    return Text(
        "Those who looked without being members are shown by name; members are counted.",
        "Qui a regardé sans être membre est montré par son nom ; les membres sont comptés.",
    )


def _break_glass(rules: Rules) -> Text:
    if rules.break_glass == BREAK_GLASS_TWO_KEYS:
        return Text(
            "In an emergency, two people with roles of the organisation may open it together; "
            "members are told, at once or 90 days later at most.",
            "En cas d’urgence, deux personnes aux rôles prévus peuvent l’ouvrir ensemble ; "
            "les membres en sont prévenus, aussitôt ou 90 jours après au plus.",
        )
    return Text(
        "No role of the organisation can have it opened.", "Aucun rôle de l’organisation ne peut le faire ouvrir."
    )


def _retention(rules: Rules) -> Text:
    if rules.retention_days:
        return Text(
            f"What is written expires after {rules.retention_days} days.",
            f"Ce qui s’y écrit expire après {rules.retention_days} jours.",
        )
    return Text("What is written does not expire.", "Ce qui s’y écrit n’expire pas.")


def _consent(rules: Rules) -> Text:
    percent, days = quorum_percent(rules), period_days(rules)
    return Text(
        f"Lowering its protection takes the consent of {percent}% of the members within {days} days.",
        f"Abaisser sa protection demande l’accord de {percent} % des membres en {days} jours.",
    )


def _window(rules: Rules) -> Text:
    minutes = rules.window_minutes or _DEFAULT_WINDOW_MINUTES
    return Text(
        f"Reading the same again within {minutes} minutes is one access.",
        f"Relire la même chose dans les {minutes} minutes est un seul accès.",
    )


_TOLD: tuple[Callable[[Rules], Text], ...] = (
    _level,
    _finding,
    _joining,
    _inviting,
    _past,
    _guests,
    _readers,
    _break_glass,
    _retention,
    _consent,
    _window,
)
