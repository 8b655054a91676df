"""identity as its callers see it: the real service, event store, relay and view, by gRPC."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from joserfc import jwt
from joserfc.jwk import KeySet
from regard.common.v1.common_pb2 import PageRequest
from regard.common.v1.options_pb2 import Role
from regard.identity.v1 import events_pb2, identity_pb2
from regard.identity.v1.identity_pb2_grpc import AuthServiceStub, PeopleServiceStub

from services.common import consistency
from services.common.decider import CommandContext, append_unconditionally
from services.common.masterkey import WrongMasterKey
from services.common.settings import load_settings
from services.identity import address, person
from services.identity.installation import installation_code
from services.identity.keys import AddressHashes
from services.identity.service import build
from services.identity.vault import METADATA
from services.identity.words import folded
from services.installation import Installation, PartDied, Plan, open_installation
from tests import parts
from tests.contract.streaming import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

Answer = TypeVar("Answer", bound=Message)
Did = identity_pb2.AdministrativeAct

PASSWORD = "correct horse battery"
ADMIN_EMAIL = "root@example.org"


class Refusal(Exception):
    """What a call was refused with: the gRPC code, the stable id, the sentence."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])  # type: ignore[arg-type]
        info = error_details_pb2.ErrorInfo()
        status.details[0].Unpack(info)
        self.code, self.id, self.sentence = error.code(), info.reason, error.details()
        self.told = {key: value for key, value in info.metadata.items() if key != "request_id"}
        super().__init__(self.id, self.sentence)


class Site:
    """A running installation, and its administrator; every call sees the writes of those before it."""

    def __init__(self, installation: Installation, data: Path) -> None:
        self.installation = installation
        self.data = data
        assert installation.kernel is not None
        self.kernel = installation.kernel
        self.channel = grpc.aio.insecure_channel(self.kernel.addresses["identity"])
        self.auth = AuthServiceStub(self.channel)
        self.people = PeopleServiceStub(self.channel)
        self.admin_token = ""
        self._consistency = ""

    async def call(self, method: Any, request: Any, token: str = "", **metadata: str) -> Any:
        """Calls; raises Refusal."""
        headers = {"x-consistency-token": self._consistency, "accept-language": "en", **metadata}
        if token:
            headers["authorization"] = f"Bearer {token}"
        call = method(request, metadata=[(key.replace("_", "-"), value) for key, value in headers.items() if value])
        try:
            answer = await call
        except grpc.aio.AioRpcError as error:
            refusal = Refusal(error)
            if refusal.id == consistency.STALE.id:  # views that have just begun to follow Kafka: ask again
                return await self.call(method, request, token, **metadata)
            raise refusal from None
        seen = dict(await call.initial_metadata()).get("x-consistency-token", "")
        self._consistency = ",".join([*self._consistency.split(",")[-8:], str(seen)]).strip(",")
        return answer

    async def administer(self, method: Any, request: Any, **metadata: str) -> Any:
        """Calls as the administrator."""
        return await self.call(method, request, self.admin_token, **metadata)

    async def claim(self) -> None:
        """Makes the administrator with the installation's code, and signs them in."""
        (line, _) = self.installation.welcome
        profile = identity_pb2.Profile(name="Root", email=ADMIN_EMAIL)
        request = identity_pb2.ClaimInstallationRequest(code=line.split()[-3], profile=profile, password=PASSWORD)
        await self.call(self.auth.ClaimInstallation, request)
        self.admin_token = (await self.sign_in(ADMIN_EMAIL)).tokens.access_token

    async def provision(
        self,
        name: str,
        email: str = "",
        *,
        password: str = PASSWORD,
        external_id: str = "",
        only_if_absent: bool = False,
        **more: str,
    ) -> identity_pb2.ProvisionPersonResponse:
        """Gives someone an account; an address of their own unless told which."""
        profile = identity_pb2.Profile(name=name, email=email or f"{uuid.uuid4()}@example.org", **more)
        request = identity_pb2.ProvisionPersonRequest(
            profile=profile, password=password, external_id=external_id, only_if_absent=only_if_absent
        )
        answer: identity_pb2.ProvisionPersonResponse = await self.administer(self.people.ProvisionPerson, request)
        return answer

    async def sign_in(self, email: str, password: str = PASSWORD, client: str = "tests") -> identity_pb2.SignInResponse:
        """Signs in."""
        request = identity_pb2.SignInRequest(email=email, password=password, client=client)
        answer: identity_pb2.SignInResponse = await self.call(self.auth.SignIn, request)
        return answer

    async def refresh(self, refresh_token: str) -> identity_pb2.Tokens:
        """Goes on."""
        request = identity_pb2.RefreshRequest(refresh_token=refresh_token)
        answer: identity_pb2.RefreshResponse = await self.call(self.auth.Refresh, request)
        return answer.tokens

    async def search(self, query: str, **page: Any) -> identity_pb2.ListPeopleResponse:
        """Searches the directory."""
        request = identity_pb2.ListPeopleRequest(query=query, page=PageRequest(**page))
        answer: identity_pb2.ListPeopleResponse = await self.administer(self.people.ListPeople, request)
        return answer

    async def administration(self, who: str = "", **page: Any) -> tuple[list[Did], str]:
        """What was done to administer people, as somebody sees it, and the token of the next page."""
        request = identity_pb2.ListAdministrationRequest(page=PageRequest(**page))
        answer = await self.call(self.people.ListAdministration, request, who or self.admin_token)
        return list(answer.acts), answer.page.next_token

    async def events(self, stream: str) -> list[Message]:
        """What was recorded."""
        history = await self.kernel.store.load(stream)
        return [event.message for event in self.kernel.codec.decode_all(history.events)]

    async def claims(self, access_token: str) -> Mapping[str, Any]:
        """The claims of a token, verified by the published key set."""
        app = self.installation.services[0].http
        assert app is not None
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://identity") as client:
            response = await client.get("/.well-known/jwks.json")
        assert response.headers["cache-control"] == "public, max-age=300"
        return jwt.decode(access_token, KeySet.import_key_set(response.json()), algorithms=["ES256"]).claims


