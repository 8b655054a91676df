"""Puts audit together, the same for production and tests."""

from regard.audit.v1.audit_pb2_grpc import (
    add_AuditQueryServiceServicer_to_server,
    add_LedgerServiceServicer_to_server,
)

from services.access import Guard
from services.audit.api import AuditQueryApi, LedgerApi
from services.audit.auditors import Auditors
from services.audit.completeness import Completeness
from services.audit.contests import ContestDesk
from services.audit.disclosures import Disclosures
from services.audit.entries import Entries
from services.audit.export import Export
from services.audit.ledger import Ledger
from services.audit.ledgercheck import ledger_against_streams
from services.audit.log.transparency import TransparencyLog
from services.audit.opening import LogOpening
from services.audit.trails import Trails
from services.audit.views import ledger
from services.audit.watch import Watch
from services.common.kernel import Kernel, Service
from services.common.settings import Settings


def build(settings: Settings, kernel: Kernel) -> Service:
    """The service, not yet running. Raises BadMasterKey, OSError; Refused (AUD-18, AUD-19, AUD-50)."""
    guard, database, view = Guard.of(kernel), kernel.database("audit"), ledger()
    log, streams = TransparencyLog(settings, kernel), (kernel.store, database, kernel.clock)
    completeness = Completeness(guard, kernel.store, database, log.places(), kernel.clock)
    auditors = Auditors(guard, database)
    export = Export(guard, database, auditors, log, kernel.clock)
    disclosures = Disclosures(database, log)
    contests = ContestDesk(guard, disclosures, kernel.store, kernel.codec, kernel.clock)
    entries = Entries(database, log, kernel.clock)
    trails = Trails(guard, kernel.store, kernel.codec, database, contests, kernel.clock)
    return Service(
        name="audit",
        servicers=(
            (
                add_LedgerServiceServicer_to_server,
                LedgerApi(
                    Ledger(guard, database, log, disclosures),
                    Watch(guard, database, view),
                    contests,
                    disclosures,
                    entries,
                ),
            ),
            (
                add_AuditQueryServiceServicer_to_server,
                AuditQueryApi(auditors, export, trails, completeness, LogOpening(guard, log, disclosures)),
            ),
        ),
        projections=(view,),
        checks=(ledger_against_streams(*streams, settings.ledger_retention), log.check()),
        tasks=(guard.run, log.run),
        http=log.http(),
        revoked=guard.revoked,
    )
