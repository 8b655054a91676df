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
NO_SUCH_FILE = refusal(
    "FED-07",
    Kind.NOT_FOUND,
    en="There is no such file, or you cannot see it.",
    fr="Ce fichier n’existe pas, ou vous ne pouvez pas le voir.",
    remedy_en="Check its id, or ask a moderator of its group to invite you.",
    remedy_fr="Vérifiez son identifiant, ou demandez à une personne qui modère le groupe de vous inviter.",
)
INCOMPLETE = refusal(
    "FED-08",
    Kind.FAILED_PRECONDITION,
    en="What was uploaded is not the whole file that you describe.",
    fr="Ce qui a été envoyé n’est pas le fichier entier que vous décrivez.",
    remedy_en="Upload it again, as a new upload.",
    remedy_fr="Envoyez-le de nouveau, comme un nouvel envoi.",
)
DAMAGED = refusal(
    "FED-09",
    Kind.INTERNAL,
    en="A part of this file is missing or was changed where it is kept; nothing of that part was given.",
    fr="Une partie de ce fichier manque ou a été modifiée là où il est gardé ; rien de cette partie n’a été transmis.",
    remedy_en="Tell whoever runs Regard: a backup of the vaults has it.",
    remedy_fr="Prévenez les personnes qui exploitent Regard : une sauvegarde des coffres le contient.",
)
TOO_MUCH_UNFINISHED = refusal(
    "FED-10",
    Kind.RESOURCE_EXHAUSTED,
    en="You have 512 MiB of unfinished uploads in this group, so no more is taken.",
    fr="Vous avez 512 Mio d’envois inachevés dans ce groupe : rien de plus n’est accepté.",
    remedy_en="Finish them, or wait: what nothing comes to for a day is deleted.",
    remedy_fr="Terminez-les, ou attendez : ce qui ne reçoit rien pendant un jour est supprimé.",
)