@asynccontextmanager
async def running(data: Path) -> AsyncIterator[Site]:
    """identity alone, with the servers that the tests run on."""
    plan = Plan(services={"identity": build}, relays=True, embedded=True)
    async with parts.installation(data) as given:
        async with open_installation(load_settings(data=data, **given), plan, lambda _en, _fr: None) as installation:
            site = Site(installation, data)
            try:
                yield site
            finally:
                await site.channel.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("identity")) as site:
        await site.claim()
        yield site


def types(events: Sequence[Message]) -> list[str]:
    return [event.DESCRIPTOR.name for event in events]


async def refused(call: Any) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        await call
    return refusal.value


# Signing in


async def test_the_claims_of_a_token_verify_with_the_published_keys(site: Site) -> None:
    ada = await site.provision("Ada Lovelace", "ada.claims@example.org")
    signed_in = await site.sign_in(" Ada.Claims@EXAMPLE.org ", client="web")
    claims = await site.claims(signed_in.tokens.access_token)
    *_, begun = await site.events(person.stream_of(ada.person.id))
    assert isinstance(begun, events_pb2.SignedIn)
    assert claims["exp"] - claims["iat"] == signed_in.tokens.expires_in_s == 600
    assert uuid.UUID(claims["jti"])
    assert {key: claims[key] for key in ("iss", "aud", "sub", "sid", "roles", "client_id")} == {
        "iss": "regard",
        "aud": "regard",
        "sub": ada.person.id,
        "sid": begun.session_id,
        "roles": [],
        "client_id": "web",
    }
    me = await site.call(site.people.GetMe, identity_pb2.GetMeRequest(), signed_in.tokens.access_token)
    assert me.person == signed_in.person == ada.person


