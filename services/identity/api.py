"""identity's RPCs: translate, call, answer."""

from collections.abc import Sequence

import grpc
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import PageInfo
from regard.identity.v1 import identity_pb2 as pb
from regard.identity.v1.identity_pb2_grpc import (
    AuthServiceServicer,
    PeopleServiceServicer,
    ProvisioningServiceServicer,
)

from services.common import paging, rpc
from services.identity.accounts import Accounts
from services.identity.administration import Administration
from services.identity.authentication import Authentication
from services.identity.directory import Directory
from services.identity.passkeys import Passkeys
from services.identity.provisioning import Provisioning
from services.identity.refusals import NO_SUCH_PERSON
from services.identity.registry import Registry
from services.identity.tokens import SigningKeys

Context = grpc.aio.ServicerContext[Message, Message]


class AuthApi(AuthServiceServicer):
    """Sign-in and tokens."""

    def __init__(
        self, authentication: Authentication, passkeys: Passkeys, accounts: Accounts, keys: SigningKeys
    ) -> None:
        self._authentication = authentication
        self._passkeys = passkeys
        self._accounts = accounts
        self._keys = keys

    async def SignIn(self, request: pb.SignInRequest, context: Context) -> pb.SignInResponse:
        tokens, person = await self._authentication.sign_in(
            request.email, request.password, request.client, rpc.command_context()
        )
        return pb.SignInResponse(tokens=tokens, person=person)

    async def Refresh(self, request: pb.RefreshRequest, context: Context) -> pb.RefreshResponse:
        return pb.RefreshResponse(
            tokens=await self._authentication.refresh(request.refresh_token, rpc.command_context())
        )

    async def SignOut(self, request: pb.SignOutRequest, context: Context) -> pb.SignOutResponse:
        caller = rpc.caller()
        await self._authentication.sign_out(caller.person_id, caller.session_id, rpc.command_context())
        return pb.SignOutResponse()

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        caller = rpc.caller()
        going = await self._authentication.sessions(caller.person_id)
        sessions = [
            pb.SignedInSession(
                id=one.id,
                client=one.client,
                began_at=one.began_at,
                renewed_at=one.renewed_at,
                ends_at=one.ends_at,
                current=one.id == caller.session_id,
            )
            for one in sorted(going, key=lambda one: one.id != caller.session_id)
        ]
        return pb.ListSessionsResponse(sessions=sessions)

    async def EndSession(self, request: pb.EndSessionRequest, context: Context) -> pb.EndSessionResponse:
        await self._authentication.sign_out(rpc.caller().person_id, request.session_id, rpc.command_context())
        return pb.EndSessionResponse()

    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(keys=[pb.Jwk(**key) for key in await self._keys.jwks()])

    async def ClaimInstallation(
        self, request: pb.ClaimInstallationRequest, context: Context
    ) -> pb.ClaimInstallationResponse:
        person = await self._accounts.claim_installation(
            request.code, request.profile, request.password, rpc.command_context()
        )
        return pb.ClaimInstallationResponse(person=person)

    async def BeginPasskeySignIn(
        self, request: pb.BeginPasskeySignInRequest, context: Context
    ) -> pb.BeginPasskeySignInResponse:
        return pb.BeginPasskeySignInResponse(options_json=await self._passkeys.begin_sign_in())

    async def FinishPasskeySignIn(
        self, request: pb.FinishPasskeySignInRequest, context: Context
    ) -> pb.FinishPasskeySignInResponse:
        tokens, person = await self._passkeys.finish_sign_in(
            request.credential_json, request.client, rpc.command_context()
        )
        return pb.FinishPasskeySignInResponse(tokens=tokens, person=person)

    async def BeginPasskeyRegistration(
        self, request: pb.BeginPasskeyRegistrationRequest, context: Context
    ) -> pb.BeginPasskeyRegistrationResponse:
        options = await self._passkeys.begin_registration(rpc.caller().person_id, request.current_password)
        return pb.BeginPasskeyRegistrationResponse(options_json=options)

    async def FinishPasskeyRegistration(
        self, request: pb.FinishPasskeyRegistrationRequest, context: Context
    ) -> pb.FinishPasskeyRegistrationResponse:
        added = await self._passkeys.finish_registration(
            rpc.caller().person_id, request.credential_json, request.name, rpc.command_context()
        )
        return pb.FinishPasskeyRegistrationResponse(passkey=added)

    async def ListPasskeys(self, request: pb.ListPasskeysRequest, context: Context) -> pb.ListPasskeysResponse:
        return pb.ListPasskeysResponse(passkeys=await self._passkeys.of(rpc.caller().person_id))

    async def RemovePasskey(self, request: pb.RemovePasskeyRequest, context: Context) -> pb.RemovePasskeyResponse:
        await self._passkeys.remove(rpc.caller().person_id, request.passkey_id, rpc.command_context())
        return pb.RemovePasskeyResponse()


