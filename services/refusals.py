"""Why a process doesn't start, or ends."""

from services.common.errors import Kind, refusal

PART_DIED = refusal(
    "RUN-01",
    Kind.UNAVAILABLE,
    en="Regard has stopped, because its part “{part}” did: {reason}",
    fr="Regard s’est arrêté, parce que sa partie « {part} » s’est arrêtée : {reason}",
    remedy_en="Start it again; nothing is lost. The lines above say more.",
    remedy_fr="Relancez-le ; rien n’est perdu. Les lignes ci-dessus en disent plus.",
)
NO_LISTEN = refusal(
    "RUN-02",
    Kind.FAILED_PRECONDITION,
    en="“{part}” runs alone but isn’t told where to listen.",
    fr="« {part} » est lancé seul, mais rien ne dit où il écoute.",
    remedy_en="Set {variable}, for example to 127.0.0.1:7001.",
    remedy_fr="Réglez {variable}, par exemple sur 127.0.0.1:7001.",
)
NO_ADDRESS = refusal(
    "RUN-03",
    Kind.FAILED_PRECONDITION,
    en="Where to reach “{part}” isn’t said.",
    fr="Rien ne dit où atteindre « {part} ».",
    remedy_en="Set {variable}; only “python -m services all” brings everything by itself.",
    remedy_fr="Réglez {variable} ; seul « python -m services all » apporte tout lui-même.",
)
CANNOT_LISTEN = refusal(
    "RUN-04",
    Kind.FAILED_PRECONDITION,
    en="“{part}” can’t listen on {address}: the port is taken, or the address isn’t this machine’s.",
    fr="« {part} » ne peut pas écouter sur {address} : le port est pris, ou l’adresse n’est pas de cette machine.",
    remedy_en="End the other program, or choose another address.",
    remedy_fr="Arrêtez l’autre programme, ou choisissez une autre adresse.",
)
DATA_UNUSABLE = refusal(
    "RUN-05",
    Kind.FAILED_PRECONDITION,
    en="Regard can’t write to its data folder {folder} ({reason}).",
    fr="Regard ne peut pas écrire dans son dossier de données {folder} ({reason}).",
    remedy_en="Give yourself the right to write there, or set REGARD_DATA to another folder.",
    remedy_fr="Donnez-vous le droit d’y écrire, ou réglez REGARD_DATA sur un autre dossier.",
)
UNKNOWN_TARGET = refusal(
    "RUN-06",
    Kind.INVALID_ARGUMENT,
    en="There is no target “{target}”.",
    fr="Il n’y a pas de cible « {target} ».",
    remedy_en="Targets: {targets}.",
    remedy_fr="Cibles : {targets}.",
)
NOTHING_TO_CHECK = refusal(
    "RUN-07",
    Kind.NOT_FOUND,
    en="There is no data of Regard in {folder}.",
    fr="Il n’y a pas de données de Regard dans {folder}.",
    remedy_en="Set REGARD_DATA to the folder of the installation to check.",
    remedy_fr="Réglez REGARD_DATA sur le dossier de l’installation à vérifier.",
)
COMPANION_ENDED = refusal(
    "RUN-08",
    Kind.UNAVAILABLE,
    en="Regard has not started, because “{services}”, which runs beside it, did not: the lines above say why.",
    fr="Regard n’a pas démarré, parce que « {services} », lancé à côté, ne l’a pas fait : voir les lignes ci-dessus.",
    remedy_en="Follow what they say, and start it again.",
    remedy_fr="Suivez ce qu’elles indiquent, puis relancez-le.",
)