async def test_keys_by_grpc_are_those_of_the_web_page(site: Site) -> None:
    by_grpc = (await site.call(site.auth.GetJwks, identity_pb2.GetJwksRequest())).keys
    token = (await site.sign_in(ADMIN_EMAIL)).tokens.access_token
    keys = KeySet.import_key_set(
        {"keys": [{field.name: value for field, value in key.ListFields()} for key in by_grpc]}
    )
    assert jwt.decode(token, keys, algorithms=["ES256"]).claims == await site.claims(token)


async def test_a_wrong_password_and_an_unknown_address_are_answered_alike(site: Site) -> None:
    await site.provision("Known", "known@example.org")
    await site.provision("No Password", "no.password@example.org", password="")
    refusals = [
        await refused(site.sign_in(email, "not the password"))
        for email in ("known@example.org", "unknown@example.org", "no.password@example.org")
    ]
    assert {(one.code, one.id, one.sentence, str(one.told)) for one in refusals} == {
        (grpc.StatusCode.UNAUTHENTICATED, "IDN-01", refusals[0].sentence, str(refusals[0].told))
    }


@pytest.mark.parametrize("known", [True, False])
async def test_attempts_at_an_address_are_limited_whether_it_is_known_or_not(site: Site, known: bool) -> None:
    email = f"{uuid.uuid4()}@example.org"
    if known:
        await site.provision("Target", email)
    attempts = await asyncio.gather(*(refused(site.sign_in(email, "guess")) for _ in range(8)))
    assert sorted(one.id for one in attempts) == ["IDN-01"] * 5 + ["IDN-03"] * 3
    assert {one.code for one in attempts if one.id == "IDN-03"} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert (await refused(site.sign_in(email))).id == "IDN-03"


async def test_each_refresh_token_is_good_for_one_use(site: Site) -> None:
    ada = await site.provision("Ada", "ada.refresh@example.org")
    first = (await site.sign_in("ada.refresh@example.org")).tokens
    second = await site.refresh(first.refresh_token)
    third = await site.refresh(second.refresh_token)
    assert len({first.refresh_token, second.refresh_token, third.refresh_token}) == 3
    sids = {(await site.claims(tokens.access_token))["sid"] for tokens in (first, second, third)}
    assert len(sids) == 1

    assert (await refused(site.refresh(first.refresh_token))).id == "IDN-05"
    assert (await refused(site.refresh(third.refresh_token))).id == "IDN-04"
    *_, ended = await site.events(person.stream_of(ada.person.id))
    assert isinstance(ended, events_pb2.SessionRevoked)
    assert (ended.session_id, ended.reason) == (sids.pop(), events_pb2.SessionRevoked.REASON_TOKEN_REUSED)


async def test_of_simultaneous_refreshes_with_one_token_at_most_one_succeeds(site: Site) -> None:
    await site.provision("Ada", "ada.race@example.org")
    tokens = (await site.sign_in("ada.race@example.org")).tokens
    results = await asyncio.gather(*(site.refresh(tokens.refresh_token) for _ in range(6)), return_exceptions=True)
    given = [result for result in results if not isinstance(result, Refusal)]
    assert len(given) == 1
    assert {result.id for result in results if isinstance(result, Refusal)} <= {"IDN-04", "IDN-05"}
    assert (await refused(site.refresh(given[0].refresh_token))).id in {"IDN-04", "IDN-05"}  # type: ignore[union-attr]


@pytest.mark.parametrize("token", ["x", "A" * 43, "\N{SNOWMAN}"])
async def test_an_invented_refresh_token_is_refused(site: Site, token: str) -> None:
    assert (await refused(site.refresh(token))).id == "IDN-04"


async def test_signing_out_ends_the_session_and_no_other(site: Site) -> None:
    await site.provision("Ada", "ada.out@example.org")
    here, there = [(await site.sign_in("ada.out@example.org")).tokens for _ in range(2)]
    await site.call(site.auth.SignOut, identity_pb2.SignOutRequest(), here.access_token)
    assert (await refused(site.refresh(here.refresh_token))).id == "IDN-04"
    assert (await site.refresh(there.refresh_token)).access_token


