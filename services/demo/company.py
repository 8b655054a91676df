"""Who works at Atelier Mercier, in which groups, and what they said. All of it is invented."""

from dataclasses import dataclass

from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Level
from regard.common.v1.options_pb2 import (
    ROLE_AUDITOR,
    ROLE_DATA_PROTECTION_OFFICER,
    ROLE_PLATFORM_ADMINISTRATOR,
    ROLE_PROGRAMME_STEWARD,
    ROLE_SECURITY_OFFICER,
    ROLE_STAFF_REPRESENTATIVE,
    Role,
)
from regard.groups.v1.rules_pb2 import (
    READERS_SHOWN_EVERYONE_BY_NAME,
    READERS_SHOWN_PRIVILEGED_BY_NAME,
    ReadersShown,
)

NAME = "Atelier Mercier"
DOMAIN = "atelier-mercier.example"


@dataclass(frozen=True, slots=True)
class Colleague:
    """Someone of the company; `about` says to a visitor why to look through these eyes, empty for most."""

    key: str
    name: str
    function: str
    site: str
    level: str
    role: Role | None = None
    about_fr: str = ""
    about_en: str = ""

    @property
    def email(self) -> str:
        """Company address."""
        return f"{self.key}@{DOMAIN}"


@dataclass(frozen=True, slots=True)
class Team:
    """A group with its people (the first ones moderate), its chat (author, hours ago, text) and its posts."""

    key: str
    name: str
    purpose: str
    level: Level
    readers: ReadersShown
    moderators: tuple[str, ...]
    members: tuple[str, ...]
    chat: tuple[tuple[str, float, str], ...]
    posts: tuple[tuple[str, str], ...] = ()


ADMINISTRATOR = Colleague(
    "nadia", "Nadia Benali", "Administratrice systèmes", "Lyon", "agent de maîtrise", ROLE_PLATFORM_ADMINISTRATOR,
    "Administre Regard : crée les comptes, ne lit aucun contenu",
    "Runs Regard: makes accounts, reads no content",
)  # fmt: skip

CAST = (
    Colleague(
        "leo", "Léo Garnier", "Régleur", "Saint-Étienne", "ouvrier",
        about_fr="Membre de « Ligne 2 » : lit, écrit, voit qui regarde",
        about_en="Member of “Ligne 2”: reads, writes, sees who looks",
    ),
    Colleague(
        "camille", "Camille Roussel", "Technicienne de maintenance", "Saint-Étienne", "ouvrier",
        about_fr="Anime le groupe confidentiel « Ligne 2 »",
        about_en="Moderates the confidential group “Ligne 2”",
    ),
    Colleague(
        "mathilde", "Mathilde Kervella", "Représentante du personnel", "Saint-Étienne", "technicien",
        ROLE_STAFF_REPRESENTATIVE,
        "Élue : ses groupes sont confidentiels, et vérifiables",
        "Elected by the staff: her groups are confidential, and can be checked",
    ),
    Colleague(
        "awa", "Awa Diallo", "Auditrice interne", "Lyon", "cadre", ROLE_AUDITOR,
        "Audite : ses recherches se voient dans chaque groupe",
        "Audits: her searches show in every group",
    ),
    Colleague(
        "karim", "Karim Haddad", "Responsable sûreté", "Lyon", "cadre", ROLE_SECURITY_OFFICER,
        "Sûreté : ne peut rien ouvrir seul",
        "Security: can open nothing alone",
    ),
    Colleague(
        "ines", "Inès Fournier", "Déléguée à la protection des données", "Lyon", "cadre", ROLE_DATA_PROTECTION_OFFICER,
        "Protection des données : veille sur les droits de chacun",
        "Data protection: watches over everyone’s rights",
    ),
    Colleague(
        "paul", "Paul Meyer", "Chargé de l’accompagnement", "Lyon", "technicien", ROLE_PROGRAMME_STEWARD,
        "Mène le programme d’adoption",
        "Runs the adoption programme",
    ),
    ADMINISTRATOR,
)  # fmt: skip

