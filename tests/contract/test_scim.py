"""SCIM as a company's identity provider uses it: the real identity, by HTTP, and a tool of conformance not ours."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import httpx2
import pytest
import pytest_asyncio
from regard.identity.v1 import identity_pb2
from regard.identity.v1.identity_pb2_grpc import ProvisioningServiceStub
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from services.common.http import serve_http
from services.identity import person, provisioner
from tests.contract.test_identity import Site, refused, running, types

pytestmark = pytest.mark.asyncio(loop_scope="module")

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


class Provider:
    """An identity provider with a token of its own."""

    def __init__(self, site: Site, url: str, provisioner_id: str, token: str) -> None:
        self.site, self.url, self.id, self.token = site, url, provisioner_id, token
        headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
        self.http = httpx.AsyncClient(base_url=url, headers=headers, timeout=30)

    async def create(self, user_name: str, **more: Any) -> dict[str, Any]:
        answer = await self.http.post("/Users", json=user(user_name, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def find(self, filter: str, **more: Any) -> list[dict[str, Any]]:
        answer = await self.http.get("/Users", params={"filter": filter, **more})
        assert answer.status_code == 200, answer.text
        return answer.json().get("Resources", [])

    async def patch(self, id: str, *operations: dict[str, Any], **headers: str) -> httpx.Response:
        body = {"schemas": [PATCH], "Operations": operations}
        return await self.http.patch(
            f"/Users/{id}", json=body, headers={key.replace("_", "-"): value for key, value in headers.items()}
        )


def user(user_name: str, **more: Any) -> dict[str, Any]:
    return {"schemas": [CORE], "userName": user_name, "displayName": user_name.split("@")[0], **more}


def address() -> str:
    return f"{uuid.uuid4()}@example.org"


def told(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, SCIM type and id of an error."""
    body = answer.json()
    assert answer.headers["content-type"] == "application/scim+json"
    assert body["schemas"] == [ERROR] and body["status"] == str(answer.status_code)
    return answer.status_code, body.get("scimType", ""), body["detail"].split(":")[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with running(tmp_path_factory.mktemp("scim")) as site:
        await site.claim()
        app = site.installation.services[0].http
        assert app is not None
        async with serve_http(app, "127.0.0.1") as server:
            added = await add(site, "Okta")
            one = Provider(site, f"http://127.0.0.1:{server.port}/scim/v2", added.provisioner.id, added.token)
            async with one.http:
                yield one


async def add(site: Site, name: str) -> identity_pb2.AddProvisionerResponse:
    request = identity_pb2.AddProvisionerRequest(name=name)
    answer: identity_pb2.AddProvisionerResponse = await site.administer(stub(site).AddProvisioner, request)
    return answer


def stub(site: Site) -> ProvisioningServiceStub:
    return ProvisioningServiceStub(site.channel)


# Conformance


async def test_scim2_tester_finds_nothing_wrong(provider: Provider) -> None:
    def check() -> list[str]:
        headers = {"authorization": f"Bearer {provider.token}"}
        with httpx2.Client(base_url=provider.url, headers=headers, timeout=60) as client:
            results = check_server(SyncSCIMClient(client))
        assert len(results) > 20
        wrong = {Status.ERROR, Status.CRITICAL}
        return [f"{one.title}: {one.reason}" for one in results if one.status in wrong]

    assert await asyncio.to_thread(check) == []


# Creating and finding


async def test_who_is_created_is_a_colleague_at_once_and_is_found_again(provider: Provider) -> None:
    email, name = address(), f"jdoe-{uuid.uuid4()}"
    made = await provider.create(
        name,
        displayName="Jeanne Doe",
        externalId="X-1",
        name={"givenName": "Jeanne", "familyName": "Doe"},
        title="Welder",
        preferredLanguage="fr-FR",
        emails=[{"value": "home@example.org", "type": "home"}, {"value": email, "type": "work"}],
        addresses=[{"type": "work", "locality": "Lyon"}],
        phoneNumbers=[{"value": "+33 1 00 00 00 00"}],
        **{ENTERPRISE: {"department": "Boilers", "employeeNumber": "7"}},
    )
    assert made["meta"]["resourceType"] == "User" and made["meta"]["location"].endswith(f"/scim/v2/Users/{made['id']}")
    found = (await provider.site.search("jeanne doe")).people
    assert [one.profile for one in found if one.id == made["id"]] == [
        identity_pb2.Profile(name="Jeanne Doe", email=email, function="Welder", site="Lyon", language="fr")
    ]
    for filter in (
        f'userName eq "{name.upper()}"',
        f'userName eq "{name}" and active eq true',
        f'emails[type eq "work"].value eq "{email}"',
        f'emails eq "{email}" or userName eq "nobody"',
        f'externalId eq "X-1" and userName sw "{name[:12]}"',
        f'not (userName ne "{name}") and name.familyName co "oe"',
        f'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "{name}"',
        f'{ENTERPRISE}:department eq "boilers" and id eq "{made["id"]}"',
    ):
        assert await provider.find(filter) == [made], filter
    for filter in (
        f'userName eq "{name}" and active eq false',
        'externalId eq "x-1"',
        'title eq "welder" and title ne "WELDER"',
    ):
        assert await provider.find(filter) == [], filter
    assert "phoneNumbers" not in made and (await provider.http.get(f"/Users/{made['id']}")).json() == made


async def test_what_a_minimal_client_leaves_out_follows_from_the_rest(provider: Provider) -> None:
    email = address()
    body = {"schemas": [CORE], "userName": email, "name": {"givenName": "Zoé", "familyName": "Lee"}}
    made = (await provider.http.post("/Users", json=body)).json()
    assert (made["displayName"], made["active"]) == ("Zoé Lee", True)
    assert made["emails"] == [{"value": email, "type": "work", "primary": True}]


async def test_creating_twice_is_refused_and_changes_nothing(provider: Provider) -> None:
    made = await provider.create(address(), displayName="One")
    for again in (
        user(made["userName"].upper(), displayName="Two"),
        user("another name", displayName="Two", emails=made["emails"]),
        user(made["userName"], displayName="Two", emails=[{"value": address()}]),
    ):
        assert told(await provider.http.post("/Users", json=again)) == (409, "uniqueness", "IDN-17")
    assert (await provider.http.get(f"/Users/{made['id']}")).json() == made


async def test_of_many_creations_of_one_person_one_succeeds(provider: Provider) -> None:
    body = user(address())
    answers = await asyncio.gather(*(provider.http.post("/Users", json=body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]


async def test_who_came_by_another_way_is_found_by_their_address_and_taken_over(provider: Provider) -> None:
    email = address()
    other_way = await provider.site.provision("Other Way", email, function="Baker")
    await provider.site.search("other way")  # which waits for the view
    (found,) = await provider.find(f'userName eq "{email}"')
    assert (found["id"], found["displayName"], found["title"]) == (other_way.person.id, "Other Way", "Baker")
    await provider.patch(found["id"], {"op": "add", "path": "externalId", "value": "77"})
    assert [one["id"] for one in await provider.find('externalId eq "77"')] == [found["id"]]
    # A correction by an administrator is what the client sees; what it calls the person stays.
    await provider.site.provision("Other Name", email)
    await provider.site.search("other name")  # which waits for the view
    (found,) = await provider.find('externalId eq "77"')
    assert (found["displayName"], "title" in found) == ("Other Name", False)


async def test_names_are_found_in_any_case_and_however_their_accents_are_written(provider: Provider) -> None:
    mark = uuid.uuid4().hex
    made = await provider.create(f"Zo\u00e9 {mark}", emails=[{"value": address()}], externalId=f"\u00e9-{mark}")
    for filter in (
        f'userName eq "ZO\u00c9 {mark.upper()}"',
        f'userName eq "Zoe\u0301 {mark}" and active eq true',
        f'externalId eq "e\u0301-{mark}"',
    ):
        assert [one["id"] for one in await provider.find(filter)] == [made["id"]], filter


async def test_a_list_is_paged_and_shows_the_attributes_asked_for(provider: Provider) -> None:
    mark = uuid.uuid4().hex
    made = [await provider.create(address(), title=f"{mark} {number}") for number in range(3)]
    seen: list[str] = []
    for start in (1, 2, 3, 4):
        parameters = {"filter": f'title sw "{mark}"', "startIndex": start, "count": 1, "attributes": "title"}
        page = (await provider.http.get("/Users", params=parameters)).json()
        assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (3, start, 1 if start < 4 else 0)
        for one in page.get("Resources", ()):
            assert one.keys() == {"schemas", "id", "title"}
            seen.append(one["id"])
    assert sorted(seen) == sorted(one["id"] for one in made) and seen == sorted(seen)
    everything = (await provider.http.get("/Users", params={"count": 0})).json()
    assert everything["totalResults"] >= 4 and not everything.get("Resources")
    searched = await provider.http.post(
        "/Users/.search", json={"filter": f'title sw "{mark}"', "excludedAttributes": ["emails"]}
    )
    assert len(searched.json()["Resources"]) == 3 and "emails" not in searched.text


# Changing


@pytest.mark.parametrize(
    ("operations", "changed"),
    [
        ([{"op": "replace", "path": "title", "value": "Painter"}], {"title": "Painter"}),
        (
            [{"op": "Replace", "value": {"title": "Painter", "displayName": "New Name"}}],
            {"title": "Painter", "displayName": "New Name"},
        ),
        (
            [{"op": "add", "value": {"name.givenName": "Ann", f"{ENTERPRISE}:department": "D"}}],
            {"name": {"givenName": "Ann"}},
        ),
        ([{"op": "Replace", "path": "active", "value": "False"}], {"active": False}),
        ([{"op": "replace", "value": {"active": False}}], {"active": False}),
        (
            [{"op": "Add", "path": 'addresses[type eq "work"].locality', "value": "Pau"}],
            {"addresses": [{"type": "work", "locality": "Pau"}]},
        ),
        ([{"op": "remove", "path": "externalId"}], {"externalId": None}),
        (
            [{"op": "add", "path": "nickName", "value": "Joe"}, {"op": "add", "path": "title", "value": "T"}],
            {"title": "T"},
        ),
    ],
)
async def test_patches_as_okta_and_entra_send_them(
    provider: Provider, operations: list[dict[str, Any]], changed: dict[str, Any]
) -> None:
    made = await provider.create(address(), externalId="old")
    answer = await provider.patch(made["id"], *operations)
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert {key: after.get(key) for key in changed} == changed
    assert (await provider.http.get(f"/Users/{made['id']}")).json() == after
    assert after["meta"]["version"] != made["meta"]["version"]
    # Repeating changes nothing, not even the version.
    if "remove" not in str(operations):
        assert (await provider.patch(made["id"], *operations)).json() == after


async def test_a_new_address_signs_in_and_an_address_of_another_is_refused(provider: Provider) -> None:
    old, new = address(), address()
    person_id = (await provider.site.provision("Moved", old)).person.id
    other = await provider.create(address())
    taken = {"op": "replace", "path": "emails", "value": [{"value": other["emails"][0]["value"], "primary": True}]}
    assert told(await provider.patch(person_id, taken)) == (409, "uniqueness", "IDN-07")
    fresh = {"op": "replace", "path": 'emails[type eq "work"].value', "value": new}
    assert (await provider.patch(person_id, fresh)).status_code == 200
    assert (await provider.site.sign_in(new)).person.profile.email == new


async def test_put_replaces_all_but_what_only_regard_says(provider: Provider) -> None:
    made = await provider.create(address(), title="Welder", externalId="1", active=False)
    body = user(made["userName"], displayName="Replaced", id="another", meta={"version": "x"})
    after = (await provider.http.put(f"/Users/{made['id']}", json=body)).json()
    assert (after["id"], after["displayName"], after.get("title"), after.get("externalId")) == (
        made["id"], "Replaced", None, None,
    )  # fmt: skip
    assert after["active"] is False, "who says nothing of it gives nobody access back"


async def test_a_version_that_is_not_the_present_one_changes_nothing(provider: Provider) -> None:
    made = await provider.create(address())
    tag, title = made["meta"]["version"], {"op": "replace", "path": "title", "value": "A"}
    answer = await provider.patch(made["id"], title, if_match=tag)
    assert answer.status_code == 200 and answer.headers["etag"] == answer.json()["meta"]["version"] != tag
    for verb, more in (
        ("PATCH", {"json": {"schemas": [PATCH], "Operations": [title | {"value": "B"}]}}),
        ("DELETE", {}),
    ):
        stale = await provider.http.request(verb, f"/Users/{made['id']}", headers={"if-match": tag}, **more)
        assert told(stale) == (412, "", "IDN-13")
    stale = await provider.http.put(f"/Users/{made['id']}", json=user("x@x.fr"), headers={"if-match": '"made up"'})
    assert told(stale) == (412, "", "IDN-13")
    now = await provider.http.get(f"/Users/{made['id']}", headers={"if-none-match": tag})
    assert now.json()["title"] == "A"
    same = await provider.http.get(f"/Users/{made['id']}", headers={"if-none-match": now.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")


async def test_of_patches_at_the_same_moment_none_is_lost(provider: Provider) -> None:
    made = await provider.create(address())
    parts = {"title": "T", "userType": "U", "externalId": "E", "preferredLanguage": "en"}
    answers = await asyncio.gather(
        *(provider.patch(made["id"], {"op": "add", "path": path, "value": value}) for path, value in parts.items())
    )
    assert {answer.status_code for answer in answers} == {200}
    after = (await provider.http.get(f"/Users/{made['id']}")).json()
    assert {path: after.get(path) for path in parts} == parts


# Leaving


async def test_who_is_deactivated_has_no_session_and_comes_back_when_activated(provider: Provider) -> None:
    email = address()
    person_id = (await provider.site.provision("Leaver", email)).person.id
    tokens = (await provider.site.sign_in(email)).tokens
    assert (await provider.patch(person_id, {"op": "replace", "path": "active", "value": False})).status_code == 200
    assert (await refused(provider.site.refresh(tokens.refresh_token))).id == "IDN-04"
    assert (await refused(provider.site.sign_in(email))).id == "IDN-02"
    assert types(await provider.site.events(person.stream_of(person_id)))[-2:] == [
        "PersonDeactivated",
        "SessionRevoked",
    ]
    assert (await provider.find(f'userName eq "{email}"'))[0]["active"] is False
    assert (await provider.patch(person_id, {"op": "replace", "path": "active", "value": True})).status_code == 200
    assert (await provider.site.sign_in(email)).person.id == person_id


async def test_who_is_deleted_is_not_found_and_is_the_same_person_when_created_again(provider: Provider) -> None:
    email = address()
    made = await provider.create(email)
    assert (await provider.http.delete(f"/Users/{made['id']}")).status_code == 204
    for verb in ("GET", "PUT", "PATCH", "DELETE"):
        more = {} if verb in {"GET", "DELETE"} else {"json": user(email)}
        assert told(await provider.http.request(verb, f"/Users/{made['id']}", **more)) == (404, "", "IDN-06")
    assert await provider.find(f'userName eq "{email}"') == []
    again = await provider.create(email, title="Back")
    assert (again["id"], again["active"], again["title"]) == (made["id"], True, "Back")


async def test_the_last_administrator_stays(provider: Provider) -> None:
    (root,) = await provider.find('displayName eq "Root"')
    assert told(await provider.http.delete(f"/Users/{root['id']}")) == (409, "", "IDN-08")
    assert (await provider.http.get(f"/Users/{root['id']}")).json() == root


# Refusals


@pytest.mark.parametrize(
    ("filter", "scim_type"),
    [
        ("userName", "invalidFilter"),
        ("userName eq", "invalidFilter"),
        ('userName xx "a"', "invalidFilter"),
        ('active gt "a"', "invalidFilter"),
        ('nobody eq "a"', "invalidFilter"),
        ('userName eq "a" and (', "invalidFilter"),
        ("(" * 900 + "userName pr" + ")" * 900 + " and x eq", "invalidFilter"),
        ("not (" * 390 + "userName pr", "invalidFilter"),
        ("x" * 2001, "invalidFilter"),
    ],
)
async def test_a_filter_that_is_none_is_told(provider: Provider, filter: str, scim_type: str) -> None:
    assert told(await provider.http.get("/Users", params={"filter": filter})) == (400, scim_type, "IDN-16")


@pytest.mark.parametrize(
    ("body", "scim_type"),
    [
        (b"", "invalidSyntax"),
        (b"\xff", "invalidSyntax"),
        (b"[" * 100_000, "invalidSyntax"),
        (json.dumps(user("a@x.fr", displayName="\ud800")).encode(), "invalidSyntax"),
        (b"[]", "invalidSyntax"),
        (b"{}", "invalidValue"),
        (json.dumps(user("")).encode(), "invalidValue"),
        (json.dumps(user("no address")).encode(), "invalidValue"),
        (json.dumps(user("a@b", emails="many")).encode(), "invalidValue"),
        (json.dumps(user("a@x.fr", active="perhaps")).encode(), "invalidValue"),
        (json.dumps(user("a@x.fr", displayName="x" * 201)).encode(), "invalidValue"),
        (json.dumps(user("a@x.fr", emails=[{"value": "no address"}])).encode(), "invalidValue"),
    ],
)
async def test_a_body_that_is_no_user_is_told(provider: Provider, body: bytes, scim_type: str) -> None:
    status, found, id = told(await provider.http.post("/Users", content=body))
    assert (status, found) == (400, scim_type) and id in {"IDN-16", "RPC-02"}


@pytest.mark.parametrize(
    ("operations", "scim_type"),
    [
        ([], "invalidValue"),
        ("all", "invalidValue"),
        ([{"op": "explode", "path": "title"}], "invalidValue"),
        ([{"op": "remove"}], "noTarget"),
        ([{"op": "remove", "path": "userName"}], "mutability"),
        ([{"op": "remove", "path": "emails"}], "mutability"),
        ([{"op": "replace", "path": "emails[", "value": 1}], "invalidPath"),
        ([{"op": "replace", "path": "id", "value": "x"}], "mutability"),
        ([{"op": "replace", "path": "x" * 2001, "value": "x"}], "invalidPath"),
        ([{"op": "add", "path": "title", "value": "T"}] * 1001, "tooMany"),
        (
            [{"op": "add", "path": "title", "value": "T"}, {"op": "replace", "path": "displayName", "value": ""}],
            "invalidValue",
        ),
    ],
)
async def test_a_patch_that_is_none_is_told_and_nothing_of_it_is_done(
    provider: Provider, operations: Any, scim_type: str
) -> None:
    made = await provider.create(address())
    answer = await provider.http.patch(f"/Users/{made['id']}", json={"schemas": [PATCH], "Operations": operations})
    status, found, id = told(answer)
    assert (status, found) == (400, scim_type) and id in {"IDN-16", "RPC-02"}, answer.text
    assert (await provider.http.get(f"/Users/{made['id']}")).json() == made


async def test_addresses_and_methods_that_there_are_not_are_told(provider: Provider) -> None:
    assert told(await provider.http.get("/Groups")) == (404, "", "IDN-18")
    assert told(await provider.http.get("/Schemas/urn:nothing")) == (404, "", "IDN-18")
    not_allowed = await provider.http.delete("/Users")
    assert told(not_allowed) == (405, "", "IDN-18") and not_allowed.headers["allow"] == "GET, POST"
    assert told(await provider.http.get("/Users/nobody")) == (404, "", "IDN-06")
    assert told(await provider.http.get("/Schemas", params={"filter": 'id eq "x"'})) == (403, "", "IDN-18")
    assert told(await provider.http.post("/Users", content=b" " * (2**20 + 1))) == (413, "", "IDN-19")
    assert (await provider.http.request("FROB", "/Users")).status_code == 405


# Who may


async def test_without_the_token_of_a_client_nobody_gets_anything(provider: Provider) -> None:
    site = provider.site
    admin, other = site.admin_token, await add(site, "Other")
    head, _, secret = provider.token.rpartition("_")
    mixed = f"{head}_{other.token.rpartition('_')[2]}"
    unknown = f"regard-scim_{uuid.uuid4()}_{secret}"
    async with httpx.AsyncClient(base_url=provider.url, headers={"accept-language": "fr"}) as stranger:
        for sent in (
            "",
            "Bearer",
            f"Basic {provider.token}",
            *(f"Bearer {one}" for one in (admin, mixed, unknown, "x" * 9000)),
        ):
            for path in ("/Users", "/Users/x", "/Schemas", "/nothing"):
                answer = await stranger.get(path, headers={"authorization": sent} if sent else {})
                assert told(answer) == (401, "", "IDN-14"), sent
                assert answer.headers["www-authenticate"] == "Bearer" and "jeton" in answer.json()["detail"]


async def test_a_revoked_client_is_refused_from_the_next_call_on_and_what_it_did_is_known(provider: Provider) -> None:
    site = provider.site
    added = await add(site, "Entra")
    mine = Provider(site, provider.url, added.provisioner.id, added.token)
    async with mine.http:
        made = await mine.create(address())
        provisioned, *_ = await site.events(person.stream_of(made["id"]))
        assert provisioned.provisioned_by == f"provisioner:{added.provisioner.id}"  # type: ignore[attr-defined]
        listed = await site.administer(stub(site).ListProvisioners, identity_pb2.ListProvisionersRequest())
        (entra,) = [one for one in listed.provisioners if one.id == mine.id]
        assert (entra.name, entra.revoked, entra.HasField("used_at")) == ("Entra", False, True)
        request = identity_pb2.RevokeProvisionerRequest(provisioner_id=mine.id)
        await site.administer(stub(site).RevokeProvisioner, request)
        await site.administer(stub(site).RevokeProvisioner, request)
        assert told(await mine.http.get("/Users")) == (401, "", "IDN-14")
    acts, _ = await site.administration(size=200)
    kinds = identity_pb2.AdministrativeAct
    assert [(one.kind, one.by_provisioner, one.provisioner) for one in acts if "Entra" in str(one)] == [
        (kinds.KIND_PROVISIONER_REVOKED, "", "Entra"),
        (kinds.KIND_PEOPLE_PROVISIONED, "Entra", ""),
        (kinds.KIND_PROVISIONER_ADDED, "", "Entra"),
    ]
    events = await site.events(provisioner.stream_of(mine.id))
    assert types(events) == ["ProvisionerAdded", "ProvisionerUsed", "ProvisionerRevoked"], "a use is noted once a day"
    assert added.token.encode() not in b"".join(event.SerializeToString() for event in events)


async def test_only_administrators_give_tokens(provider: Provider) -> None:
    site = provider.site
    email = address()
    await site.provision("Somebody", email)
    token = (await site.sign_in(email)).tokens.access_token
    for method, request in (
        (stub(site).AddProvisioner, identity_pb2.AddProvisionerRequest(name="Mine")),
        (stub(site).ListProvisioners, identity_pb2.ListProvisionersRequest()),
        (stub(site).RevokeProvisioner, identity_pb2.RevokeProvisionerRequest(provisioner_id=provider.id)),
    ):
        assert (await refused(site.call(method, request, token))).id == "RPC-07"
    unknown = identity_pb2.RevokeProvisionerRequest(provisioner_id=str(uuid.uuid4()))
    assert (await refused(site.administer(stub(site).RevokeProvisioner, unknown))).id == "IDN-15"