async def test_a_person_sees_where_they_are_signed_in_and_ends_what_they_do_not_know(site: Site) -> None:
    email, stranger = "ada.sessions@example.org", "ben.sessions@example.org"
    for one in (email, stranger):
        await site.provision("Somebody", one)
    mine, lost, older = [(await site.sign_in(email, client=name)).tokens for name in ("mine", "lost", "older")]
    theirs = (await site.sign_in(stranger)).tokens

    async def listed(token: str) -> list[identity_pb2.SignedInSession]:
        return list((await site.call(site.auth.ListSessions, identity_pb2.ListSessionsRequest(), token)).sessions)

    async def end(session_id: str) -> None:
        await site.call(site.auth.EndSession, identity_pb2.EndSessionRequest(session_id=session_id), mine.access_token)

    shown = await listed(mine.access_token)
    assert [(one.client, one.current) for one in shown[:1]] == [("mine", True)]
    assert {one.client for one in shown[1:]} == {"lost", "older"}
    assert all(one.began_at.seconds <= one.renewed_at.seconds < one.ends_at.seconds for one in shown)
    (gone,) = [one.id for one in shown if one.client == "lost"]
    await end(gone)
    await end(gone)
    assert (await refused(site.refresh(lost.refresh_token))).id == "IDN-04"
    assert {one.client for one in await listed(mine.access_token)} == {"mine", "older"}
    (other,) = await listed(theirs.access_token)
    await end(other.id)
    assert (await site.refresh(theirs.refresh_token)).access_token, "it was not theirs to end"
    assert (await site.refresh(older.refresh_token)).access_token
    change = identity_pb2.ChangePasswordRequest(current_password=PASSWORD, new_password="another password")
    await site.call(site.people.ChangePassword, change, mine.access_token)
    assert [one.client for one in await listed(mine.access_token)] == ["mine"]


async def test_the_same_idempotency_key_still_makes_two_sessions(site: Site) -> None:
    await site.provision("Ada", "ada.key@example.org")
    request = identity_pb2.SignInRequest(email="ada.key@example.org", password=PASSWORD)
    answers = [await site.call(site.auth.SignIn, request, idempotency_key="k") for _ in range(2)]
    assert len({(await site.claims(answer.tokens.access_token))["sid"] for answer in answers}) == 2
    for answer in answers:
        assert (await site.refresh(answer.tokens.refresh_token)).access_token


async def test_changing_the_password_ends_the_other_sessions(site: Site) -> None:
    await site.provision("Ada", "ada.password@example.org")
    mine, other = [(await site.sign_in("ada.password@example.org")).tokens for _ in range(2)]

    def change(current: str, new: str) -> Any:
        request = identity_pb2.ChangePasswordRequest(current_password=current, new_password=new)
        return site.call(site.people.ChangePassword, request, mine.access_token)

    assert (await refused(change("not the password", "another password"))).id == "IDN-10"
    await change(PASSWORD, "another password")
    assert (await refused(site.refresh(other.refresh_token))).id == "IDN-04"
    assert (await site.refresh(mine.refresh_token)).access_token
    assert (await refused(site.sign_in("ada.password@example.org"))).id == "IDN-01"
    assert (await site.sign_in("ada.password@example.org", "another password")).tokens.access_token


# Leaving and roles


