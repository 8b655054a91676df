"""Why the feed says no."""

from services.common.errors import Kind, refusal

NO_SUCH_POST = refusal(
    "FED-01",
    Kind.NOT_FOUND,
    en="There is no such post, or you cannot see it.",
    fr="Cette publication n’existe pas, ou vous ne pouvez pas la voir.",
    remedy_en="Check the address, or ask a moderator of its group to invite you.",
    remedy_fr="Vérifiez l’adresse, ou demandez à une personne qui modère le groupe de vous inviter.",
)
NO_SUCH_COMMENT = refusal(
    "FED-02",
    Kind.NOT_FOUND,
    en="There is no such comment on this post.",
    fr="Ce commentaire n’existe pas sous cette publication.",
    remedy_en="Reload the post.",
    remedy_fr="Rechargez la publication.",
)
NOT_THE_AUTHOR = refusal(
    "FED-03",
    Kind.PERMISSION_DENIED,
    en="Only the author can change this text.",
    fr="Seule la personne qui a écrit ce texte peut le modifier.",
    remedy_en="Ask its author, or comment on it.",
    remedy_fr="Demandez à son auteur, ou commentez-le.",
)
NEITHER_AUTHOR_NOR_MODERATOR = refusal(
    "FED-04",
    Kind.PERMISSION_DENIED,
    en="Only the author or a moderator of the group can withdraw this.",
    fr="Seules la personne qui l’a écrit et celles qui modèrent le groupe peuvent le retirer.",
    remedy_en="Ask a moderator of the group.",
    remedy_fr="Demandez à une personne qui modère le groupe.",
)
WITHDRAWN = refusal(
    "FED-05",
    Kind.FAILED_PRECONDITION,
    en="This was withdrawn.",
    fr="Ce texte a été retiré.",
    remedy_en="Write a new one.",
    remedy_fr="Écrivez-en un nouveau.",
)
CANNOT_MENTION = refusal(
    "FED-06",
    Kind.INVALID_ARGUMENT,
    en="You mention {count} people who cannot read this group; they would not be told.",
    fr="Vous mentionnez {count} personnes qui ne peuvent pas lire ce groupe ; elles n’en sauraient rien.",
    remedy_en="Take the mentions out, or invite these people first.",
    remedy_fr="Retirez ces mentions, ou invitez d’abord ces personnes.",
)
