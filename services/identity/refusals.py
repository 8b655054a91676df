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
CHANGED_MEANWHILE = refusal(
    "IDN-13",
    Kind.ABORTED,
    en="The person has changed since the version that you named.",
    fr="La personne a changé depuis la version que vous avez indiquée.",
    remedy_en="Read it again, and repeat the change on what it is now.",
    remedy_fr="Relisez-la, puis refaites la modification sur son état actuel.",
)
NOT_A_PROVISIONER = refusal(
    "IDN-14",
    Kind.UNAUTHENTICATED,
    en="This call needs a provisioning token that was not revoked.",
    fr="Cet appel demande un jeton de provisionnement qui n’a pas été révoqué.",
    remedy_en="A platform administrator gives one: regard provisioners add NAME.",
    remedy_fr="Une personne qui administre la plateforme en donne un : regard provisioners add NOM.",
)
NO_SUCH_PROVISIONER = refusal(
    "IDN-15",
    Kind.NOT_FOUND,
    en="There is no provisioning client with this identifier.",
    fr="Aucun client de provisionnement ne porte cet identifiant.",
    remedy_en="Look it up: regard provisioners list.",
    remedy_fr="Cherchez-le : regard provisioners list.",
)
BAD_SCIM = refusal(
    "IDN-16",
    Kind.INVALID_ARGUMENT,
    en="This is not SCIM as Regard serves it: {why}",
    fr="Ce n’est pas du SCIM tel que Regard le sert : {why}",
    remedy_en="Compare it with /scim/v2/Schemas and RFC 7644.",
    remedy_fr="Comparez avec /scim/v2/Schemas et la RFC 7644.",
)
USER_TAKEN = refusal(
    "IDN-17",
    Kind.ALREADY_EXISTS,
    en="Somebody has an account with this user name or e-mail address already.",
    fr="Quelqu’un a déjà un compte avec ce nom d’utilisateur ou cette adresse e-mail.",
    remedy_en="Find them by a filter, and update them.",
    remedy_fr="Trouvez cette personne par un filtre, puis mettez-la à jour.",
)
NOTHING_HERE = refusal(
    "IDN-18",
    Kind.UNIMPLEMENTED,
    en="SCIM has nothing at this address for this method.",
    fr="SCIM n’a rien à cette adresse pour cette méthode.",
    remedy_en="Regard serves Users, Schemas, ResourceTypes and ServiceProviderConfig.",
    remedy_fr="Regard sert Users, Schemas, ResourceTypes et ServiceProviderConfig.",
)
SCIM_TOO_LARGE = refusal(
    "IDN-19",
    Kind.RESOURCE_EXHAUSTED,
    en="The request holds more than {limit_bytes} bytes.",
    fr="La requête dépasse {limit_bytes} octets.",
    remedy_en="Send less at once.",
    remedy_fr="Envoyez moins de données à la fois.",
)
SCIM_FAULT = refusal(
    "IDN-20",
    Kind.INTERNAL,
    en="Regard could not handle this call.",
    fr="Regard n’a pas pu traiter cet appel.",
    remedy_en="Tell your administrator the request id {request_id}.",
    remedy_fr="Donnez l’identifiant de la requête {request_id} à votre administrateur.",
)
BAD_PASSKEY = refusal(
    "IDN-21",
    Kind.UNAUTHENTICATED,
    en="Nobody can sign in with this passkey here, or it took too long.",
    fr="Personne ne peut se connecter ici avec cette clé d’accès, ou cela a pris trop de temps.",
    remedy_en="Try again; if it stays so, sign in with your password and add the passkey again.",
    remedy_fr="Réessayez ; si cela persiste, connectez-vous avec votre mot de passe et ajoutez la clé à nouveau.",
)
PASSKEY_NOT_MADE = refusal(
    "IDN-22",
    Kind.INVALID_ARGUMENT,
    en="This passkey was not made for your account here, or it took too long.",
    fr="Cette clé d’accès n’a pas été faite ici pour votre compte, ou cela a pris trop de temps.",
    remedy_en="Begin again, on the page under which Regard is reached.",
    remedy_fr="Recommencez, sur la page par laquelle on accède à Regard.",
)
NO_SUCH_PASSKEY = refusal(
    "IDN-23",
    Kind.NOT_FOUND,
    en="You have no passkey with this identifier.",
    fr="Vous n’avez pas de clé d’accès portant cet identifiant.",
    remedy_en="Look at the list of your passkeys again.",
    remedy_fr="Consultez à nouveau la liste de vos clés d’accès.",
)
TOO_MANY_PASSKEYS = refusal(
    "IDN-24",
    Kind.FAILED_PRECONDITION,
    en="You have {most} passkeys, which is the most.",
    fr="Vous avez {most} clés d’accès, le maximum.",
    remedy_en="Remove one that you do not use any more.",
    remedy_fr="Supprimez-en une que vous n’utilisez plus.",
)
STILL_ACTIVE = refusal(
    "IDN-25",
    Kind.FAILED_PRECONDITION,
    en="This person still has access: only who has left is erased.",
    fr="Cette personne a encore accès : seules celles qui sont parties sont effacées.",
    remedy_en="Have an administrator end their access first.",
    remedy_fr="Faites d’abord mettre fin à son accès par l’administration.",
)
ERASED = refusal(
    "IDN-26",
    Kind.FAILED_PRECONDITION,
    en="The account of this address was erased, and does not come back.",
    fr="Le compte de cette adresse a été effacé, et ne revient pas.",
    remedy_en="Whoever comes back to the company gets another address; an import leaves them out.",
    remedy_fr="Qui revient dans l’entreprise reçoit une autre adresse ; un import passe outre.",
)