async def test_who_left_neither_signs_in_nor_goes_on_until_they_are_back(site: Site) -> None:
    ada = (await site.provision("Ada Left", "ada.left@example.org")).person
    tokens = (await site.sign_in("ada.left@example.org")).tokens
    assert [one.id for one in (await site.search("Ada Left")).people] == [ada.id]
    await site.administer(site.people.DeactivatePerson, identity_pb2.DeactivatePersonRequest(person_id=ada.id))

    assert (await refused(site.refresh(tokens.refresh_token))).id == "IDN-04"
    assert (await refused(site.sign_in("ada.left@example.org"))).id == "IDN-02"
    assert (await refused(site.sign_in("ada.left@example.org", "not the password"))).id == "IDN-01"
    assert types(await site.events(person.stream_of(ada.id)))[-2:] == ["PersonDeactivated", "SessionRevoked"]
    assert not (
        await site.administer(site.people.GetPerson, identity_pb2.GetPersonRequest(person_id=ada.id))
    ).person.active
    assert not (await site.search("Ada Left")).people

    async def is_told_to_sign_in_again() -> bool:
        try:
            await site.call(site.people.GetMe, identity_pb2.GetMeRequest(), tokens.access_token)
        except Refusal as refusal:
            return refusal.id == "RPC-06"
        return False

    await eventually(is_told_to_sign_in_again)

    await site.administer(site.people.ReactivatePerson, identity_pb2.ReactivatePersonRequest(person_id=ada.id))
    assert (await refused(site.refresh(tokens.refresh_token))).id == "IDN-04"
    assert (await site.sign_in("ada.left@example.org")).person.active
    assert [one.id for one in (await site.search("Ada Left")).people] == [ada.id]


async def test_a_role_counts_from_the_next_token_on(site: Site) -> None:
    ada = (await site.provision("Ada Auditor", "ada.auditor@example.org")).person
    tokens = (await site.sign_in("ada.auditor@example.org")).tokens
    grant = identity_pb2.GrantRoleRequest(person_id=ada.id, role=Role.ROLE_AUDITOR)
    await site.administer(site.people.GrantRole, grant)
    tokens = await site.refresh(tokens.refresh_token)
    assert (await site.claims(tokens.access_token))["roles"] == ["auditor"]
    assert [one.roles for one in (await site.search("Ada Auditor")).people] == [[Role.ROLE_AUDITOR]]

    revoke = identity_pb2.RevokeRoleRequest(person_id=ada.id, role=Role.ROLE_AUDITOR)
    await site.administer(site.people.RevokeRole, revoke)
    tokens = await site.refresh(tokens.refresh_token)
    assert (await site.claims(tokens.access_token))["roles"] == []
    assert [one.roles for one in (await site.search("Ada Auditor")).people] == [[]]


async def test_somebody_is_always_left_to_administer(site: Site) -> None:
    root = (await site.sign_in(ADMIN_EMAIL)).person
    ada = (await site.provision("Ada Admin", "ada.admin@example.org")).person
    administrator = Role.ROLE_PLATFORM_ADMINISTRATOR

    def revoke(who: identity_pb2.Person) -> Any:
        request = identity_pb2.RevokeRoleRequest(person_id=who.id, role=administrator)
        return site.administer(site.people.RevokeRole, request)

    def deactivate(who: identity_pb2.Person) -> Any:
        return site.administer(site.people.DeactivatePerson, identity_pb2.DeactivatePersonRequest(person_id=who.id))

    assert (await refused(revoke(root))).id == "IDN-08"
    assert (await refused(deactivate(root))).id == "IDN-08"
    assert (await site.sign_in(ADMIN_EMAIL)).person.active

    grant = identity_pb2.GrantRoleRequest(person_id=ada.id, role=administrator)
    await site.administer(site.people.GrantRole, grant)
    assert (await site.sign_in("ada.admin@example.org")).person.roles == [administrator]
    await deactivate(ada)
    assert (await refused(site.administer(site.people.GrantRole, grant))).id == "IDN-02"
    assert (await refused(revoke(root))).id == "IDN-08"
    await site.administer(site.people.ReactivatePerson, identity_pb2.ReactivatePersonRequest(person_id=ada.id))
    assert (await site.sign_in("ada.admin@example.org")).person.roles == []