_FIRST = (
    "Aline", "Bastien", "Chloé", "Damien", "Élodie", "Farid", "Gaëlle", "Hugo", "Irène", "Julien", "Karine", "Lucas",
    "Manon", "Nassim", "Océane", "Pierre", "Quitterie", "Rachid", "Sarah", "Thomas", "Ursula", "Victor", "Wendy",
    "Xavier", "Yasmina", "Zoé",
)  # fmt: skip
_LAST = ("Lambert", "Nguyen", "Caron", "Ferreira", "Petit", "Moulin", "Traoré", "Blanc", "Perrin", "Da Silva")
_FUNCTIONS = (
    ("Opératrice ou opérateur", "Saint-Étienne", "ouvrier"),
    ("Soudure", "Saint-Étienne", "ouvrier"),
    ("Contrôle qualité", "Saint-Étienne", "technicien"),
    ("Logistique", "Roanne", "ouvrier"),
    ("Bureau d’études", "Lyon", "cadre"),
    ("Achats", "Lyon", "technicien"),
    ("Comptabilité", "Lyon", "technicien"),
    ("Conduite d’équipe", "Roanne", "agent de maîtrise"),
)
_PEOPLE = 60


def _others() -> tuple[Colleague, ...]:
    found = []
    for number in range(_PEOPLE - len(CAST)):
        first, last = _FIRST[number % len(_FIRST)], _LAST[(number * 3 + number // len(_FIRST)) % len(_LAST)]
        function, site, level = _FUNCTIONS[number % len(_FUNCTIONS)]
        found.append(Colleague(f"p{number + 1:02}", f"{first} {last}", function, site, level))
    return tuple(found)


PEOPLE = CAST + _others()


def _some(start: int, count: int) -> tuple[str, ...]:
    return tuple(person.key for person in PEOPLE[len(CAST) + start : len(CAST) + start + count])


TEAMS = (
    Team(
        "ligne2", "Ligne 2", "Ce qui marche et ce qui coince sur la ligne 2, entre nous.",
        LEVEL_CONFIDENTIAL, READERS_SHOWN_EVERYONE_BY_NAME, ("camille",), ("leo", *_some(0, 9)),
        (
            ("camille", 430.0, "Bonjour à tous. Ici on peut dire les choses : le panneau à droite montre qui peut lire."),
            ("leo", 429.2, "Et si quelqu’un d’autre regarde, on le voit ?"),
            ("camille", 429.0, "Oui. Chaque accès est inscrit avant l’affichage, même ceux de l’audit."),
            ("p01", 310.5, "La presse 4 s’arrête encore deux fois par poste. Personne n’osait l’écrire dans le cahier."),
            ("leo", 310.1, "Pareil de nuit. Le capteur de porte, à mon avis."),
            ("camille", 262.0, "J’ai demandé le capteur. En attendant, on note l’heure de chaque arrêt ici ?"),
            ("p03", 261.4, "D’accord. 10 h 12 et 14 h 40 aujourd’hui."),
            ("p05", 166.0, "Le rythme de la semaine dernière n’était pas tenable, il faut que ce soit dit."),
            ("leo", 165.2, "Merci de l’avoir écrit. Moi pareil."),
            ("camille", 140.0, "Je porte les deux sujets en réunion jeudi, sans citer personne."),
            ("p01", 44.0, "Capteur changé ce matin : aucun arrêt depuis."),
            ("camille", 20.0, "Bonne nouvelle. Et pour le rythme : réponse écrite promise lundi."),
        ),
        (("camille", "Arrêts de la presse 4 : 23 en deux semaines, 0 depuis le changement du capteur."),),
    ),
    Team(
        "ecoute", "Écoute et prévention", "Parler d’une difficulté avec des personnes formées à écouter.",
        LEVEL_CONFIDENTIAL, READERS_SHOWN_EVERYONE_BY_NAME, ("mathilde",), ("ines", *_some(20, 5)),
        (
            ("mathilde", 500.0, "Ce groupe n’est visible que de ses membres. Personne ne peut l’ouvrir, même à deux clés."),
            ("p21", 330.0, "Comment savoir que l’administration ne lit pas ?"),
            ("ines", 329.5, "Parce que sa lecture serait inscrite ici, et que ses droits ne donnent accès à aucun contenu."),
            ("p22", 96.0, "J’aimerais parler d’une situation dans mon équipe. Comment faire ?"),
            ("mathilde", 95.5, "Écrivez-moi en conversation directe, ou ici si vous préférez. Merci de votre confiance."),
        ),
    ),
    Team(
        "cse", "Comité social et économique", "Préparer les réunions, garder les comptes rendus.",
        LEVEL_CONFIDENTIAL, READERS_SHOWN_EVERYONE_BY_NAME, ("mathilde",), _some(10, 6),
        (
            ("mathilde", 220.0, "Ordre du jour de jeudi : cadences, intérim, outil Regard."),
            ("p11", 219.0, "Pour Regard : qui contrôle le registre des accès ?"),
            ("mathilde", 218.0, "Nous pourrons tenir notre propre témoin. C’est écrit dans le dossier."),
        ),
        (("mathilde", "Compte rendu de la réunion d’octobre : trois engagements datés, un refus motivé."),),
    ),
    Team(
        "horizon", "Projet Horizon", "L’implantation de la nouvelle ligne, avant les annonces.",
        LEVEL_CONFIDENTIAL, READERS_SHOWN_PRIVILEGED_BY_NAME, ("p05",), ("karim", "paul", *_some(28, 8)),
        (
            ("p05", 150.0, "Trois implantations possibles ; les plans viennent demain."),
            ("p29", 149.0, "La deuxième éloigne la logistique de 80 mètres."),
            ("paul", 60.0, "Qui d’autre que nous doit donner son avis avant qu’on choisisse ?"),
        ),
    ),
    Team(
        "securite", "Sécurité des ateliers", "Presqu’accidents, protections, exercices.",
        LEVEL_RESTRICTED, READERS_SHOWN_PRIVILEGED_BY_NAME, ("karim", "p08"), ("camille", "leo", *_some(8, 14)),
        (
            ("karim", 200.0, "Exercice d’évacuation mardi à 10 h. Le point de rassemblement change."),
            ("p08", 199.0, "Plan affiché à chaque porte."),
        ),
        (("karim", "Exercice de mardi : 4 minutes 10. L’alarme du magasin ne s’entend pas, elle sera doublée."),),
    ),
    Team(
        "qualite", "Qualité et méthodes", "Défauts, causes, essais.",
        LEVEL_RESTRICTED, READERS_SHOWN_PRIVILEGED_BY_NAME, ("p03",), ("leo", *_some(24, 12)),
        (("p03", 120.0, "Rebut de la semaine : 1,8 %. La moitié vient d’un seul outil."),),
    ),
    Team(
        "vie", "Vie de l’atelier", "Ce qui nous concerne tous.",
        LEVEL_OPEN, READERS_SHOWN_PRIVILEGED_BY_NAME, ("paul",),
        tuple(person.key for person in PEOPLE if person.key not in {"paul", ADMINISTRATOR.key}),
        (
            ("paul", 480.0, "Bienvenue sur Regard. Ce groupe est ouvert : toute l’entreprise peut le lire."),
            ("p12", 300.0, "Le covoiturage depuis Roanne reprend lundi, deux places libres."),
            ("p31", 70.0, "Merci à l’équipe de nuit pour le dépannage de dimanche."),
        ),
        (("paul", "Première assemblée des volontaires : 14 personnes, toutes les fonctions sauf la logistique. On cherche !"),),
    ),
    Team(
        "nouveaux", "Nouveaux arrivants", "Poser toutes les questions, surtout les simples.",
        LEVEL_OPEN, READERS_SHOWN_PRIVILEGED_BY_NAME, ("p16",), _some(36, 10),
        (
            ("p37", 90.0, "Où trouve-t-on les vêtements de travail ?"),
            ("p16", 89.8, "Au magasin, porte B, de 7 h à 9 h. Demandez Pierre."),
        ),
    ),
)  # fmt: skip
