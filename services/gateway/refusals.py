"""Why the gateway refuses a call before any service sees it, and why it refuses to start."""

from services.common.errors import Kind, refusal

UNAUTHENTICATED = refusal(
    "GWY-01",
    Kind.UNAUTHENTICATED,
    en="This call needs a valid access token.",
    fr="Cet appel demande un jeton d’accès valide.",
    remedy_en="Sign in and send “authorization: Bearer <token>”; right after a start, try again in a few seconds.",
    remedy_fr="Connectez-vous et envoyez « authorization: Bearer <jeton> » ; juste après un démarrage, réessayez.",
)
RATE_LIMITED = refusal(
    "GWY-02",
    Kind.RESOURCE_EXHAUSTED,
    en="Too many calls in a short time.",
    fr="Trop d’appels en peu de temps.",
    remedy_en="Wait a moment, then go on more slowly.",
    remedy_fr="Attendez un instant, puis continuez plus lentement.",
)
TOO_LARGE = refusal(
    "GWY-03",
    Kind.RESOURCE_EXHAUSTED,
    en="The request is too large.",
    fr="La requête est trop volumineuse.",
    remedy_en="Send less at once.",
    remedy_fr="Envoyez moins de données à la fois.",
)
NOT_FOUND = refusal(
    "GWY-04",
    Kind.UNIMPLEMENTED,
    en="There is nothing at this address.",
    fr="Il n’y a rien à cette adresse.",
    remedy_en="Look up the path in /openapi.json, or the method in the protos.",
    remedy_fr="Cherchez le chemin dans /openapi.json, ou la méthode dans les protos.",
)
UNAVAILABLE = refusal(
    "GWY-05",
    Kind.UNAVAILABLE,
    en="The service behind this call doesn’t answer at the moment.",
    fr="Le service appelé ne répond pas pour le moment.",
    remedy_en="Try again in a moment; nothing is lost by repeating with the same idempotency key.",
    remedy_fr="Réessayez dans un instant ; répéter avec la même clé d’idempotence ne fait rien perdre.",
)
MALFORMED = refusal(
    "GWY-06",
    Kind.INVALID_ARGUMENT,
    en="The request can’t be read.",
    fr="La requête est illisible.",
    remedy_en="Compare its body, its query and its headers with /openapi.json.",
    remedy_fr="Comparez son corps, ses paramètres et ses en-têtes avec /openapi.json.",
)
METHOD_NOT_ALLOWED = refusal(
    "GWY-07",
    Kind.UNIMPLEMENTED,
    en="This address doesn’t take this HTTP method.",
    fr="Cette adresse n’accepte pas cette méthode HTTP.",
    remedy_en="Use one of those named in the `allow` header.",
    remedy_fr="Utilisez une de celles que nomme l’en-tête `allow`.",
)
TIMED_OUT = refusal(
    "GWY-08",
    Kind.DEADLINE_EXCEEDED,
    en="The answer took too long.",
    fr="La réponse a pris trop de temps.",
    remedy_en="Try again with the same idempotency key, and allow more time.",
    remedy_fr="Réessayez avec la même clé d’idempotence, en laissant plus de temps.",
)
FAILED = refusal(
    "GWY-09",
    Kind.INTERNAL,
    en="The gateway could not handle this call.",
    fr="La passerelle n’a pas pu traiter cet appel.",
    remedy_en="Tell your administrator the request id.",
    remedy_fr="Donnez l’identifiant de la requête à votre administrateur.",
)
PORT_IN_USE = refusal(
    "GWY-10",
    Kind.FAILED_PRECONDITION,
    en="Port {port} is in use by another program.",
    fr="Le port {port} est occupé par un autre programme.",
    remedy_en="End that program, or choose another port: REGARD_PORT=8081 make run.",
    remedy_fr="Arrêtez ce programme, ou choisissez un autre port : REGARD_PORT=8081 make run.",
)
NOT_STARTED = refusal(
    "GWY-11",
    Kind.UNAVAILABLE,
    en="The gateway didn’t start. Its last words: {words}",
    fr="La passerelle n’a pas démarré. Ses derniers mots : {words}",
    remedy_en="The whole of them is in {log}.",
    remedy_fr="Ils sont en entier dans {log}.",
)
ENDED = refusal(
    "GWY-12",
    Kind.UNAVAILABLE,
    en="The gateway ended by itself. Its last words: {words}",
    fr="La passerelle s’est arrêtée d’elle-même. Ses derniers mots : {words}",
    remedy_en="The whole of them is in {log}; start Regard again.",
    remedy_fr="Ils sont en entier dans {log} ; relancez Regard.",
)
CANNOT_LISTEN = refusal(
    "GWY-13",
    Kind.FAILED_PRECONDITION,
    en="The gateway can’t listen on {host}, port {port} ({reason}).",
    fr="La passerelle ne peut pas écouter sur {host}, port {port} ({reason}).",
    remedy_en="Set REGARD_HOST to an address of this machine, and REGARD_PORT to a port above 1023.",
    remedy_fr="Réglez REGARD_HOST sur une adresse de cette machine et REGARD_PORT sur un port supérieur à 1023.",
)
NO_ADDRESS = refusal(
    "GWY-14",
    Kind.FAILED_PRECONDITION,
    en="{variable} doesn’t say where that service is.",
    fr="{variable} ne dit pas où se trouve ce service.",
    remedy_en="Set it to host:port.",
    remedy_fr="Réglez-la sur hôte:port.",
)