async def test_everybody_sees_what_was_done_to_administer_people_and_of_whom_only_what_concerns_all(site: Site) -> None:
    root = (await site.sign_in(ADMIN_EMAIL)).person
    before = (await site.administration(size=200))[0]
    iris = (await site.provision("Iris Auditor", "iris.auditor@example.org")).person
    role = {"person_id": iris.id, "role": Role.ROLE_AUDITOR}
    await site.administer(site.people.GrantRole, identity_pb2.GrantRoleRequest(**role))
    await site.administer(site.people.RevokeRole, identity_pb2.RevokeRoleRequest(**role))
    await site.administer(site.people.DeactivatePerson, identity_pb2.DeactivatePersonRequest(person_id=iris.id))
    await site.administer(site.people.ReactivatePerson, identity_pb2.ReactivatePersonRequest(person_id=iris.id))
    token = (await site.sign_in("iris.auditor@example.org")).tokens.access_token
    acts, _ = await site.administration(token, size=200)
    day = acts[0].day.ToDatetime(UTC)
    assert day <= datetime.now(UTC) and (day.hour, day.minute) == (0, 0)
    roles = [one for one in acts if one.person_id == iris.id]
    assert [(one.kind, one.by_id, one.role, one.people) for one in roles] == [
        (Did.KIND_ROLE_REVOKED, root.id, Role.ROLE_AUDITOR, 0),
        (Did.KIND_ROLE_GRANTED, root.id, Role.ROLE_AUDITOR, 0),
    ]
    for kind in (Did.KIND_PEOPLE_PROVISIONED, Did.KIND_PEOPLE_DEACTIVATED, Did.KIND_PEOPLE_REACTIVATED):
        assert _people(acts, kind, root.id) == _people(before, kind, root.id) + 1
    assert not any(one.person_id for one in acts if one.people), "who lost their access is nobody's business"

    paged, token_of_page = list[Did](), ""
    while True:
        some, token_of_page = await site.administration(size=2, token=token_of_page)
        paged += some
        if not token_of_page:
            break
    assert paged == (await site.administration(size=200))[0]


def _people(acts: Sequence[Did], kind: Did.Kind, by: str) -> int:
    return sum(one.people for one in acts if (one.kind, one.by_id) == (kind, by))


async def test_only_administrators_make_accounts(site: Site) -> None:
    await site.provision("Ada", "ada.nobody@example.org")
    token = (await site.sign_in("ada.nobody@example.org")).tokens.access_token
    request = identity_pb2.ProvisionPersonRequest(profile=identity_pb2.Profile(name="X", email="x@example.org"))
    assert (await refused(site.call(site.people.ProvisionPerson, request, token))).id == "RPC-07"


@pytest.mark.parametrize("method", ["GetPerson", "DeactivatePerson", "ReactivatePerson"])
async def test_nobody_is_found_under_an_unknown_id(site: Site, method: str) -> None:
    request = getattr(identity_pb2, f"{method}Request")(person_id=str(uuid.uuid4()))
    assert (await refused(site.administer(getattr(site.people, method), request))).id == "IDN-06"


# Provisioning


async def test_provisioning_again_changes_nothing(site: Site) -> None:
    first = await site.provision("Ada", "ada.twice@example.org", function="Engineer")
    again = await site.provision("Ada", "ada.twice@example.org", function="Engineer", password="quite another password")
    assert (first.created, again.created, again.person) == (True, False, first.person)
    assert types(await site.events(person.stream_of(first.person.id))) == ["PersonProvisioned", "PasswordSet"]
    assert (await site.sign_in("ada.twice@example.org")).person == first.person


async def test_provisioning_again_with_another_profile_corrects_it(site: Site) -> None:
    first = await site.provision("Ada", "ada.changed@example.org", site="Lyon")
    again = await site.provision("Ada", "ada.changed@example.org", site="Lille")
    assert (again.created, again.person.id, again.person.profile.site) == (False, first.person.id, "Lille")
    assert types(await site.events(person.stream_of(first.person.id)))[-1] == "ProfileCorrected"
    batch = identity_pb2.BatchGetPeopleRequest(person_ids=[str(uuid.uuid4()), first.person.id])
    assert [one.profile.site for one in (await site.administer(site.people.BatchGetPeople, batch)).people] == ["Lille"]


async def test_a_history_that_knows_less_changes_nobody(site: Site) -> None:
    first = await site.provision("Ada Lovelace", "ada.history@example.org", site="Lyon")
    again = await site.provision("ada", "ada.history@example.org", only_if_absent=True)
    assert (again.created, again.person) == (False, first.person)
    assert (await site.provision("Newcomer", "newcomer@example.org", only_if_absent=True)).created


