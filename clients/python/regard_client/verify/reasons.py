"""Why something does not verify: one exception, told apart by a stable id, in French and English.

    Unverified              the only exception that this package raises for what it was given
      of a Reason           declared once, below
        .id                 stable and greppable: VER-03
        .en, .fr            the sentence, and what to do, in both languages
      .evidence             the bytes that show the fault, for whoever has to prove it to somebody else

Sentences are `str.format` templates with named parameters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Language = Literal["en", "fr"]


class Unverified(ValueError):
    """What was given does not verify, for the reason `reason`."""

    def __init__(self, reason: "Reason", params: Mapping[str, object], evidence: Mapping[str, bytes]) -> None:
        self.reason = reason
        self.params: Mapping[str, object] = MappingProxyType(dict(params))
        self.evidence: Mapping[str, bytes] = MappingProxyType(dict(evidence))
        super().__init__(f"{reason.id} {self.sentence('en')}")

    @property
    def id(self) -> str:
        """The reason's stable id."""
        return self.reason.id

    def sentence(self, language: Language) -> str:
        """Why, for people."""
        return (self.reason.fr if language == "fr" else self.reason.en).format_map(self.params)

    def remedy(self, language: Language) -> str:
        """What to do about it, for people."""
        return self.reason.remedy_fr if language == "fr" else self.reason.remedy_en


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason, declared once; calling it with the sentence's parameters gives the exception."""

    id: str
    en: str
    fr: str
    remedy_en: str
    remedy_fr: str

    def __call__(self, *, evidence: Mapping[str, bytes] = MappingProxyType({}), **params: object) -> Unverified:
        """The exception to raise; KeyError if a parameter of a sentence is missing."""
        return Unverified(self, params, evidence)


MALFORMED = Reason(
    "VER-01",
    en="This is not a well-formed {what}: {rule}.",
    fr="Ce n’est pas un {what} bien formé : {rule}.",
    remedy_en="Fetch it again; if it stays so, it was damaged or made wrongly.",
    remedy_fr="Récupérez-le à nouveau ; s’il reste ainsi, il est abîmé ou mal fait.",
)
BAD_SIGNATURE = Reason(
    "VER-02",
    en="The signature of {name} is wrong.",
    fr="La signature de {name} est fausse.",
    remedy_en="What was signed was changed, or somebody else signed in this name. Keep the file, and report it.",
    remedy_fr="Ce qui était signé a été modifié, ou un autre a signé sous ce nom. Gardez le fichier et signalez-le.",
)
UNSIGNED = Reason(
    "VER-03",
    en="No key that is trusted has signed this.",
    fr="Aucune clé de confiance n’a signé ceci.",
    remedy_en="Check that the keys are those of this log.",
    remedy_fr="Vérifiez que les clés sont celles de ce journal.",
)
NOT_INCLUDED = Reason(
    "VER-04",
    en="Entry {index} is not in the log of size {size}: the inclusion proof does not lead to its root.",
    fr="L’entrée {index} n’est pas dans le journal de taille {size} : la preuve d’inclusion ne mène pas à sa racine.",
    remedy_en="The record or its proof was changed. Keep the file, and report it.",
    remedy_fr="L’enregistrement ou sa preuve a été modifié. Gardez le fichier et signalez-le.",
)
NOT_CONSISTENT = Reason(
    "VER-05",
    en="The log of size {old} is not the beginning of the log of size {new}: its past was changed.",
    fr="Le journal de taille {old} n’est pas le début de celui de taille {new} : son passé a été modifié.",
    remedy_en="Keep both checkpoints with the proof, and report them: the log has forked.",
    remedy_fr="Gardez les deux points de contrôle avec la preuve et signalez-les : le journal a bifurqué.",
)

OTHER_LOG = Reason(
    "VER-06",
    en="This is the log {origin}, not {wanted}.",
    fr="C’est le journal {origin}, pas {wanted}.",
    remedy_en="Check which log the file or the address belongs to.",
    remedy_fr="Vérifiez de quel journal viennent le fichier ou l’adresse.",
)