class PeopleApi(PeopleServiceServicer):
    """The directory, accounts and roles."""

    def __init__(
        self,
        directory: Directory,
        registry: Registry,
        accounts: Accounts,
        authentication: Authentication,
        administration: Administration,
    ) -> None:
        self._directory = directory
        self._registry = registry
        self._accounts = accounts
        self._authentication = authentication
        self._administration = administration

    async def GetMe(self, request: pb.GetMeRequest, context: Context) -> pb.GetMeResponse:
        return pb.GetMeResponse(person=await self._person(rpc.caller().person_id))

    async def GetPerson(self, request: pb.GetPersonRequest, context: Context) -> pb.GetPersonResponse:
        return pb.GetPersonResponse(person=await self._person(request.person_id))

    async def BatchGetPeople(self, request: pb.BatchGetPeopleRequest, context: Context) -> pb.BatchGetPeopleResponse:
        return pb.BatchGetPeopleResponse(people=await self._directory.get(request.person_ids))

    async def ListPeople(self, request: pb.ListPeopleRequest, context: Context) -> pb.ListPeopleResponse:
        (after,) = paging.decode(request.page.token, like=("",)) or ("",)
        size = paging.size_of(request.page)
        people = await self._directory.search(request.query, after, size + 1)
        return pb.ListPeopleResponse(people=people[:size], page=_after(people, size))

    async def ListFormerPeople(
        self, request: pb.ListFormerPeopleRequest, context: Context
    ) -> pb.ListFormerPeopleResponse:
        (after,) = paging.decode(request.page.token, like=("",)) or ("",)
        size = paging.size_of(request.page)
        people = await self._directory.former(request.query, after, size + 1)
        return pb.ListFormerPeopleResponse(people=people[:size], page=_after(people, size))

    async def ErasePerson(self, request: pb.ErasePersonRequest, context: Context) -> pb.ErasePersonResponse:
        await self._accounts.erase(request.person_id, rpc.command_context())
        return pb.ErasePersonResponse()

    async def ListAdministration(
        self, request: pb.ListAdministrationRequest, context: Context
    ) -> pb.ListAdministrationResponse:
        acts, last = await self._administration.acts(
            paging.decode(request.page.token, like=(0, 0)), paging.size_of(request.page)
        )
        return pb.ListAdministrationResponse(acts=acts, page=PageInfo(next_token=paging.encode(last) if last else ""))

    async def ProvisionPerson(self, request: pb.ProvisionPersonRequest, context: Context) -> pb.ProvisionPersonResponse:
        provisioned = await self._accounts.provision(
            request.profile,
            request.password,
            request.external_id,
            rpc.command_context(),
            active=not request.inactive,
            only_if_absent=request.only_if_absent,
        )
        return pb.ProvisionPersonResponse(person=provisioned.person, created=provisioned.created)

    async def DeactivatePerson(
        self, request: pb.DeactivatePersonRequest, context: Context
    ) -> pb.DeactivatePersonResponse:
        await self._accounts.deactivate(request.person_id, rpc.command_context())
        return pb.DeactivatePersonResponse()

    async def ReactivatePerson(
        self, request: pb.ReactivatePersonRequest, context: Context
    ) -> pb.ReactivatePersonResponse:
        await self._accounts.reactivate(request.person_id, rpc.command_context())
        return pb.ReactivatePersonResponse()

    async def GrantRole(self, request: pb.GrantRoleRequest, context: Context) -> pb.GrantRoleResponse:
        await self._accounts.grant_role(request.person_id, request.role, rpc.command_context())
        return pb.GrantRoleResponse()

    async def RevokeRole(self, request: pb.RevokeRoleRequest, context: Context) -> pb.RevokeRoleResponse:
        await self._accounts.revoke_role(request.person_id, request.role, rpc.command_context())
        return pb.RevokeRoleResponse()

    async def ChangePassword(self, request: pb.ChangePasswordRequest, context: Context) -> pb.ChangePasswordResponse:
        caller = rpc.caller()
        await self._authentication.change_password(
            caller.person_id, caller.session_id, request.current_password, request.new_password, rpc.command_context()
        )
        return pb.ChangePasswordResponse()

    async def _person(self, person_id: str) -> pb.Person:
        """From the directory, or from the event store if the directory doesn't know them yet."""
        known = await self._directory.get([person_id])
        person = known[0] if known else await self._registry.shown(person_id)
        if person is None:
            raise NO_SUCH_PERSON()
        return person


class ProvisioningApi(ProvisioningServiceServicer):
    """Clients that provision people over SCIM."""

    def __init__(self, provisioning: Provisioning) -> None:
        self._provisioning = provisioning

    async def AddProvisioner(self, request: pb.AddProvisionerRequest, context: Context) -> pb.AddProvisionerResponse:
        added, token = await self._provisioning.add(request.name, rpc.command_context())
        return pb.AddProvisionerResponse(provisioner=added, token=token)

    async def ListProvisioners(
        self, request: pb.ListProvisionersRequest, context: Context
    ) -> pb.ListProvisionersResponse:
        (before,) = paging.decode(request.page.token, like=("",)) or ("",)
        size = paging.size_of(request.page)
        found = await self._provisioning.list(before, size + 1)
        return pb.ListProvisionersResponse(provisioners=found[:size], page=_after(found, size))

    async def RevokeProvisioner(
        self, request: pb.RevokeProvisionerRequest, context: Context
    ) -> pb.RevokeProvisionerResponse:
        await self._provisioning.revoke(request.provisioner_id, rpc.command_context())
        return pb.RevokeProvisionerResponse()


def _after(found: Sequence[pb.Person] | Sequence[pb.Provisioner], size: int) -> PageInfo:
    """Where to go on after a page of what was found, of which there may be one more."""
    return PageInfo(next_token=paging.encode((found[size - 1].id,)) if len(found) > size else "")
