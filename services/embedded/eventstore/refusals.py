"""Why the embedded event store does not start, or does not take an append."""

from services.common.errors import Kind, refusal

FOLDER_IN_USE = refusal(
    "EVS-01",
    Kind.FAILED_PRECONDITION,
    en="Another process is using the event store in {folder}.",
    fr="Un autre processus utilise le magasin d'événements du dossier {folder}.",
    remedy_en="Stop that process, or choose another folder with REGARD_DATA.",
    remedy_fr="Arrêtez ce processus, ou choisissez un autre dossier avec REGARD_DATA.",
)
PORT_IN_USE = refusal(
    "EVS-02",
    Kind.UNAVAILABLE,
    en="The event store cannot listen on {host}, port {port}: something else does.",
    fr="Le magasin d'événements ne peut pas écouter sur {host}, port {port} : le port est déjà pris.",
    remedy_en="Stop what uses the port, or choose another with REGARD_EVENTSTORE_PORT.",
    remedy_fr="Libérez ce port, ou choisissez-en un autre avec REGARD_EVENTSTORE_PORT.",
)
FILE_DAMAGED = refusal(
    "EVS-03",
    Kind.DATA_LOSS,
    en="The event store's file {file} is damaged, so nothing was read from it or written to it.",
    fr="Le fichier {file} du magasin d'événements est endommagé : rien n'y a été lu ni écrit.",
    remedy_en="Restore it from a backup; keep the damaged file aside for whoever looks into it.",
    remedy_fr="Restaurez-le depuis une sauvegarde et gardez de côté le fichier endommagé, pour analyse.",
)
FILE_FOREIGN = refusal(
    "EVS-04",
    Kind.FAILED_PRECONDITION,
    en="The file {file} is not an event store that this version of Regard can read.",
    fr="Le fichier {file} n'est pas un magasin d'événements lisible par cette version de Regard.",
    remedy_en="Choose another folder with REGARD_DATA, or start the version of Regard that wrote it.",
    remedy_fr="Choisissez un autre dossier avec REGARD_DATA, ou lancez la version de Regard qui l'a écrit.",
)
FOLDER_UNUSABLE = refusal(
    "EVS-05",
    Kind.FAILED_PRECONDITION,
    en="The event store cannot write to the folder {folder}: {reason}.",
    fr="Le magasin d'événements ne peut pas écrire dans le dossier {folder} : {reason}.",
    remedy_en="Make room on the disk and check who may write to the folder.",
    remedy_fr="Libérez de la place sur le disque et vérifiez les droits d'écriture sur le dossier.",
)
DISK_FULL = refusal(
    "EVS-06",
    Kind.RESOURCE_EXHAUSTED,
    en="The event store's disk is full; nothing of this append was written.",
    fr="Le disque du magasin d'événements est plein ; rien de cet ajout n'a été écrit.",
    remedy_en="Make room on the disk, then repeat the append.",
    remedy_fr="Libérez de la place sur le disque, puis répétez l'ajout.",
)
WRITE_FAILED = refusal(
    "EVS-07",
    Kind.UNAVAILABLE,
    en="The event store could not write to its file; nothing of this append was kept.",
    fr="Le magasin d'événements n'a pas pu écrire dans son fichier ; rien de cet ajout n'a été conservé.",
    remedy_en="Look at the event store's log and at the disk's health, then restart it.",
    remedy_fr="Consultez le journal du magasin d'événements et l'état du disque, puis redémarrez-le.",
)
READ_FAILED = refusal(
    "EVS-08",
    Kind.DATA_LOSS,
    en="The event store could not read its file.",
    fr="Le magasin d'événements n'a pas pu lire son fichier.",
    remedy_en="Look at the event store's log and at the disk's health, then restart it.",
    remedy_fr="Consultez le journal du magasin d'événements et l'état du disque, puis redémarrez-le.",
)
CLOSING = refusal(
    "EVS-09",
    Kind.UNAVAILABLE,
    en="The event store is stopping.",
    fr="Le magasin d'événements s'arrête.",
    remedy_en="Try again in a moment.",
    remedy_fr="Réessayez dans un instant.",
)
