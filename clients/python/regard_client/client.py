"""The two clients: one for threads, one for asyncio. Services are attributes, methods are the contract's own."""

import asyncio
import threading
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import grpc
from regard.audit.v1.audit_pb2_grpc import AuditQueryServiceStub, LedgerServiceStub
from regard.chat.v1.chat_pb2_grpc import ChatServiceStub
from regard.feed.v1.feed_pb2_grpc import FeedServiceStub
from regard.groups.v1.break_glass_pb2_grpc import BreakGlassServiceStub
from regard.groups.v1.groups_pb2_grpc import GroupServiceStub
from regard.identity.v1.identity_pb2 import Person, RefreshRequest, SignInRequest
from regard.identity.v1.identity_pb2_grpc import AuthServiceStub, PeopleServiceStub, ProvisioningServiceStub

from regard_client.interceptors import AsyncInterceptor, SyncInterceptor, translated
from regard_client.session import Session

DEFAULT_URL = "http://localhost:8080"
RENEWAL_TIMEOUT_S = 10.0

_OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),  # a gateway that is back is found at once; gRPC's own limit is 2 minutes
    ("grpc.max_receive_message_length", 8 * 1024 * 1024),
)


def target_of(url: str) -> tuple[str, bool]:
    """The host:port of a URL, and whether it is reached by TLS. ValueError for anything but http and https."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"an address looks like {DEFAULT_URL}, not {url!r}")
    tls = parts.scheme == "https"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or (443 if tls else 80)}", tls


class Regard:
    """The client for threads. Closing it, or leaving its `with` block, ends its connection. Calls raise RegardError."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str = "",
        session: Session | None = None,
        language: Literal["fr", "en"] = "fr",
    ) -> None:
        self.session = session or Session(token=token, language=language)
        target, tls = target_of(url)
        self._channel = (
            grpc.secure_channel(target, grpc.ssl_channel_credentials(), _OPTIONS)
            if tls
            else grpc.insecure_channel(target, _OPTIONS)
        )
        self._renewing = threading.Lock()
        channel = grpc.intercept_channel(self._channel, SyncInterceptor(self.session, self._renew))
        self.auth = AuthServiceStub(channel)
        self.people = PeopleServiceStub(channel)
        self.provisioning = ProvisioningServiceStub(channel)
        self.groups = GroupServiceStub(channel)
        self.break_glass = BreakGlassServiceStub(channel)
        self.feed = FeedServiceStub(channel)
        self.chat = ChatServiceStub(channel)
        self.ledger = LedgerServiceStub(channel)
        self.audit = AuditQueryServiceStub(channel)

    def sign_in(self, email: str, password: str) -> Person:
        """Begins a session with a password. Raises RegardError."""
        answer = self.auth.SignIn(SignInRequest(email=email, password=password, client=self.session.client))
        self.session.take(answer.tokens)
        return answer.person

    def _renew(self) -> None:
        with self._renewing, translated():
            if self.session.ending:
                request = RefreshRequest(refresh_token=self.session.refresh_token)
                self.session.take(AuthServiceStub(self._channel).Refresh(request, timeout=RENEWAL_TIMEOUT_S).tokens)

    def close(self) -> None:
        """Ends the connection; streams end with it."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncRegard:
    """The client for asyncio: to be made and used inside one running loop. Calls raise RegardError."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        token: str = "",
        session: Session | None = None,
        language: Literal["fr", "en"] = "fr",
    ) -> None:
        self.session = session or Session(token=token, language=language)
        target, tls = target_of(url)
        interceptors = AsyncInterceptor.both(self.session, self._renew)
        if tls:
            channel = grpc.aio.secure_channel(
                target, grpc.ssl_channel_credentials(), _OPTIONS, interceptors=interceptors
            )
            self._plain = grpc.aio.secure_channel(target, grpc.ssl_channel_credentials(), _OPTIONS)
        else:
            channel = grpc.aio.insecure_channel(target, _OPTIONS, interceptors=interceptors)
            self._plain = grpc.aio.insecure_channel(target, _OPTIONS)
        self._channel = channel
        self._renewing = asyncio.Lock()
        self.auth = AuthServiceStub(channel)
        self.people = PeopleServiceStub(channel)
        self.provisioning = ProvisioningServiceStub(channel)
        self.groups = GroupServiceStub(channel)
        self.break_glass = BreakGlassServiceStub(channel)
        self.feed = FeedServiceStub(channel)
        self.chat = ChatServiceStub(channel)
        self.ledger = LedgerServiceStub(channel)
        self.audit = AuditQueryServiceStub(channel)

    async def sign_in(self, email: str, password: str) -> Person:
        """Begins a session with a password. Raises RegardError."""
        answer = await self.auth.SignIn(SignInRequest(email=email, password=password, client=self.session.client))
        self.session.take(answer.tokens)
        return answer.person

    async def _renew(self) -> None:
        async with self._renewing:
            with translated():
                if self.session.ending:
                    request = RefreshRequest(refresh_token=self.session.refresh_token)
                    answer = await AuthServiceStub(self._plain).Refresh(request, timeout=RENEWAL_TIMEOUT_S)
                    self.session.take(answer.tokens)

    async def close(self) -> None:
        """Ends the connection; streams end with it."""
        await self._channel.close()
        await self._plain.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
