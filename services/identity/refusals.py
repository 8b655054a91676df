"""Why identity says no. None of these sentences names a person or an address."""

from services.common.errors import Kind, refusal

BAD_CREDENTIALS = refusal(
    "IDN-01",
    Kind.UNAUTHENTICATED,
    en="The e-mail address or the password is wrong.",
    fr="L’adresse e-mail ou le mot de passe est incorrect.",
    remedy_en="Check both; if you have no password yet, ask an administrator.",
    remedy_fr="Vérifiez les deux ; si vous n’avez pas encore de mot de passe, demandez à l’administration.",
)
ACCOUNT_INACTIVE = refusal(
    "IDN-02",
    Kind.PERMISSION_DENIED,
    en="This account is not active.",
    fr="Ce compte n’est pas actif.",
    remedy_en="A platform administrator can reactivate it.",
    remedy_fr="Une personne qui administre la plateforme peut le réactiver.",
)
TOO_MANY_ATTEMPTS = refusal(
    "IDN-03",
    Kind.RESOURCE_EXHAUSTED,
    en="There were too many attempts to sign in.",
    fr="Il y a eu trop de tentatives de connexion.",
    remedy_en="Wait {seconds} seconds, then try again.",
    remedy_fr="Attendez {seconds} secondes, puis réessayez.",
)
SESSION_OVER = refusal(
    "IDN-04",
    Kind.UNAUTHENTICATED,
    en="This session is over.",
    fr="Cette session est terminée.",
    remedy_en="Sign in again.",
    remedy_fr="Reconnectez-vous.",
)
TOKEN_REUSED = refusal(
    "IDN-05",
    Kind.UNAUTHENTICATED,
    en="This refresh token was used before, so someone may have copied it: the session was ended.",
    fr="Ce jeton de renouvellement a déjà servi, il a peut-être été copié : la session a été fermée.",
    remedy_en="Sign in again; if you did not do this yourself, change your password.",
    remedy_fr="Reconnectez-vous ; si ce n’était pas vous, changez votre mot de passe.",
)
NO_SUCH_PERSON = refusal(
    "IDN-06",
    Kind.NOT_FOUND,
    en="There is no account with this identifier.",
    fr="Aucun compte ne porte cet identifiant.",
    remedy_en="Look the person up in the directory.",
    remedy_fr="Cherchez la personne dans l’annuaire.",
)
ADDRESS_TAKEN = refusal(
    "IDN-07",
    Kind.ALREADY_EXISTS,
    en="This e-mail address belongs to another account than this external identifier.",
    fr="Cette adresse e-mail appartient à un autre compte que cet identifiant externe.",
    remedy_en="Correct one of the two; an address never passes from one person to another.",
    remedy_fr="Corrigez l’un des deux ; une adresse ne passe jamais d’une personne à une autre.",
)
LAST_ADMINISTRATOR = refusal(
    "IDN-08",
    Kind.FAILED_PRECONDITION,
    en="This is the last platform administrator.",
    fr="C’est la dernière personne qui administre la plateforme.",
    remedy_en="Give the role to somebody else first.",
    remedy_fr="Donnez d’abord ce rôle à quelqu’un d’autre.",
)
PASSWORD_TOO_SHORT = refusal(
    "IDN-09",
    Kind.INVALID_ARGUMENT,
    en="The password has fewer than {minimum} characters.",
    fr="Le mot de passe compte moins de {minimum} caractères.",
    remedy_en="Choose a longer one: a few words do well.",
    remedy_fr="Choisissez-en un plus long : quelques mots conviennent bien.",
)
WRONG_PASSWORD = refusal(
    "IDN-10",
    Kind.PERMISSION_DENIED,
    en="The current password is not this one.",
    fr="Le mot de passe actuel n’est pas celui-là.",
    remedy_en="Type your current password again.",
    remedy_fr="Retapez votre mot de passe actuel.",
)
WRONG_CODE = refusal(
    "IDN-11",
    Kind.PERMISSION_DENIED,
    en="This is not the code of this installation.",
    fr="Ce n’est pas le code de cette installation.",
    remedy_en="Copy the code that Regard printed when it started.",
    remedy_fr="Recopiez le code que Regard a affiché à son démarrage.",
)
ALREADY_CLAIMED = refusal(
    "IDN-12",
    Kind.FAILED_PRECONDITION,
    en="This installation has an administrator already.",
    fr="Cette installation a déjà quelqu’un qui l’administre.",
    remedy_en="Ask them for an account.",
    remedy_fr="Demandez-lui un compte.",
)
