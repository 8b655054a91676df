"""audit's RPCs: translate, call, answer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from regard.audit.v1 import audit_pb2 as pb
from regard.audit.v1.audit_pb2_grpc import AuditQueryServiceServicer, LedgerServiceServicer
from regard.common.v1.common_pb2 import PageInfo, PageRequest

from services.audit.auditors import Asked, Auditors, Why
from services.audit.completeness import Completeness
from services.audit.contests import ContestDesk
from services.audit.disclosures import Disclosures
from services.audit.entries import Entries
from services.audit.export import Export
from services.audit.ledger import Ledger, Part, Period
from services.audit.opening import LogOpening
from services.audit.queries import HOURS_PER_DAY, Day, Page
from services.audit.refusals import ENDS_BEFORE_IT_BEGINS, GROUP_NEEDED, OBJECT_NEEDED
from services.audit.shown import entry
from services.audit.trails import Trails
from services.audit.views import HOUR_US
from services.audit.watch import Watch
from services.common import moments, paging, rpc

Context = grpc.aio.ServicerContext[Message, Message]
Scope = pb.ListAccessesRequest.Scope
Bounded = pb.ListAccessesRequest | pb.SearchAccessesRequest | pb.CheckCompletenessRequest


class LedgerApi(LedgerServiceServicer):
    """The ledger, for those concerned."""

    def __init__(
        self, ledger: Ledger, watch: Watch, contests: ContestDesk, disclosures: Disclosures, entries: Entries
    ) -> None:
        self._ledger = ledger
        self._watch = watch
        self._contests = contests
        self._disclosures = disclosures
        self._entries = entries

    async def ListAccesses(self, request: pb.ListAccessesRequest, context: Context) -> pb.ListAccessesResponse:
        caller, part, period = rpc.caller(), _part(request.page), _period(request)
        head = -1
        contests: Mapping[str, pb.ContestState] = {}
        match request.scope:
            case pb.ListAccessesRequest.SCOPE_BY_ME:
                page = await self._ledger.by_me(caller, period, part)
            case pb.ListAccessesRequest.SCOPE_ABOUT_ME:
                page = await self._ledger.about_me(caller, period, part)
            case _:
                of_object = request.scope == pb.ListAccessesRequest.SCOPE_OBJECT
                if not request.group_id:
                    raise GROUP_NEEDED()
                if of_object and not request.object_id:
                    raise OBJECT_NEEDED()
                object_id = request.object_id if of_object else ""
                page, head = await self._ledger.of_group(caller, request.group_id, object_id, period, part)
                contests = await self._contests.states(request.group_id)
        return pb.ListAccessesResponse(
            entries=[entry(line, contests) for line in page.lines], page=_info(page), head_revision=head
        )

    async def WatchAccesses(
        self, request: pb.WatchAccessesRequest, context: Context
    ) -> AsyncIterator[pb.WatchAccessesResponse]:
        async with aclosing(self._watch.frames(rpc.caller(), request.group_id, request.cursor)) as frames:
            async for frame in frames:
                yield frame

    async def GetReceipt(self, request: pb.GetReceiptRequest, context: Context) -> pb.GetReceiptResponse:
        receipt = await self._ledger.receipt(rpc.caller(), request.group_id, request.access_id)
        return pb.GetReceiptResponse(receipt=receipt)

    async def ContestAccess(self, request: pb.ContestAccessRequest, context: Context) -> pb.ContestAccessResponse:
        await self._contests.contest(rpc.caller(), request.group_id, request.access_id, request.reason)
        return pb.ContestAccessResponse()

    async def SettleContest(self, request: pb.SettleContestRequest, context: Context) -> pb.SettleContestResponse:
        asked = (request.group_id, request.access_id, request.outcome, request.answer)
        await self._contests.settle(rpc.caller(), *asked)
        return pb.SettleContestResponse()

    async def ListContests(self, request: pb.ListContestsRequest, context: Context) -> pb.ListContestsResponse:
        return pb.ListContestsResponse(contests=await self._contests.of(rpc.caller(), request.group_id))

    async def ListSealedCounts(
        self, request: pb.ListSealedCountsRequest, context: Context
    ) -> pb.ListSealedCountsResponse:
        answer = pb.ListSealedCountsResponse()
        for one in await self._disclosures.untold():
            month, told_by = moments.timestamp_of(one.month), moments.timestamp_of(one.told_by)
            answer.months.add(month=month, accesses=one.accesses, told_by=told_by)
        return answer

    async def CountEntries(self, request: pb.CountEntriesRequest, context: Context) -> pb.CountEntriesResponse:
        counted = await self._entries.counted()
        kinds = counted.kinds
        return pb.CountEntriesResponse(
            before=moments.timestamp_of(counted.before),
            entries=kinds.entries,
            open=kinds.open,
            chaff=kinds.chaff,
            sealed=kinds.sealed,
            erased=kinds.erased,
            ledger_readings=counted.ledger_readings,
        )


class AuditQueryApi(AuditQueryServiceServicer):
    """The ledger, for auditors."""

    def __init__(
        self,
        auditors: Auditors,
        export: Export,
        trails: Trails,
        completeness: Completeness,
        opening: LogOpening,
    ) -> None:
        self._auditors = auditors
        self._export = export
        self._trails = trails
        self._completeness = completeness
        self._opening = opening

    async def SearchAccesses(self, request: pb.SearchAccessesRequest, context: Context) -> pb.SearchAccessesResponse:
        page = await self._auditors.search(rpc.caller(), _asked(request), _part(request.page))
        return pb.SearchAccessesResponse(entries=[entry(line) for line in page.lines], page=_info(page))

    async def GetStatistics(self, request: pb.GetStatisticsRequest, context: Context) -> pb.GetStatisticsResponse:
        days = await self._auditors.statistics(rpc.caller(), _asked(request.query))
        return pb.GetStatisticsResponse(counts=[_count(day) for day in days])

    async def CheckCompleteness(
        self, request: pb.CheckCompletenessRequest, context: Context
    ) -> pb.CheckCompletenessResponse:
        why = Why(request.purpose, request.purpose_reference)
        return await self._completeness.check(rpc.caller(), why, request.group_ids, _period(request))

    async def GetBreakGlassTrail(
        self, request: pb.GetBreakGlassTrailRequest, context: Context
    ) -> pb.GetBreakGlassTrailResponse:
        why = Why(request.purpose, request.purpose_reference)
        trail = await self._trails.of(rpc.caller(), why, request.break_glass_id, _part(request.page))
        return pb.GetBreakGlassTrailResponse(
            case=trail.case,
            approved_at=trail.approved_at,
            accesses=[entry(line, trail.contests) for line in trail.page.lines],
            page=_info(trail.page),
        )

    async def ExportAccesses(
        self, request: pb.ExportAccessesRequest, context: Context
    ) -> AsyncIterator[pb.ExportAccessesResponse]:
        query = pb.SearchAccessesRequest()
        query.CopyFrom(request.query)
        query.ClearField("page")
        told = MessageToDict(query, preserving_proto_field_name=True)
        async with aclosing(self._export.frames(rpc.caller(), _asked(query), told)) as frames:
            async for frame in frames:
                yield frame

    async def OpenLog(self, request: pb.OpenLogRequest, context: Context) -> AsyncIterator[pb.OpenLogResponse]:
        why = Why(request.purpose, request.purpose_reference)
        async with aclosing(self._opening.frames(rpc.caller(), why, request.first, request.size)) as frames:
            async for frame in frames:
                yield frame


def _asked(request: pb.SearchAccessesRequest) -> Asked:
    return Asked(
        request.group_ids,
        Why(request.purpose, request.purpose_reference),
        _period(request),
        reader_id=request.reader_id,
        reader_kind=request.reader_kind,
        action=request.action,
        accessed_for=request.accessed_for,
    )


def _count(day: Day) -> pb.GetStatisticsResponse.Count:
    count = pb.GetStatisticsResponse.Count(
        reader_kind=day.reader_kind,
        action=day.action,
        purpose=day.purpose,
        accesses=day.accesses,
        readers=day.readers,
        groups=day.groups,
    )
    count.day.FromMicroseconds(day.day * HOURS_PER_DAY * HOUR_US)
    return count


def _part(page: PageRequest) -> Part:
    return Part(paging.size_of(page), paging.decode(page.token, (0, 0)))


def _period(request: Bounded) -> Period:
    period = Period(_bound(request, "from"), _bound(request, "to"))
    if period.from_us is not None and period.to_us is not None and period.to_us <= period.from_us:
        raise ENDS_BEFORE_IT_BEGINS()
    return period


def _bound(request: Bounded, name: str) -> int | None:
    # `from` is a word of Python's, so the field can't be written as an attribute.
    bound: Timestamp = getattr(request, name)
    return bound.ToMicroseconds() if request.HasField(name) else None


def _info(page: Page) -> PageInfo:
    return PageInfo(next_token=paging.encode(page.next) if page.next else "")