async def test_an_external_identifier_finds_the_account_under_another_address(site: Site) -> None:
    first = await site.provision("Ada", "ada.maiden@example.org", external_id="hr-1")
    again = await site.provision("Ada", "ada.married@example.org", external_id="hr-1")
    assert again.person.id == first.person.id
    assert again.person.profile.email == "ada.married@example.org"
    assert (await site.sign_in("ada.married@example.org")).person.id == first.person.id


async def test_an_address_does_not_pass_to_somebody_else(site: Site) -> None:
    await site.provision("Ada", "ada.taken@example.org", external_id="hr-2")
    await site.provision("Bob", "bob@example.org", external_id="hr-3")
    assert (await refused(site.provision("Bob", "ada.taken@example.org", external_id="hr-3"))).id == "IDN-07"


async def test_a_short_password_is_refused_before_anything_is_done(site: Site) -> None:
    assert (await refused(site.provision("Short", "short@example.org", password="too short"))).id == "IDN-09"
    assert (await site.provision("Short", "short@example.org")).created


async def test_simultaneous_provisioning_of_one_address_gives_one_account(site: Site) -> None:
    results = await asyncio.gather(
        *(
            site.provision("Ada", "ada.once@example.org", password="", external_id=external_id)
            for external_id in ("", "", "one", "two") * 3
        )
    )
    assert len({result.person.id for result in results}) == 1
    assert sum(result.created for result in results) == 1


async def test_a_claim_without_an_account_is_taken_up(site: Site) -> None:
    """As if the first attempt had died between its two steps."""
    vault = site.kernel.vault("identity", METADATA)
    email_hash = await AddressHashes(vault, site.kernel.master_key).of("late@example.org")
    claimed_for = str(uuid.uuid4())
    context = CommandContext(uuid.uuid4(), actor="", correlation_id="")
    await append_unconditionally(
        site.kernel.store,
        site.kernel.codec,
        address.stream_of(email_hash),
        [events_pb2.EmailClaimed(person_id=claimed_for)],
        context,
    )
    assert (await refused(site.sign_in("late@example.org"))).id == "IDN-01"
    late = await site.provision("Late", "Late@example.org", external_id="hr-late")
    assert (late.person.id, late.created) == (claimed_for, True)
    assert (await site.sign_in("late@example.org")).person.id == claimed_for


async def test_the_same_command_is_done_once(site: Site) -> None:
    def provision(name: str, key: str) -> Any:
        profile = identity_pb2.Profile(name=name, email="ada.idem@example.org")
        request = identity_pb2.ProvisionPersonRequest(profile=profile)
        return site.administer(site.people.ProvisionPerson, request, idempotency_key=key)

    first = await provision("Ada", "one")
    for _ in range(2):
        await provision("Eda", "two")
    assert types(await site.events(person.stream_of(first.person.id))) == ["PersonProvisioned", "ProfileCorrected"]


# The directory


async def test_the_directory_is_searched_without_accents_by_beginnings(site: Site) -> None:
    eloise = await site.provision("Éloïse Lefèvre", function="Chaudronnière", site="Saint-Étienne")
    await site.provision("Élodie Martin", function="Chaudronnière", site="Brest")
    for query in ("éloïse", "ELOISE", "lefe elo", "chaudron etienne", "saint-étienne lefevre", " eloise  "):
        assert [one.id for one in (await site.search(query)).people] == [eloise.person.id], query
    for query in ("loise", "eloise brest", "!?", "xyz"):
        assert not (await site.search(query)).people, query


async def test_the_directory_is_paged_by_name(site: Site) -> None:
    for number in (3, 1, 5, 2, 4):
        await site.provision(f"Pageable {number}")
    names, token = [], ""
    for _ in range(3):
        answer = await site.search("pageable", size=2, token=token)
        names.append([one.profile.name[-1] for one in answer.people])
        token = answer.page.next_token
    assert (names, token) == ([["1", "2"], ["3", "4"], ["5"]], "")
    everyone = [folded(one.profile.name) for one in (await site.search("", size=200)).people]
    assert len(everyone) > 5
    assert everyone == sorted(everyone)


