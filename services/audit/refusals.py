"""Why audit says no."""

from services.common.errors import Kind, refusal

GROUP_NEEDED = refusal(
    "AUD-01",
    Kind.INVALID_ARGUMENT,
    en="Which group’s ledger is not said.",
    fr="Le groupe dont lire le registre n’est pas indiqué.",
    remedy_en="Give group_id, or ask for SCOPE_BY_ME or SCOPE_ABOUT_ME.",
    remedy_fr="Indiquez group_id, ou demandez SCOPE_BY_ME ou SCOPE_ABOUT_ME.",
)
OBJECT_NEEDED = refusal(
    "AUD-02",
    Kind.INVALID_ARGUMENT,
    en="Which object’s accesses to list is not said.",
    fr="L’objet dont lister les accès n’est pas indiqué.",
    remedy_en="Give object_id, or ask for SCOPE_GROUP.",
    remedy_fr="Indiquez object_id, ou demandez SCOPE_GROUP.",
)
ENDS_BEFORE_IT_BEGINS = refusal(
    "AUD-03",
    Kind.INVALID_ARGUMENT,
    en="The period ends before it begins.",
    fr="La période se termine avant de commencer.",
    remedy_en="Give a “to” that is later than “from”.",
    remedy_fr="Indiquez un « to » postérieur à « from ».",
)
NO_SUCH_ACCESS = refusal(
    "AUD-04",
    Kind.NOT_FOUND,
    en="There is no such access in this group’s ledger.",
    fr="Il n’y a pas d’accès de ce numéro dans le registre de ce groupe.",
    remedy_en="Take access_id from a line of the ledger.",
    remedy_fr="Prenez access_id dans une ligne du registre.",
)
NOT_YET_PROVABLE = refusal(
    "AUD-05",
    Kind.UNAVAILABLE,
    en="This access is recorded, and not in the published log yet.",
    fr="Cet accès est enregistré, mais n’est pas encore dans le journal publié.",
    remedy_en="Try again in two seconds.",
    remedy_fr="Réessayez dans deux secondes.",
)
RECORD_ERASED = refusal(
    "AUD-06",
    Kind.NOT_FOUND,
    en="What was recorded of this access has been erased, for the reason: {reason}.",
    fr="Ce qui était enregistré de cet accès a été effacé, pour le motif : {reason}.",
    remedy_en="The log keeps the tombstone: entry {index}.",
    remedy_fr="Le journal en garde la trace : entrée {index}.",
)
READER_NOT_SHOWN = refusal(
    "AUD-07",
    Kind.PERMISSION_DENIED,
    en="This group’s rules do not show this reader by name, and a receipt would.",
    fr="Les règles de ce groupe ne montrent pas cette personne par son nom, et un reçu le ferait.",
    remedy_en="Whoever looked can ask for the receipt; so can you, once the group’s rules show readers by name.",
    remedy_fr="Qui a regardé peut demander le reçu ; vous aussi, si les règles du groupe montrent les noms.",
)
LOG_STORAGE_AWAY = refusal(
    "AUD-10",
    Kind.UNAVAILABLE,
    en="The storage of the log does not do what it is asked: {reason}.",
    fr="Le stockage du journal ne fait pas ce qu’on lui demande : {reason}.",
    remedy_en="Give it back to Regard, with room and the right to write; nothing is lost meanwhile.",
    remedy_fr="Rendez-le à Regard, avec de la place et le droit d’écrire ; rien n’est perdu entre-temps.",
)
LOG_AHEAD = refusal(
    "AUD-11",
    Kind.DATA_LOSS,
    en="The log was published up to {seen} leaves, by {witness}, and this installation remembers {size}.",
    fr="Le journal a été publié jusqu’à {seen} feuilles, selon {witness}, et cette installation en connaît {size}.",
    remedy_en="An old copy of audit’s vault was restored. Restore the newest; docs/log.md says what to do without one.",
    remedy_fr="Une ancienne copie du coffre d’audit est en place. Restaurez la dernière ; sans elle, voir docs/log.md.",
)
LOG_FORKED = refusal(
    "AUD-12",
    Kind.DATA_LOSS,
    en="Two logs of {size} leaves exist: what is published has another root than what this installation signed.",
    fr="Il existe deux journaux de {size} feuilles : le publié n’a pas la racine signée par cette installation.",
    remedy_en="Keep both, delete nothing, and see docs/log.md.",
    remedy_fr="Gardez les deux, n’effacez rien, et voyez docs/log.md.",
)
LOG_DAMAGED = refusal(
    "AUD-13",
    Kind.DATA_LOSS,
    en="A file of the log is missing, or is not what it was: {path}.",
    fr="Un fichier du journal manque, ou n’est plus ce qu’il était : {path}.",
    remedy_en="Restore the newest copy of the log’s storage; see docs/log.md.",
    remedy_fr="Restaurez la dernière copie du stockage du journal ; voir docs/log.md.",
)
LOG_NOT_OURS = refusal(
    "AUD-14",
    Kind.DATA_LOSS,
    en="The storage of the log holds a log that this installation did not sign, or no longer remembers.",
    fr="Le stockage du journal contient un journal que cette installation n’a pas signé, ou ne connaît plus.",
    remedy_en="Give back the vault of audit that belongs to it, or another storage; see docs/log.md.",
    remedy_fr="Rendez le coffre d’audit qui lui appartient, ou un autre stockage ; voir docs/log.md.",
)
PLACES_MISSING = refusal(
    "AUD-15",
    Kind.DATA_LOSS,
    en="Access records of the group {group_id} are missing: revision {revision} came after {known}.",
    fr="Des accès au groupe {group_id} manquent : la révision {revision} est arrivée après {known}.",
    remedy_en="Restore the newest copy of the event store; see docs/log.md.",
    remedy_fr="Restaurez la dernière copie du journal des événements ; voir docs/log.md.",
)
STORE_BEHIND = refusal(
    "AUD-16",
    Kind.DATA_LOSS,
    en="The event store ends before an access that the log has read from it already.",
    fr="Le journal des événements se termine avant un accès que le journal public en a déjà lu.",
    remedy_en="An old copy of the event store was restored. Restore the newest; see docs/log.md.",
    remedy_fr="Une ancienne copie du journal des événements a été restaurée. Restaurez la dernière ; voir docs/log.md.",
)
WITNESSES_AWAY = refusal(
    "AUD-17",
    Kind.UNAVAILABLE,
    en="Too few witnesses say how far they have seen the log: {missing} do not answer.",
    fr="Trop peu de témoins disent jusqu’où ils ont vu le journal : {missing} ne répondent pas.",
    remedy_en="The log waits for them when it starts; look at their addresses and at the network.",
    remedy_fr="Le journal les attend à son démarrage ; vérifiez leurs adresses et le réseau.",
)
BAD_WITNESSES = refusal(
    "AUD-18",
    Kind.FAILED_PRECONDITION,
    en="REGARD_LOG_WITNESSES_FILE names no usable witnesses: {reason}",
    fr="REGARD_LOG_WITNESSES_FILE ne nomme pas de témoins utilisables : {reason}",
    remedy_en="Give witness, group and quorum lines of c2sp.org/tlog-policy, each witness with its address.",
    remedy_fr="Donnez des lignes witness, group et quorum de c2sp.org/tlog-policy, chaque témoin avec son adresse.",
)
BAD_LOG_STORAGE = refusal(
    "AUD-19",
    Kind.FAILED_PRECONDITION,
    en="REGARD_LOG_STORAGE is not the address of a bucket.",
    fr="REGARD_LOG_STORAGE n’est pas l’adresse d’un compartiment.",
    remedy_en="Give s3://bucket/prefix, or nothing to keep the log in the data folder.",
    remedy_fr="Donnez s3://nom/préfixe, ou rien pour garder le journal dans le dossier de données.",
)
GROUPS_OR_READER = refusal(
    "AUD-30",
    Kind.INVALID_ARGUMENT,
    en="Neither groups nor a person are named.",
    fr="Ni groupe ni personne ne sont indiqués.",
    remedy_en="Give group_ids, or reader_id for all that this person accessed.",
    remedy_fr="Indiquez group_ids, ou reader_id pour tout ce que cette personne a consulté.",
)
TOO_MANY_GROUPS = refusal(
    "AUD-31",
    Kind.INVALID_ARGUMENT,
    en="This person accessed more than {most} groups in that time, and each would be told of the question.",
    fr="Cette personne a consulté plus de {most} groupes pendant ce temps, et chacun serait averti de la question.",
    remedy_en="Give a shorter period, or the groups.",
    remedy_fr="Indiquez une période plus courte, ou les groupes.",
)
NO_SUCH_BREAK_GLASS = refusal(
    "AUD-32",
    Kind.NOT_FOUND,
    en="There is no such break-glass.",
    fr="Il n’y a pas de bris de glace de ce numéro.",
    remedy_en="Take break_glass_id from the list of those, or from a line of the ledger.",
    remedy_fr="Prenez break_glass_id dans leur liste, ou dans une ligne du registre.",
)
LONG_RETENTION = refusal(
    "AUD-50",
    Kind.FAILED_PRECONDITION,
    en="REGARD_LEDGER_MONTHS keeps accesses for {months} months, and nothing says why.",
    fr="REGARD_LEDGER_MONTHS garde les accès {months} mois, et rien ne dit pourquoi.",
    remedy_en="Say why in REGARD_LEDGER_JUSTIFICATION, or keep them for at most 12 months.",
    remedy_fr="Dites pourquoi dans REGARD_LEDGER_JUSTIFICATION, ou gardez-les au plus 12 mois.",
)
LOG_NOT_SO_LARGE = refusal(
    "AUD-51",
    Kind.FAILED_PRECONDITION,
    en="The published log has {size} entries, fewer than were asked for.",
    fr="Le journal publié a {size} entrées, moins que demandé.",
    remedy_en="Ask for size 0, and go on from a size that the first frame told.",
    remedy_fr="Demandez la taille 0, et poursuivez avec une taille que la première trame a indiquée.",
)
ERASED_MEANWHILE = refusal(
    "AUD-52",
    Kind.UNAVAILABLE,
    en="Entries were erased, and their tombstone is not among the first {size} entries of the log.",
    fr="Des entrées ont été effacées, et la mention n’en est pas dans les {size} premières entrées du journal.",
    remedy_en="Begin again in a few seconds, with size 0.",
    remedy_fr="Recommencez dans quelques secondes, avec la taille 0.",
)
EXPORT_TOO_LARGE = refusal(
    "AUD-60",
    Kind.FAILED_PRECONDITION,
    en="That is more than {most} accesses, which is as much as one export holds.",
    fr="Cela fait plus de {most} accès, ce que contient au plus une exportation.",
    remedy_en="Export a shorter period, or fewer groups at once.",
    remedy_fr="Exportez une période plus courte, ou moins de groupes à la fois.",
)
NO_SUCH_CONTEST = refusal(
    "AUD-40",
    Kind.NOT_FOUND,
    en="This access is not contested.",
    fr="Cet accès n’est pas contesté.",
    remedy_en="Look at the contests of the group.",
    remedy_fr="Consultez les contestations du groupe.",
)
SETTLED_ALREADY = refusal(
    "AUD-41",
    Kind.FAILED_PRECONDITION,
    en="This contest has been answered already, and the answer stays.",
    fr="Cette contestation a déjà reçu sa réponse, qui demeure.",
    remedy_en="Read the answer among the contests of the group.",
    remedy_fr="Lisez la réponse parmi les contestations du groupe.",
)
NOT_YOUR_OWN_ACCESS = refusal(
    "AUD-42",
    Kind.PERMISSION_DENIED,
    en="Nobody answers for an access of their own.",
    fr="Personne ne répond d’un accès qui est le sien.",
    remedy_en="Leave it to another auditor, or to the data protection officer.",
    remedy_fr="Laissez répondre une autre personne de l’audit, ou de la protection des données.",
)
