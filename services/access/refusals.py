"""Why the guard says no."""

from services.common.errors import Kind, refusal

NO_SUCH_GROUP = refusal(
    "ACC-01",
    Kind.NOT_FOUND,
    en="There is no such group, or you cannot see it.",
    fr="Ce groupe n’existe pas, ou vous ne pouvez pas le voir.",
    remedy_en="Check the address, or ask a moderator of the group to invite you.",
    remedy_fr="Vérifiez l’adresse, ou demandez à une personne qui modère le groupe de vous inviter.",
)
NOT_A_MEMBER = refusal(
    "ACC-02",
    Kind.PERMISSION_DENIED,
    en="Only members of this group can do this.",
    fr="Seuls les membres de ce groupe peuvent faire cela.",
    remedy_en="Join the group, or ask to.",
    remedy_fr="Rejoignez le groupe, ou demandez à le rejoindre.",
)
ARCHIVED = refusal(
    "ACC-03",
    Kind.FAILED_PRECONDITION,
    en="This group is archived: it can be read, and nothing can be written.",
    fr="Ce groupe est archivé : on peut le lire, et plus rien ne s’y écrit.",
    remedy_en="Write in another group.",
    remedy_fr="Écrivez dans un autre groupe.",
)
STEWARDS_DO_NOT_READ = refusal(
    "ACC-04",
    Kind.PERMISSION_DENIED,
    en="As a steward you manage this group’s membership, and you cannot read it.",
    fr="Votre rôle d’intendance permet de gérer les membres de ce groupe, pas de le lire.",
    remedy_en="If you need to read it, ask a moderator to make you a member, which everyone will see.",
    remedy_fr="Pour le lire, demandez à une personne qui modère de vous ajouter comme membre, au vu de tous.",
)
MEMBERSHIP_ENDED = refusal(
    "ACC-05",
    Kind.PERMISSION_DENIED,
    en="Your time as a guest of this group is over.",
    fr="Votre invitation dans ce groupe est arrivée à son terme.",
    remedy_en="Ask a moderator of the group for a new end date.",
    remedy_fr="Demandez une nouvelle date de fin à une personne qui modère le groupe.",
)
NOT_IN_THIS_CAPACITY = refusal(
    "ACC-06",
    Kind.PERMISSION_DENIED,
    en="Your role in this group does not include this.",
    fr="Votre rôle dans ce groupe ne comprend pas cela.",
    remedy_en="See who can do what in the group’s panel, and ask one of them.",
    remedy_fr="Consultez le panneau du groupe pour voir qui peut le faire, et adressez-vous à l’une de ces personnes.",
)
PURPOSE_NEEDED = refusal(
    "ACC-07",
    Kind.INVALID_ARGUMENT,
    en="With your role, looking needs a purpose and its reference.",
    fr="Avec votre rôle, regarder demande un motif et sa référence.",
    remedy_en="State why you look; the members will read it.",
    remedy_fr="Dites pourquoi vous regardez ; les membres le liront.",
)
NOT_FOR_YOU = refusal(
    "ACC-08",
    Kind.NOT_FOUND,
    en="This does not exist, or was written when you could not read it.",
    fr="Ceci n’existe pas, ou a été écrit quand vous ne pouviez pas le lire.",
    remedy_en="Ask a moderator of the group what newcomers and colleagues see of the past.",
    remedy_fr="Demandez à une personne qui modère ce que les arrivants et les collègues voient du passé.",
)
CANNOT_RECORD = refusal(
    "ACC-09",
    Kind.UNAVAILABLE,
    en="This access cannot be recorded at the moment, so nothing is shown.",
    fr="Cet accès ne peut pas être enregistré pour l’instant : rien n’est montré.",
    remedy_en="Try again in a few seconds.",
    remedy_fr="Réessayez dans quelques secondes.",
)
CANNOT_CHECK = refusal(
    "ACC-10",
    Kind.UNAVAILABLE,
    en="Who belongs to this group cannot be checked at the moment, so nothing is shown.",
    fr="L’appartenance à ce groupe ne peut pas être vérifiée pour l’instant : rien n’est montré.",
    remedy_en="Try again in a few seconds.",
    remedy_fr="Réessayez dans quelques secondes.",
)
LIVE_ENDED = refusal(
    "ACC-11",
    Kind.PERMISSION_DENIED,
    en="What you may see of this group has changed, so this stream has ended.",
    fr="Ce que vous pouvez voir de ce groupe a changé : ce flux est terminé.",
    remedy_en="Open it again: you will see what you may see now.",
    remedy_fr="Ouvrez-le de nouveau : vous verrez ce que vous pouvez voir désormais.",
)
AUTHOR_ERASED = refusal(
    "ACC-12",
    Kind.FAILED_PRECONDITION,
    en="This group’s keys were destroyed at its deletion or at an erasure, so nothing can be written here.",
    fr="Les clés de ce groupe ont été détruites par suppression ou effacement : plus rien ne peut s’y écrire.",
    remedy_en="Write in another group.",
    remedy_fr="Écrivez dans un autre groupe.",
)
MORE_CLOSED_NOW = refusal(
    "ACC-13",
    Kind.FAILED_PRECONDITION,
    en="This was written when the group was more open, and stays as open; what is written now is not.",
    fr="Ceci a été écrit quand le groupe était plus ouvert, et le reste ; ce qui s’écrit maintenant ne l’est pas.",
    remedy_en="Write something new, or withdraw this.",
    remedy_fr="Écrivez un nouveau texte, ou retirez celui-ci.",
)
ONLY_A_PART = refusal(
    "ACC-14",
    Kind.PERMISSION_DENIED,
    en="This break-glass is limited to a part of the group, which cannot be followed as it is written.",
    fr="Ce bris de glace se limite à une partie du groupe, qui ne peut pas être suivie en direct.",
    remedy_en="Read what lies within its scope.",
    remedy_fr="Lisez ce qu’il couvre.",
)
NOT_LIVE_AND_UNTOLD = refusal(
    "ACC-15",
    Kind.PERMISSION_DENIED,
    en="A break-glass of which members are told later opens what is written, and follows nothing as it is written.",
    fr="Un bris de glace annoncé plus tard ouvre ce qui est écrit, et ne suit pas en direct ce qui s’écrit.",
    remedy_en="Read the group again to see what came since.",
    remedy_fr="Relisez le groupe pour voir ce qui est venu depuis.",
)