async def test_an_invented_page_token_is_refused(site: Site) -> None:
    assert (await refused(site.search("", token="WyJ4Il0"))).id == "RPC-20"


async def test_a_corrected_name_is_found_and_the_old_one_no_more(site: Site) -> None:
    await site.provision("Zoé Beforehand", "zoe@example.org")
    assert len((await site.search("beforehand")).people) == 1
    await site.provision("Zoé Afterwards", "zoe@example.org")
    assert not (await site.search("beforehand")).people
    assert len((await site.search("afterwards zoe")).people) == 1


# The installation


async def test_the_installation_is_claimed_once(site: Site) -> None:
    profile = identity_pb2.Profile(name="Mallory", email="mallory@example.org")
    request = identity_pb2.ClaimInstallationRequest(code="AAAA", profile=profile, password=PASSWORD)
    assert (await refused(site.call(site.auth.ClaimInstallation, request))).id == "IDN-12"
    request.code = installation_code(site.installation.settings)
    assert (await refused(site.call(site.auth.ClaimInstallation, request))).id == "IDN-12"
    assert (await refused(site.sign_in("mallory@example.org"))).id == "IDN-01"
    service = site.installation.services[0]
    assert service.welcome is not None
    assert await service.welcome() == ()


async def test_of_simultaneous_claims_one_wins_and_a_restart_keeps_it(tmp_path: Path) -> None:
    async with running(tmp_path) as empty:
        code = empty.installation.welcome[0].split()[-3]

        def claim(number: int, code: str = code) -> Any:
            profile = identity_pb2.Profile(name=f"Number {number}", email=f"number.{number}@example.org")
            request = identity_pb2.ClaimInstallationRequest(code=code, profile=profile, password=PASSWORD)
            return empty.call(empty.auth.ClaimInstallation, request)

        assert (await refused(claim(0, "AAAA-AAAA-AAAA-AAAA-AAAA"))).id == "IDN-11"
        results = await asyncio.gather(*(claim(number) for number in range(4)), return_exceptions=True)
        (winner,) = [result for result in results if not isinstance(result, Refusal)]
        assert {result.id for result in results if isinstance(result, Refusal)} == {"IDN-12"}
        assert winner.person.roles == [Role.ROLE_PLATFORM_ADMINISTRATOR]  # type: ignore[union-attr]
        before = await empty.sign_in(winner.person.profile.email)  # type: ignore[union-attr]

    async with running(tmp_path) as again:
        assert again.installation.welcome == ()
        tokens = await again.refresh(before.tokens.refresh_token)
        for token in (before.tokens.access_token, tokens.access_token):
            me = await again.call(again.people.GetMe, identity_pb2.GetMeRequest(), token)
            assert me.person == before.person
        again.admin_token = tokens.access_token
        assert list((await again.search("number")).people) == [before.person]


async def test_another_master_key_is_told_at_the_start(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.claim()
    (tmp_path / "keys" / "master.key").unlink()
    with pytest.raises(PartDied) as died:
        async with running(tmp_path):
            await asyncio.Event().wait()
    assert isinstance(died.value.__cause__, WrongMasterKey)


async def test_nobody_can_be_read_at_rest(tmp_path: Path) -> None:
    async with running(tmp_path) as site:
        await site.claim()
        email = "ottilie.planted@example.org"
        await site.provision("Ottilie Planted", email, function="Glassblower", site="Nowhereville")
        tokens = (await site.sign_in(email)).tokens
        assert len((await site.search("ottilie glassblower")).people) == 1
    at_rest = await parts.at_rest(tmp_path)
    assert b"people_v3" in at_rest
    assert b"PersonProvisioned" in at_rest
    planted = ("ottilie", "planted", "glassblower", "nowhereville", PASSWORD, tokens.refresh_token, "argon2id")
    assert [text for text in planted if text.lower().encode() in at_rest.lower()] == []
