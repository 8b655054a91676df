"""SCIM through the gateway: who leaves the company loses access everywhere within seconds, open streams included."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Iterator

import httpx
import pytest
from regard.chat.v1.chat_pb2 import SubscribeRequest

from regard_client import Regard, RegardError, Session
from tests.product import LIMIT_S
from tests.system.conftest import Company

pytestmark = pytest.mark.xdist_group("company")


@pytest.fixture
def scim(company: Company) -> Iterator[httpx.Client]:
    """The company's identity provider, with a token that Nadia gave it from the command line."""
    added = company.product.command("--as", "nadia", "provisioners", "add", "Okta")
    assert added.returncode == 0, added.stderr
    token = added.stdout.strip()
    assert token not in added.stderr
    with httpx.Client(
        base_url=f"{company.url}/scim/v2", headers={"authorization": f"Bearer {token}"}, timeout=30
    ) as client:
        yield client
    listed = company.product.command("--as", "nadia", "provisioners", "list")
    (line,) = [line for line in listed.stdout.splitlines() if token.split("_")[1] in line]
    assert "Okta" in line and "active" in line and token not in listed.stdout
    assert company.product.command("--as", "nadia", "provisioners", "revoke", token.split("_")[1]).returncode == 0
    assert httpx.get(f"{company.url}/scim/v2/Users", headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_deactivating_ends_an_open_stream_and_everything_else_within_seconds(
    company: Company, scim: httpx.Client
) -> None:
    email, password = f"{uuid.uuid4()}@example.org", "correct horse battery"
    profile = {"name": "Passing Colleague", "email": email}
    with company.client("nadia") as nadia:
        made = nadia.post("/v1/people:provision", json={"profile": profile, "password": password})
    assert made.status_code == 200, made.text
    (found,) = scim.get("/Users", params={"filter": f'userName eq "{email}"'}).json()["Resources"]
    assert found["active"] is True and found["id"] == made.json()["person"]["id"]

    with Regard(company.url, session=Session(language="en")) as regard:
        regard.sign_in(email, password)
        stream = regard.chat.Subscribe(SubscribeRequest(), timeout=LIMIT_S)
        next(stream)
        operation = {"op": "Replace", "path": "active", "value": "False"}
        patch = {"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]}
        before_s = time.monotonic()
        answer = scim.patch(f"/Users/{found['id']}", json=patch)
        assert answer.status_code == 200 and answer.json()["active"] is False, answer.text
        with pytest.raises(RegardError) as ended:
            deque(stream)
        print(f"the stream ended {time.monotonic() - before_s:.2f} s after the call was made ({ended.value.id})")
        assert ended.value.kind in {"UNAUTHENTICATED", "PERMISSION_DENIED"}
        with httpx.Client(
            base_url=company.url, headers={"authorization": f"Bearer {regard.session.token}"}
        ) as with_token:
            for path in ("/v1/people/me", "/v1/groups:mine", "/v1/people"):
                refused = with_token.get(path)
                assert refused.status_code == 401, (path, refused.text)
    credentials = {"email": email, "password": password}
    refused = httpx.post(f"{company.url}/v1/auth:signIn", json=credentials, headers={"accept-language": "en"})
    assert (refused.status_code, refused.json()["message"]) == (403, "This account is not active.")
    again = scim.patch(f"/Users/{found['id']}", json=patch)
    assert again.json() == answer.json(), "repeating changes nothing"


def test_a_persons_token_opens_no_scim_and_a_clients_token_nothing_else(company: Company, scim: httpx.Client) -> None:
    with company.client("nadia") as person:
        assert person.get("/scim/v2/Users").status_code == 401
    with httpx.Client(base_url=company.url, headers={"authorization": scim.headers["authorization"]}) as client:
        assert client.get("/v1/people/me").json()["id"] == "GWY-01"
        for path in ("/scim/v2/../../v1/people/me", "/scim/v2/%2e%2e/v1/people", "/scim", "/scim/v2"):
            assert client.get(path).status_code in {400, 401, 404}, path
    assert scim.get("/ServiceProviderConfig").json()["etag"] == {"supported": True}
    users = scim.get("/Users", params={"count": 1}).json()
    assert users["totalResults"] > 50
    assert users["Resources"][0]["meta"]["location"] == f"{company.url}/scim/v2/Users/{users['Resources'][0]['id']}"
    etag = scim.get(f"/Users/{users['Resources'][0]['id']}").headers["etag"]
    assert etag == users["Resources"][0]["meta"]["version"], "the gateway leaves it as it is"
