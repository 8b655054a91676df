"""Why chat says no."""

from services.common.errors import Kind, refusal

NO_SUCH_ROOM = refusal(
    "CHT-01",
    Kind.NOT_FOUND,
    en="There is no such room, or you cannot see it.",
    fr="Ce salon n’existe pas, ou vous ne pouvez pas le voir.",
    remedy_en="Check the address, or ask a moderator of its group to invite you.",
    remedy_fr="Vérifiez l’adresse, ou demandez à une personne qui modère le groupe de vous inviter.",
)
ROOM_CLOSED = refusal(
    "CHT-02",
    Kind.FAILED_PRECONDITION,
    en="This room is closed: it can be read, and nothing can be written.",
    fr="Ce salon est fermé : on peut le lire, et plus rien ne s’y écrit.",
    remedy_en="Write in another room of the group.",
    remedy_fr="Écrivez dans un autre salon du groupe.",
)
NO_SUCH_MESSAGE = refusal(
    "CHT-03",
    Kind.NOT_FOUND,
    en="There is no such message in this room.",
    fr="Ce message n’existe pas dans ce salon.",
    remedy_en="Reload the conversation.",
    remedy_fr="Rechargez la conversation.",
)
NOT_THE_AUTHOR = refusal(
    "CHT-04",
    Kind.PERMISSION_DENIED,
    en="Only the author of a message can change it.",
    fr="Seule la personne qui a écrit un message peut le modifier.",
    remedy_en="Ask its author, or answer the message.",
    remedy_fr="Demandez à son auteur, ou répondez au message.",
)
NEITHER_AUTHOR_NOR_MODERATOR = refusal(
    "CHT-05",
    Kind.PERMISSION_DENIED,
    en="Only the author of a message or a moderator of the group can withdraw it.",
    fr="Seules la personne qui a écrit un message et celles qui modèrent le groupe peuvent le retirer.",
    remedy_en="Ask a moderator of the group.",
    remedy_fr="Demandez à une personne qui modère le groupe.",
)
MESSAGE_WITHDRAWN = refusal(
    "CHT-06",
    Kind.FAILED_PRECONDITION,
    en="This message was withdrawn.",
    fr="Ce message a été retiré.",
    remedy_en="Send a new one.",
    remedy_fr="Envoyez-en un nouveau.",
)
CANNOT_MENTION = refusal(
    "CHT-07",
    Kind.INVALID_ARGUMENT,
    en="You mention {count} people who cannot read this room; they would not be told.",
    fr="Vous mentionnez {count} personnes qui ne peuvent pas lire ce salon ; elles n’en sauraient rien.",
    remedy_en="Take the mentions out, or invite these people first.",
    remedy_fr="Retirez ces mentions, ou invitez d’abord ces personnes.",
)
TOO_SLOW = refusal(
    "CHT-08",
    Kind.ABORTED,
    en="Messages came faster than this connection took them, so it was ended; nothing is lost.",
    fr="Les messages arrivaient plus vite que cette connexion ne les prenait : elle a été fermée, rien n’est perdu.",
    remedy_en="Connect again with the last cursor.",
    remedy_fr="Reconnectez-vous avec le dernier curseur.",
)
ALONE = refusal(
    "CHT-09",
    Kind.INVALID_ARGUMENT,
    en="A direct conversation needs somebody else than yourself.",
    fr="Une conversation directe demande quelqu’un d’autre que vous.",
    remedy_en="Name at least one colleague.",
    remedy_fr="Indiquez au moins un ou une collègue.",
)
NOT_A_MODERATOR = refusal(
    "CHT-10",
    Kind.PERMISSION_DENIED,
    en="Only moderators of the group close its rooms.",
    fr="Seules les personnes qui modèrent le groupe ferment ses salons.",
    remedy_en="Ask a moderator of the group.",
    remedy_fr="Demandez à une personne qui modère le groupe.",
)
