"""Why a call can be refused before, or instead of, any service's own rules."""

from services.common.errors import Kind, refusal

FAULT = refusal(
    "RPC-01",
    Kind.INTERNAL,
    en="Something went wrong on our side.",
    fr="Un problème est survenu de notre côté.",
    remedy_en="Try again; if it goes on, give support this number: {request_id}.",
    remedy_fr="Réessayez ; si cela continue, donnez ce numéro à l’assistance : {request_id}.",
)
INVALID = refusal(
    "RPC-02",
    Kind.INVALID_ARGUMENT,
    en="The field “{field}” breaks the rule {rule}.",
    fr="Le champ « {field} » enfreint la règle {rule}.",
    remedy_en="Correct the fields named in the details.",
    remedy_fr="Corrigez les champs nommés dans les détails.",
)
NO_TOKEN = refusal(
    "RPC-03",
    Kind.UNAUTHENTICATED,
    en="This needs you to be signed in.",
    fr="Il faut être connecté pour cela.",
    remedy_en="Sign in, and send “authorization: Bearer <token>”.",
    remedy_fr="Connectez-vous, et envoyez « authorization: Bearer <jeton> ».",
)
BAD_TOKEN = refusal(
    "RPC-04",
    Kind.UNAUTHENTICATED,
    en="The access token is not one of ours.",
    fr="Le jeton d’accès n’est pas un des nôtres.",
    remedy_en="Sign in again.",
    remedy_fr="Reconnectez-vous.",
)
EXPIRED_TOKEN = refusal(
    "RPC-05",
    Kind.UNAUTHENTICATED,
    en="The access token has expired.",
    fr="Le jeton d’accès a expiré.",
    remedy_en="Refresh it, or sign in again.",
    remedy_fr="Renouvelez-le, ou reconnectez-vous.",
)
SESSION_ENDED = refusal(
    "RPC-06",
    Kind.UNAUTHENTICATED,
    en="This session has ended.",
    fr="Cette session est terminée.",
    remedy_en="Sign in again.",
    remedy_fr="Reconnectez-vous.",
)
ROLE_NEEDED = refusal(
    "RPC-07",
    Kind.PERMISSION_DENIED,
    en="This is reserved to the role: {roles}.",
    fr="C’est réservé au rôle : {roles}.",
    remedy_en="Ask someone who holds it.",
    remedy_fr="Adressez-vous à une personne qui le détient.",
)
INTERNAL_ONLY = refusal(
    "RPC-08",
    Kind.PERMISSION_DENIED,
    en="Only Regard’s own services may call this.",
    fr="Seuls les services de Regard peuvent appeler ceci.",
    remedy_en="Use the public API.",
    remedy_fr="Utilisez l’API publique.",
)
TOO_LATE = refusal(
    "RPC-09",
    Kind.DEADLINE_EXCEEDED,
    en="The answer took too long; what was asked may have been done all the same.",
    fr="La réponse a trop tardé ; la demande a pu être exécutée malgré tout.",
    remedy_en="Try again with the same idempotency-key: nothing is done twice.",
    remedy_fr="Réessayez avec la même idempotency-key : rien ne sera fait deux fois.",
)
SHUTTING_DOWN = refusal(
    "RPC-10",
    Kind.UNAVAILABLE,
    en="This server is stopping.",
    fr="Ce serveur s’arrête.",
    remedy_en="Connect again and go on from the last position received.",
    remedy_fr="Reconnectez-vous et reprenez à la dernière position reçue.",
)
BAD_KEY = refusal(
    "RPC-11",
    Kind.INVALID_ARGUMENT,
    en="The idempotency-key is not 1 to 128 printable characters without spaces.",
    fr="La clé idempotency-key n’a pas de 1 à 128 caractères imprimables sans espace.",
    remedy_en="Use a UUID, one per command.",
    remedy_fr="Utilisez un UUID, un par commande.",
)
TOO_LARGE = refusal(
    "RPC-12",
    Kind.RESOURCE_EXHAUSTED,
    en="The message has more than {limit_bytes} bytes.",
    fr="Le message compte plus de {limit_bytes} octets.",
    remedy_en="Send it in smaller parts.",
    remedy_fr="Envoyez-le en plus petits morceaux.",
)
UNREADABLE = refusal(
    "RPC-13",
    Kind.INVALID_ARGUMENT,
    en="The message is not a {message}.",
    fr="Le message n’est pas un {message}.",
    remedy_en="Encode it as the contract says.",
    remedy_fr="Encodez-le comme le dit le contrat.",
)
PEER_UNAVAILABLE = refusal(
    "RPC-14",
    Kind.UNAVAILABLE,
    en="The service “{service}” doesn’t answer at the moment.",
    fr="Le service « {service} » ne répond pas pour l’instant.",
    remedy_en="Try again in a few seconds.",
    remedy_fr="Réessayez dans quelques secondes.",
)
NO_KEYS = refusal(
    "RPC-15",
    Kind.UNAVAILABLE,
    en="Access tokens can’t be verified at the moment.",
    fr="Les jetons d’accès ne peuvent pas être vérifiés pour l’instant.",
    remedy_en="Try again in a few seconds; there is no need to sign in again.",
    remedy_fr="Réessayez dans quelques secondes ; il est inutile de se reconnecter.",
)
TOO_MANY_STREAMS = refusal(
    "RPC-16",
    Kind.RESOURCE_EXHAUSTED,
    en="You have {limit} streams open, which is as many as there can be.",
    fr="Vous avez {limit} flux ouverts, ce qui est le maximum.",
    remedy_en="Close one of your windows or programs, then try again.",
    remedy_fr="Fermez une de vos fenêtres ou un de vos programmes, puis réessayez.",
)
