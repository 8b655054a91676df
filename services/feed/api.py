"""The gRPC face of the feed: translate, call, answer."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence

import grpc
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import PageInfo
from regard.feed.v1 import feed_pb2 as api
from regard.feed.v1.feed_pb2_grpc import FeedServiceServicer

from services.access import Action, Grant, Guard, Sight
from services.common import moments, paging, rpc
from services.common.database import Database
from services.feed import queries, rendering
from services.feed.files import Files
from services.feed.queries import TextRow, Visible
from services.feed.refusals import NO_SUCH_POST
from services.feed.threads import Threads, in_sight
from services.feed.views import GROUPS

Context = grpc.aio.ServicerContext[Message, Message]
_Writes = api.PublishPostRequest | api.EditPostRequest | api.AddCommentRequest | api.EditCommentRequest


class FeedApi(FeedServiceServicer):
    """Posts, comments, reactions and files."""

    def __init__(self, guard: Guard, threads: Threads, files: Files, database: Database) -> None:
        self._guard = guard
        self._threads = threads
        self._files = files
        self._database = database

    async def PublishPost(self, request: api.PublishPostRequest, context: Context) -> api.PublishPostResponse:
        row = await self._threads.publish(request.group_id, request.body, request.mentioned_ids, request.file_ids)
        return api.PublishPostResponse(post=rendering.post(row, _text(row, request), rpc.caller().person_id))

    async def GetPost(self, request: api.GetPostRequest, context: Context) -> api.GetPostResponse:
        sight, row = await self._post_in_sight(request.post_id)
        grant = await self._guard.enter(sight, [rendering.object_of(row)])
        async with self._database.read() as tx:
            earlier = await queries.revisions(tx, row.post_id)
        history = [await rendering.revision(grant, revision, row.post_id) for revision in earlier]
        body = await rendering.opened(grant, row)
        return api.GetPostResponse(post=rendering.post(row, body, sight.caller.person_id, history))

    async def EditPost(self, request: api.EditPostRequest, context: Context) -> api.EditPostResponse:
        row = await self._threads.edit(request.post_id, "", request.body, request.mentioned_ids)
        return api.EditPostResponse(post=rendering.post(row, _text(row, request), rpc.caller().person_id))

    async def WithdrawPost(self, request: api.WithdrawPostRequest, context: Context) -> api.WithdrawPostResponse:
        await self._threads.withdraw(request.post_id, "")
        return api.WithdrawPostResponse()

    async def AddComment(self, request: api.AddCommentRequest, context: Context) -> api.AddCommentResponse:
        row = await self._threads.comment(request.post_id, request.body, request.mentioned_ids)
        return api.AddCommentResponse(comment=rendering.comment(row, _text(row, request), rpc.caller().person_id))

    async def EditComment(self, request: api.EditCommentRequest, context: Context) -> api.EditCommentResponse:
        row = await self._threads.edit(request.post_id, request.comment_id, request.body, request.mentioned_ids)
        return api.EditCommentResponse(comment=rendering.comment(row, _text(row, request), rpc.caller().person_id))

    async def WithdrawComment(
        self, request: api.WithdrawCommentRequest, context: Context
    ) -> api.WithdrawCommentResponse:
        await self._threads.withdraw(request.post_id, request.comment_id)
        return api.WithdrawCommentResponse()

    async def SetReaction(self, request: api.SetReactionRequest, context: Context) -> api.SetReactionResponse:
        await self._threads.react(request.post_id, request.comment_id, request.emoji, present=request.present)
        return api.SetReactionResponse()

    async def ListComments(self, request: api.ListCommentsRequest, context: Context) -> api.ListCommentsResponse:
        sight, _ = await self._post_in_sight(request.post_id)
        size, key = paging.size_of(request.page), paging.decode(request.page.token, (0,))
        async with self._database.read() as tx:
            rows = await queries.comments(tx, request.post_id, _visible(sight), key[0] if key else None, size + 1)
        shown = rows[:size]
        readable = [row for row in shown if rendering.is_for(sight, row)]
        grant = await self._guard.enter(sight, [rendering.object_of(row) for row in readable])
        reader_id = sight.caller.person_id
        comments = [rendering.comment(row, await rendering.opened(grant, row), reader_id) for row in readable]
        return api.ListCommentsResponse(comments=comments, page=_page(shown, more=len(rows) > size))

    async def ListGroupPosts(self, request: api.ListGroupPostsRequest, context: Context) -> api.ListGroupPostsResponse:
        sight = await self._guard.sight(rpc.caller(), request.group_id, Action.READ)
        posts, page = await self._posts({request.group_id: sight}, paging.size_of(request.page), request.page.token)
        return api.ListGroupPostsResponse(posts=posts, page=page)

    async def GetHomeFeed(self, request: api.GetHomeFeedRequest, context: Context) -> api.GetHomeFeedResponse:
        sights = await self._my_sights()
        posts, page = await self._posts(sights, paging.size_of(request.page), request.page.token)
        return api.GetHomeFeedResponse(posts=posts, page=page)

    async def ListMentions(self, request: api.ListMentionsRequest, context: Context) -> api.ListMentionsResponse:
        sights = await self._my_sights()
        size, key = paging.size_of(request.page), paging.decode(request.page.token, (0,))
        visible = [_visible(sight) for sight in sights.values()]
        async with self._database.read() as tx:
            found = await queries.mentions(tx, rpc.caller().person_id, visible, key[0] if key else None, size + 1)
        shown = found[:size]
        mentions = [
            api.ListMentionsResponse.Mention(
                post_id=row.post_id,
                comment_id=row.comment_id,
                group_id=row.group_id,
                author_id=row.author_id,
                at=moments.timestamp(row.edited_at_us or row.written_at_us),
            )
            for row, _ in shown
        ]
        more = paging.encode((shown[-1][1],)) if len(found) > size else ""
        return api.ListMentionsResponse(mentions=mentions, page=PageInfo(next_token=more))

    async def ListMyTexts(self, request: api.ListMyTextsRequest, context: Context) -> api.ListMyTextsResponse:
        sights, reader_id = await self._my_sights(), rpc.caller().person_id
        size, key = paging.size_of(request.page), paging.decode(request.page.token, (0,))
        visible = [_visible(sight) for sight in sights.values()]
        async with self._database.read() as tx:
            rows = await queries.texts_by(tx, reader_id, visible, key[0] if key else None, size + 1)
        shown = rows[:size]
        readable = [row for row in shown if rendering.is_for(sights[row.group_id], row)]
        grants = await self._entered(sights, readable)
        answer = api.ListMyTextsResponse(page=_page(shown, more=len(rows) > size))
        for row in readable:
            body = await rendering.opened(grants[row.group_id], row)
            if row.comment_id:
                answer.texts.add(group_id=row.group_id, comment=rendering.comment(row, body, reader_id))
            else:
                answer.texts.add(group_id=row.group_id, post=rendering.post(row, body, reader_id))
        return answer

    async def UploadPart(self, request: api.UploadPartRequest, context: Context) -> api.UploadPartResponse:
        await self._files.upload(request.group_id, request.upload_id, request.index, request.data)
        return api.UploadPartResponse()

    async def AddFile(self, request: api.AddFileRequest, context: Context) -> api.AddFileResponse:
        return api.AddFileResponse(file=await self._files.add(request))

    async def ListFiles(self, request: api.ListFilesRequest, context: Context) -> api.ListFilesResponse:
        return await self._files.list(request.group_id, request.page)

    async def BatchGetFiles(self, request: api.BatchGetFilesRequest, context: Context) -> api.BatchGetFilesResponse:
        return await self._files.some(request.group_id, request.file_ids)

    async def DownloadFile(
        self, request: api.DownloadFileRequest, context: Context
    ) -> AsyncIterator[api.DownloadFileResponse]:
        async for answer in self._files.download(request.file_id, request.offset, request.length):
            yield answer

    async def WithdrawFile(self, request: api.WithdrawFileRequest, context: Context) -> api.WithdrawFileResponse:
        await self._files.withdraw(request.file_id)
        return api.WithdrawFileResponse()

    async def _post_in_sight(self, post_id: str) -> tuple[Sight, TextRow]:
        async with self._database.read() as tx:
            row = await queries.post(tx, post_id)
        if row is None:
            raise NO_SUCH_POST()
        sight = await in_sight(self._guard, row.group_id, Action.READ)
        if not rendering.is_for(sight, row):
            raise NO_SUCH_POST()
        return sight, row

    async def _my_sights(self) -> dict[str, Sight]:
        caller = rpc.caller()
        mine = await self._database.look(lambda tx: GROUPS.of(tx, caller.person_id))
        return await self._guard.sights(caller, mine, Action.READ)

    async def _posts(self, sights: Mapping[str, Sight], size: int, token: str) -> tuple[list[api.Post], PageInfo]:
        """A page of posts of these groups, newest first; what is confidential among them is recorded first."""
        key = paging.decode(token, (0,))
        visible = [_visible(sight) for sight in sights.values()]
        async with self._database.read() as tx:
            rows = await queries.posts(tx, visible, key[0] if key else None, size + 1)
        shown = rows[:size]
        # A break-glass may be about some posts only: a page then holds fewer.
        readable = [row for row in shown if rendering.is_for(sights[row.group_id], row)]
        grants = await self._entered(sights, readable)
        reader_id = rpc.caller().person_id
        posts = [rendering.post(row, await rendering.opened(grants[row.group_id], row), reader_id) for row in readable]
        return posts, _page(shown, more=len(rows) > size)

    async def _entered(self, sights: Mapping[str, Sight], rows: Sequence[TextRow]) -> dict[str, Grant]:
        by_group: defaultdict[str, list[TextRow]] = defaultdict(list)
        for row in rows:
            by_group[row.group_id].append(row)
        entries = [(sights[group_id], list(map(rendering.object_of, some))) for group_id, some in by_group.items()]
        return dict(zip(by_group, await self._guard.enter_many(entries), strict=True))


def _text(row: TextRow, request: _Writes) -> str | None:
    # A command that comes again may find its text withdrawn.
    return None if row.withdrawn else request.body


def _visible(sight: Sight) -> Visible:
    return Visible(sight.group_id, sight.readable_levels, sight.since)


def _page(shown: Sequence[TextRow], *, more: bool) -> PageInfo:
    return PageInfo(next_token=paging.encode((shown[-1].position,)) if more else "")