UNKNOWN_LOG = Reason(
    "VER-07",
    en="The policy knows no log called {origin}.",
    fr="La politique de confiance ne connaît pas de journal nommé {origin}.",
    remedy_en="Use the policy file of the organisation that the file comes from.",
    remedy_fr="Utilisez la politique de confiance de l’organisation dont vient le fichier.",
)
NOT_WITNESSED = Reason(
    "VER-08",
    en="Not enough witnesses have signed this checkpoint: {seen}; the policy wants {wanted}.",
    fr="Trop peu de témoins ont signé ce point de contrôle : {seen} ; la politique exige {wanted}.",
    remedy_en="Ask for it again in a minute. If it stays so, others may be shown another log: report it.",
    remedy_fr="Redemandez-le dans une minute. Sinon, d’autres voient peut-être un autre journal : signalez-le.",
)

UNKNOWN_SIGNATURE = Reason(
    "VER-09",
    en="The receipt has a signature by {name} that the policy has no key for, so that nobody can verify it.",
    fr="Le reçu porte une signature de {name} dont la politique n’a pas la clé : personne ne peut la vérifier.",
    remedy_en="If the organisation has changed its keys, use its current policy file; otherwise the file was changed.",
    remedy_fr="Si l’organisation a changé de clés, utilisez sa politique actuelle ; sinon, le fichier a été modifié.",
)

ROLLED_BACK = Reason(
    "VER-10",
    en="The log shows {new} entries, and has shown {old} before: what was in it is gone.",
    fr="Le journal montre {new} entrées, et en a montré {old} auparavant : une partie a disparu.",
    remedy_en="Try again in a minute. If it stays so, keep the evidence, and show it to a witness.",
    remedy_fr="Réessayez dans une minute. Sinon, gardez les preuves et montrez-les à un témoin.",
)
FORKED = Reason(
    "VER-11",
    en="The log has forked: its {old} entries seen before are not the beginning of the {new} that it shows now.",
    fr="Le journal a bifurqué : ses {old} entrées déjà vues ne sont pas le début des {new} qu’il montre maintenant.",
    remedy_en="Keep the evidence, which is signed by the log, and show it to a witness and to the works council.",
    remedy_fr="Gardez les preuves, signées par le journal, et montrez-les à un témoin et au comité d’entreprise.",
)
WITNESS_AHEAD = Reason(
    "VER-12",
    en="The witness {name} has seen {seen} entries of this log, which has only {size}: an old copy was restored.",
    fr="Le témoin {name} a vu {seen} entrées de ce journal, qui n’en a que {size} : une ancienne copie est en place.",
    remedy_en="Stop the log, and restore the newest copy.",
    remedy_fr="Arrêtez le journal et restaurez la copie la plus récente.",
)

PLACE_MISSING = Reason(
    "VER-13",
    en="An access to the group {group} is missing: revision {revision}, number {index}.",
    fr="Un accès au groupe {group} manque : révision {revision}, numéro {index}.",
    remedy_en="Ask for the receipt of that place. If nobody gives it, an access is being hidden: report it.",
    remedy_fr="Demandez le reçu de cette place. Si personne ne le donne, un accès est caché : signalez-le.",
)
OTHER_HISTORY = Reason(
    "VER-14",
    en="The group {group} has two histories: what is at revision {revision}, number {index}, follows something else.",
    fr="Le groupe {group} a deux histoires : la révision {revision}, numéro {index}, suit autre chose.",
    remedy_en="Keep both receipts, which are signed, and show them to a witness and to the works council.",
    remedy_fr="Gardez les deux reçus, qui sont signés, et montrez-les à un témoin et au comité d’entreprise.",
)
EXPORT_CHANGED = Reason(
    "VER-15",
    en="This export is not as it was signed: {name}.",
    fr="Cette exportation n’est pas telle qu’elle a été signée : {name}.",
    remedy_en="Take another copy of it, or export again. If it is evidence, keep it, and report it.",
    remedy_fr="Prenez-en une autre copie, ou exportez à nouveau. Si c’est une preuve, gardez-la et signalez-le.",
)
OTHER_RECORD = Reason(
    "VER-16",
    en="The access {access} is told otherwise than its record in the log says.",
    fr="L’accès {access} est présenté autrement que ne le dit son enregistrement au journal.",
    remedy_en="Keep the export, which is signed, and show it to the works council.",
    remedy_fr="Gardez l’exportation, qui est signée, et montrez-la au comité d’entreprise.",
)


def malformed(what: str, rule: str) -> Unverified:
    """The exception for a `what` that breaks `rule`; the rule is told in the words of the specification."""
    return MALFORMED(what=what, rule=rule)
