"""The page's sentences, in both languages."""

from typing import Literal

WORDS: dict[str, tuple[str, str]] = {
    # key: (French, English)
    "title": ("Regard", "Regard"),
    "tagline": (
        "Un réseau social d’entreprise où l’on ose parler, car chacun voit qui a regardé.",
        "An enterprise social network that people dare to use, because everyone can see who looked.",
    ),
    "promise_look": ("Voir qui a regardé", "See who looked"),
    "promise_look_text": (
        "Dans un groupe confidentiel, chaque accès est inscrit avant d’être servi, et chaque membre peut lire "
        "ce registre. Y compris quand c’est l’administration, l’audit ou un robot qui regarde.",
        "In a confidential group every access is recorded before it is served, and every member can read that record. "
        "Administrators, auditors and robots included.",
    ),
    "promise_rules": ("Les règles affichées sont celles appliquées", "The rules shown are the rules enforced"),
    "promise_rules_text": (
        "La même valeur décide et s’affiche : la liste « qui peut voir » ne peut pas mentir.",
        "One and the same value decides and is shown: the panel of who can see cannot lie.",
    ),
    "promise_names": ("De vraies personnes", "Real people"),
    "promise_names_text": (
        "Un compte par personne, aucun pseudonyme, aucun membre invisible.",
        "One account per person, no pseudonyms, no invisible member.",
    ),
    "not_production": (
        "Cette installation tourne sur ses composants embarqués : pour essayer, pas pour la production.",
        "This installation runs on its embedded parts: to try it out, not for production.",
    ),
    "enter": ("Entrer dans l’entreprise de démonstration", "Enter the demonstration company"),
    "enter_as": ("Entrer en tant que", "Enter as"),
    "enter_hint": (
        "Ouvrez deux fenêtres (l’une privée) avec deux personnes : chacune verra l’autre regarder.",
        "Open two windows (one of them private) as two people: each will see the other look.",
    ),
    "no_demonstration": (
        "Il n’y a pas d’entreprise de démonstration ici, ou elle est encore en préparation. Une installation neuve se "
        "prend en main dans un terminal, avec le code qu’elle affiche au démarrage :",
        "There is no demonstration company here, or it is still being prepared. A new installation is claimed in a "
        "terminal, with the code that it prints when it starts:",
    ),
    "sign_in": ("Se connecter", "Sign in"),
    "email": ("Adresse de l’entreprise", "Company e-mail address"),
    "password": ("Mot de passe", "Password"),
    "sign_out": ("Se déconnecter", "Sign out"),
    "groups": ("Mes groupes", "My groups"),
    "no_groups": (
        "Vous n’appartenez encore à aucun groupe.",
        "You belong to no group yet.",
    ),
    "no_groups_hint": (
        "Demandez une invitation à une personne qui modère un groupe, ou créez-en un dans un terminal :",
        "Ask someone who moderates a group to invite you, or create one in a terminal:",
    ),
    "name": ("NOM", "NAME"),
    "administer_hint": (
        "Administrer Regard ne fait entrer dans aucun groupe. Faites venir vos collègues et leur historique :",
        "Administering Regard brings you into no group. Bring in your colleagues and their history:",
    ),
    "conversation": ("Conversation", "Conversation"),
    "posts": ("À retenir", "Worth keeping"),
    "no_posts": ("Rien n’est encore publié dans ce groupe.", "Nothing has been posted in this group yet."),
    "no_room": ("Ce groupe n’a pas encore de salon.", "This group has no room yet."),
    "no_messages": ("Personne n’a encore parlé ici. Commencez !", "Nobody has spoken here yet. Begin!"),
    "ledger": ("Qui a regardé", "Who looked"),
    "ledger_hint": (
        "Chaque ligne a été inscrite avant que le contenu ne soit montré. Lire ce registre y est inscrit aussi.",
        "Each line was recorded before the content was shown. Reading this record is recorded in it too.",
    ),
    "no_accesses": ("Personne n’a encore regardé.", "Nobody has looked yet."),
    "panel": ("Qui peut voir", "Who can see"),
    "panel_hint": ("Qui, et quoi, peut atteindre ce groupe maintenant.", "Who and what can reach this group now."),
    "reads": ("lit", "reads"),
    "writes": ("écrit", "writes"),
    "manages": ("gère", "manages"),
    "reads_ledger": ("lit le registre", "reads the ledger"),
    "recorded": ("accès inscrits", "accesses recorded"),
    "capacity_auditor": ("Toute personne de l’audit", "Anyone of the audit"),
    "capacity_administrator": ("Qui administre la plateforme", "Whoever administers the platform"),
    "capacity_data_protection_officer": (
        "La personne chargée de la protection des données",
        "The data protection officer",
    ),
    "capacity_break_glass": (
        "Deux personnes de fonctions différentes, ensemble",
        "Two people of different roles, together",
    ),
    "capacity_colleague": ("Toute personne de l’entreprise", "Anyone of the company"),
    "capacity_operator": ("Qui exploite les serveurs", "Whoever operates the servers"),
    "say": ("Dire quelque chose", "Say something"),
    "send": ("Envoyer", "Send"),
    "reader": ("1 personne pourra lire ceci", "1 person will be able to read this"),
    "readers": ("{count} personnes pourront lire ceci", "{count} people will be able to read this"),
    "withdrawn": ("(retiré)", "(withdrawn)"),
    "erased": ("(effacé)", "(erased)"),
    "direct": ("Conversation directe", "Direct conversation"),
    "level_open": ("ouvert", "open"),
    "level_restricted": ("restreint", "restricted"),
    "level_confidential": ("confidentiel", "confidential"),
    "call": ("Appeler Regard depuis un programme", "Call Regard from a program"),
    "call_text": (
        "La même passerelle parle JSON, gRPC et gRPC-Web. Un jeton pour essayer :",
        "The same gateway speaks JSON, gRPC and gRPC-Web. A token to try it:",
    ),
    "verify": ("Vérifier", "Verify"),
    "verify_text": (
        "regard check relit tous les flux et les compare aux vues : rien n’est perdu, rien n’est ajouté.",
        "regard check reads every stream again and compares it with the views: nothing is lost, nothing is added.",
    ),
    "api": ("Tous les appels", "All calls"),
    "refused": ("Ce n’est pas possible", "That is not possible"),
    "back": ("Revenir", "Go back"),
    "unreadable": ("Ce formulaire est illisible.", "This form can’t be read."),
    "stale": (
        "Ce formulaire n’est plus valable : il vient d’une autre visite ou d’un autre site. Revenez, et recommencez.",
        "This form is no longer valid: it comes from another visit or another site. Go back and try again.",
    ),
    "fault": (
        "Un problème est survenu de notre côté. Rien n’est perdu : réessayez dans un moment.",
        "Something went wrong on our side. Nothing is lost: try again in a moment.",
    ),
    "not_found": ("Cette page n’existe pas.", "There is no such page."),
    "unreachable": (
        "Regard ne répond pas pour l’instant. Rien n’est perdu : réessayez dans un moment.",
        "Regard does not answer at the moment. Nothing is lost: try again in a moment.",
    ),
    "web_client": ("Le nouveau client web", "The new web client"),
    "other_language": ("English", "Français"),
    "skip": ("Aller au contenu", "Skip to content"),
}


def words(language: Literal["fr", "en"]) -> dict[str, str]:
    """Every sentence in one language, by key."""
    return {key: both[0 if language == "fr" else 1] for key, both in WORDS.items()}
