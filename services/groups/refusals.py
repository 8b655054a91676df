"""Why groups says no. That a group can't be found at all is said by the guard's ACC-01, for every service alike."""

from services.common.errors import Kind, refusal

DIRECT_STAYS = refusal(
    "GRP-01",
    Kind.FAILED_PRECONDITION,
    en="A direct conversation keeps its people and its rules for ever.",
    fr="Une conversation directe garde pour toujours ses participants et ses règles.",
    remedy_en="Begin another conversation, or create a group.",
    remedy_fr="Commencez une autre conversation, ou créez un groupe.",
)
MODERATORS_ONLY = refusal(
    "GRP-02",
    Kind.PERMISSION_DENIED,
    en="Only a moderator of the group decides this.",
    fr="Seules les personnes qui modèrent le groupe décident cela.",
    remedy_en="Ask one of its moderators; the panel names them.",
    remedy_fr="Adressez-vous à l’une d’elles ; le panneau du groupe les nomme.",
)
ARCHIVED = refusal(
    "GRP-03",
    Kind.FAILED_PRECONDITION,
    en="This group is archived: nobody joins it any more, and its name and rules stay as they are.",
    fr="Ce groupe est archivé : plus personne ne le rejoint, et son nom comme ses règles restent ce qu’ils sont.",
    remedy_en="Create another group.",
    remedy_fr="Créez un autre groupe.",
)
LAST_MODERATOR = refusal(
    "GRP-04",
    Kind.FAILED_PRECONDITION,
    en="This is the group's last moderator, and a group always has one.",
    fr="C’est la dernière personne qui modère ce groupe, et il en faut toujours une.",
    remedy_en="Appoint another moderator first, or delete the group.",
    remedy_fr="Nommez d’abord quelqu’un d’autre, ou supprimez le groupe.",
)
BY_INVITATION_ONLY = refusal(
    "GRP-05",
    Kind.PERMISSION_DENIED,
    en="This group is joined by invitation only.",
    fr="On ne rejoint ce groupe que sur invitation.",
    remedy_en="Ask one of its members to have you invited.",
    remedy_fr="Demandez à l’un de ses membres de vous faire inviter.",
)
NOT_INVITED = refusal(
    "GRP-06",
    Kind.FAILED_PRECONDITION,
    en="You have no invitation to this group.",
    fr="Vous n’avez pas d’invitation à ce groupe.",
    remedy_en="Join it, or ask to.",
    remedy_fr="Rejoignez-le, ou demandez à le rejoindre.",
)
NO_REQUEST = refusal(
    "GRP-07",
    Kind.FAILED_PRECONDITION,
    en="This person is not asking to join, or not any more.",
    fr="Cette personne ne demande pas à rejoindre le groupe, ou plus.",
    remedy_en="Invite them instead.",
    remedy_fr="Invitez-la plutôt.",
)
NOT_YOURSELF = refusal(
    "GRP-08",
    Kind.PERMISSION_DENIED,
    en="A steward does not let themselves in.",
    fr="Qui assure l’intendance d’un groupe ne s’y fait pas entrer soi-même.",
    remedy_en="Ask a moderator of the group to invite you, which everyone will see.",
    remedy_fr="Demandez à une personne qui modère de vous inviter, au vu de tous.",
)
NO_GUESTS = refusal(
    "GRP-09",
    Kind.FAILED_PRECONDITION,
    en="The rules of this group admit no guests.",
    fr="Les règles de ce groupe n’admettent pas d’invités.",
    remedy_en="Invite the person as a member, or change the rules first.",
    remedy_fr="Invitez la personne comme membre, ou changez d’abord les règles.",
)
GUEST_END = refusal(
    "GRP-10",
    Kind.INVALID_ARGUMENT,
    en="A guest stays until a date ahead, a year from now at most.",
    fr="Un invité reste jusqu’à une date à venir, dans un an au plus tard.",
    remedy_en="Choose an end within a year; it can be put off when it comes near.",
    remedy_fr="Choisissez une fin dans l’année ; elle pourra être repoussée à son approche.",
)
ALREADY_BELONGS = refusal(
    "GRP-11",
    Kind.ALREADY_EXISTS,
    en="This person belongs to the group already, and not as a guest.",
    fr="Cette personne fait déjà partie du groupe, et pas comme invitée.",
    remedy_en="To limit their stay, remove them first.",
    remedy_fr="Pour limiter son séjour, retirez-la d’abord.",
)
NOT_A_FULL_MEMBER = refusal(
    "GRP-12",
    Kind.FAILED_PRECONDITION,
    en="Only a member of the group can become its moderator.",
    fr="Seul un membre du groupe peut en devenir modérateur ou modératrice.",
    remedy_en="Invite the person as a member first.",
    remedy_fr="Invitez d’abord la personne comme membre.",
)
VOTE_IS_OPEN = refusal(
    "GRP-13",
    Kind.FAILED_PRECONDITION,
    en="The members are voting on version {version} of the rules.",
    fr="Les membres votent sur la version {version} des règles.",
    remedy_en="Wait until that vote is settled.",
    remedy_fr="Attendez que ce vote soit tranché.",
)
NO_SUCH_VOTE = refusal(
    "GRP-14",
    Kind.FAILED_PRECONDITION,
    en="There is no open vote on this version of the rules.",
    fr="Aucun vote n’est ouvert sur cette version des règles.",
    remedy_en="Look at the history of the rules.",
    remedy_fr="Consultez l’historique des règles.",
)
NO_VOICE = refusal(
    "GRP-15",
    Kind.PERMISSION_DENIED,
    en="Only those vote who were members when the rules were proposed, guests excepted.",
    fr="Ne votent que les personnes déjà membres quand les règles ont été proposées, hors invités.",
    remedy_en="Talk about it with a member.",
    remedy_fr="Parlez-en à un membre.",
)
BAD_CONSENT = refusal(
    "GRP-16",
    Kind.INVALID_ARGUMENT,
    en="Consent takes between 50 and 100 per cent of the members.",
    fr="Le consentement demande entre 50 et 100 pour cent des membres.",
    remedy_en="Choose a share in that range, or 0 for everyone.",
    remedy_fr="Choisissez une part dans cet intervalle, ou 0 pour tous les membres.",
)
NAME_DIFFERS = refusal(
    "GRP-17",
    Kind.INVALID_ARGUMENT,
    en="This is not the group's name, so nothing was deleted.",
    fr="Ce n’est pas le nom du groupe : rien n’a été supprimé.",
    remedy_en="Type the name exactly as it is shown.",
    remedy_fr="Tapez le nom exactement comme il est affiché.",
)
NO_SUCH_PERSON = refusal(
    "GRP-18",
    Kind.NOT_FOUND,
    en="There is no active account with one of these identifiers.",
    fr="Aucun compte actif ne porte l’un de ces identifiants.",
    remedy_en="Look the person up in the directory.",
    remedy_fr="Cherchez la personne dans l’annuaire.",
)
DELETED_FOR_GOOD = refusal(
    "GRP-19",
    Kind.FAILED_PRECONDITION,
    en="This group was imported before and has been deleted since; its keys are destroyed.",
    fr="Ce groupe a déjà été importé, puis supprimé ; ses clés sont détruites.",
    remedy_en="Import it under another external identifier if it must come back.",
    remedy_fr="S’il doit revenir, importez-le sous un autre identifiant externe.",
)
NOT_AMONG_THEM = refusal(
    "GRP-21",
    Kind.INVALID_ARGUMENT,
    en="Whoever opens a direct conversation is part of it.",
    fr="Qui ouvre une conversation directe en fait partie.",
    remedy_en="Add them to the people of the conversation.",
    remedy_fr="Ajoutez cette personne à la conversation.",
)
# GRP-20 said the same of groups that exist only, and is not given again.
NOT_YOUR_OWN_WAY_IN = refusal(
    "GRP-22",
    Kind.PERMISSION_DENIED,
    en="An import does not bring the administrator who runs it into a group.",
    fr="Un import ne fait pas entrer dans un groupe la personne qui le lance.",
    remedy_en="Leave yourself out of the import; a moderator of the group can invite you, which everyone will see.",
    remedy_fr="Retirez-vous de l’import ; une personne qui modère le groupe peut vous inviter, au vu de tous.",
)
BREAK_GLASS_END = refusal(
    "GRP-23",
    Kind.INVALID_ARGUMENT,
    en="A break-glass ends at a date ahead, seven days from now at most.",
    fr="Un bris de glace prend fin à une date à venir, dans sept jours au plus tard.",
    remedy_en="Choose an end within seven days; what takes longer is asked for again.",
    remedy_fr="Choisissez une fin sous sept jours ; au-delà, faites une nouvelle demande.",
)
NO_SUCH_BREAK_GLASS = refusal(
    "GRP-24",
    Kind.NOT_FOUND,
    en="There is no such break-glass.",
    fr="Ce bris de glace n’existe pas.",
    remedy_en="Look it up in the list.",
    remedy_fr="Cherchez-le dans la liste.",
)
NOT_IN_THIS_STATE = refusal(
    "GRP-25",
    Kind.FAILED_PRECONDITION,
    en="What has become of this break-glass does not allow it.",
    fr="Ce qu’est devenu ce bris de glace ne le permet pas.",
    remedy_en="Look at its state: what waits can be approved or refused, what is open can be ended.",
    remedy_fr="Voyez son état : une demande s’approuve ou se refuse, un bris de glace ouvert se termine.",
)
TWO_KEYS_NEEDED = refusal(
    "GRP-26",
    Kind.PERMISSION_DENIED,
    en="A break-glass takes two different people with two different roles.",
    fr="Un bris de glace demande deux personnes différentes aux rôles différents.",
    remedy_en="Ask somebody with another of the roles: security, data protection, staff representation.",
    remedy_fr="Adressez-vous à qui tient un autre des rôles : sécurité, protection des données, représentation du "
    "personnel.",
)
NO_BREAK_GLASS_HERE = refusal(
    "GRP-27",
    Kind.NOT_FOUND,
    en="There is no such group, or its rules allow no break-glass.",
    fr="Ce groupe n’existe pas, ou ses règles n’admettent aucun bris de glace.",
    remedy_en="Check the identifier; where the rules say never, ask the group's members.",
    remedy_fr="Vérifiez l’identifiant ; là où les règles disent jamais, adressez-vous aux membres du groupe.",
)
READS_ALREADY = refusal(
    "GRP-28",
    Kind.FAILED_PRECONDITION,
    en="Whoever asked can read this group already, without break-glass.",
    fr="Qui fait la demande peut déjà lire ce groupe, sans bris de glace.",
    remedy_en="Read it as you are.",
    remedy_fr="Lisez-le en l’état.",
)
DISCLOSURE_DATE = refusal(
    "GRP-29",
    Kind.INVALID_ARGUMENT,
    en="Members are told at once, or, for a stated reason, between the end of the break-glass and 90 days from now.",
    fr="Les membres sont prévenus aussitôt ou, pour une raison dite, entre la fin du bris de glace et 90 jours d’ici.",
    remedy_en="Choose a date between the two and say why, or leave both out.",
    remedy_fr="Choisissez une date entre les deux et dites pourquoi, ou ne donnez ni l’une ni l’autre.",
)
ANOTHER_DISCLOSURE = refusal(
    "GRP-30",
    Kind.FAILED_PRECONDITION,
    en="This is not when members are to be told, by what was asked for.",
    fr="Ce n’est pas la date à laquelle les membres seront prévenus, selon la demande.",
    remedy_en="Look at the date that was asked for, and approve that one or refuse it.",
    remedy_fr="Regardez la date demandée : approuvez-la telle quelle, ou refusez.",
)
