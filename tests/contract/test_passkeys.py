"""Passkeys as their owners and their thieves see them: the real service, by gRPC, and a device in software."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from regard.identity.v1 import events_pb2, identity_pb2

from tests.authenticator import PRESENT, Authenticator
from tests.contract.test_identity import PASSWORD, Refusal, Site, refused, running

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with running(tmp_path_factory.mktemp("passkeys")) as site:
        await site.claim()
        yield site


class Owner:
    """Somebody signed in, with a device that holds no passkey yet."""

    def __init__(self, site: Site, signed_in: identity_pb2.SignInResponse) -> None:
        self.site, self.person, self.token = site, signed_in.person, signed_in.tokens.access_token
        self.device = Authenticator(origin=site.installation.kernel.settings.url)  # type: ignore[union-attr]

    async def add(self, name: str = "Téléphone") -> identity_pb2.Passkey:
        return await self.finish(self.device.make(await self.begin()), name)

    async def begin(self, password: str = PASSWORD) -> str:
        request = identity_pb2.BeginPasskeyRegistrationRequest(current_password=password)
        begun = await self.site.call(self.site.auth.BeginPasskeyRegistration, request, self.token)
        return str(begun.options_json)

    async def finish(self, credential_json: str, name: str = "Téléphone") -> identity_pb2.Passkey:
        request = identity_pb2.FinishPasskeyRegistrationRequest(credential_json=credential_json, name=name)
        answer = await self.site.call(self.site.auth.FinishPasskeyRegistration, request, self.token)
        return answer.passkey

    async def all(self) -> list[identity_pb2.Passkey]:
        request = identity_pb2.ListPasskeysRequest()
        return list((await self.site.call(self.site.auth.ListPasskeys, request, self.token)).passkeys)

    async def remove(self, passkey_id: str) -> None:
        request = identity_pb2.RemovePasskeyRequest(passkey_id=passkey_id)
        await self.site.call(self.site.auth.RemovePasskey, request, self.token)


async def owner(site: Site, name: str) -> Owner:
    email = f"{name}@passkeys.example"
    await site.provision(name, email)
    return Owner(site, await site.sign_in(email))


async def asked(site: Site) -> str:
    """What a browser is asked that wants to sign in."""
    begun = await site.call(site.auth.BeginPasskeySignIn, identity_pb2.BeginPasskeySignInRequest())
    return str(begun.options_json)


async def enter(site: Site, credential_json: str) -> identity_pb2.FinishPasskeySignInResponse:
    request = identity_pb2.FinishPasskeySignInRequest(credential_json=credential_json, client="tests")
    answer = await site.call(site.auth.FinishPasskeySignIn, request)
    assert isinstance(answer, identity_pb2.FinishPasskeySignInResponse)
    return answer


async def test_a_passkey_signs_in_alone_as_its_owner_and_is_listed(site: Site) -> None:
    zoe = await owner(site, "zoe")
    added = await zoe.add("Téléphone de Zoé")
    assert (added.name, added.HasField("used_at")) == ("Téléphone de Zoé", False)
    signed_in = await enter(site, zoe.device.get(await asked(site)))
    assert signed_in.person.id == zoe.person.id
    me = await site.call(site.people.GetMe, identity_pb2.GetMeRequest(), signed_in.tokens.access_token)
    assert me.person.id == zoe.person.id
    (listed,) = await zoe.all()
    assert (listed.id, listed.HasField("used_at")) == (added.id, True)
    assert (await site.refresh(signed_in.tokens.refresh_token)).access_token


async def test_nothing_of_a_passkey_is_readable_on_the_stream(site: Site) -> None:
    yan = await owner(site, "yan")
    await yan.add("Clé bleue")
    stored = [one for one in await site.events(f"user-{yan.person.id}") if isinstance(one, events_pb2.PasskeyAdded)]
    assert len(stored) == 1
    written = stored[0].SerializeToString()
    assert "Clé bleue".encode() not in written
    assert yan.device.credential_id not in written


async def test_a_session_alone_adds_no_passkey(site: Site) -> None:
    eve = await owner(site, "eve")
    assert (await refused(eve.begin("not this one"))).id == "IDN-10"


async def test_what_a_device_answered_is_good_once(site: Site) -> None:
    xu = await owner(site, "xu")
    await xu.add()
    answer = xu.device.get(await asked(site))
    await enter(site, answer)
    assert (await refused(enter(site, answer))).id == "IDN-21"


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://elsewhere.example"},
        {"flags": PRESENT},
        {"flags": 0},
        {"user_handle": b"00000000-0000-4000-8000-000000000000"},
        {"user_handle": b"\xff" * 64},
        {"user_handle": b""},
        {"credential_id": b"another" * 4},
    ],
    ids=["of another site", "not unlocked", "nobody there", "somebody else", "no person", "nobody", "another passkey"],
)
async def test_another_answer_signs_nobody_in(site: Site, wrong: dict[str, object]) -> None:
    who = await owner(site, f"w{random.getrandbits(32)}")
    await who.add()
    liar = replace(who.device, **wrong)  # type: ignore[arg-type]
    assert (await refused(enter(site, liar.get(await asked(site))))).id == "IDN-21"
    await enter(site, who.device.get(await asked(site)))


async def test_another_key_signs_nobody_in(site: Site) -> None:
    vic = await owner(site, "vic")
    await vic.add()
    thief = replace(Authenticator(vic.device.origin), credential_id=vic.device.credential_id)
    thief.user_handle = vic.device.user_handle
    assert (await refused(enter(site, thief.get(await asked(site))))).id == "IDN-21"


async def test_a_challenge_of_our_own_or_for_something_else_is_none(site: Site) -> None:
    una = await owner(site, "una")
    await una.add()
    begun = await una.begin()
    options = json.loads(await asked(site))
    for challenge in (json.loads(begun)["challenge"], "aW52ZW50ZWQ", options["challenge"][:-4] + "AAAA"):
        answer = una.device.get(json.dumps(options | {"challenge": challenge}))
        assert (await refused(enter(site, answer))).id == "IDN-21"


async def test_a_copied_device_that_counts_less_is_noticed(site: Site) -> None:
    tom = await owner(site, "tom")
    await tom.add()
    tom.device.counts = 7
    await enter(site, tom.device.get(await asked(site)))
    tom.device.counts = 6
    assert (await refused(enter(site, tom.device.get(await asked(site))))).id == "IDN-21"


async def test_nobody_adds_what_was_made_for_another_or_elsewhere(site: Site) -> None:
    sam, rob = await owner(site, "sam"), await owner(site, "rob")
    begun = await sam.begin()
    made = sam.device.make(begun)
    assert (await refused(rob.finish(made))).id == "IDN-22"
    for wrong in ({"origin": "http://elsewhere.example"}, {"flags": PRESENT}):
        liar = replace(sam.device, **wrong)  # type: ignore[arg-type]
        assert (await refused(sam.finish(liar.make(begun)))).id == "IDN-22"
    await sam.finish(made)
    assert (await refused(sam.finish(made))).id == "IDN-22", "once"


async def test_a_removed_passkey_signs_nobody_in_and_only_its_owner_removes_it(site: Site) -> None:
    pia, ola = await owner(site, "pia"), await owner(site, "ola")
    added = await pia.add()
    assert (await refused(ola.remove(added.id))).id == "IDN-23"
    await pia.remove(added.id)
    assert await pia.all() == []
    assert (await refused(enter(site, pia.device.get(await asked(site))))).id == "IDN-21"
    assert (await refused(pia.remove(added.id))).id == "IDN-23"


async def test_ten_are_the_most(site: Site) -> None:
    max_ = await owner(site, "max")
    for _ in range(10):
        max_.device = Authenticator(max_.device.origin)
        await max_.add()
    max_.device = Authenticator(max_.device.origin)
    assert (await refused(max_.add())).id == "IDN-24"


async def test_who_left_does_not_come_back_with_a_passkey(site: Site) -> None:
    liv = await owner(site, "liv")
    await liv.add()
    await site.administer(site.people.DeactivatePerson, identity_pb2.DeactivatePersonRequest(person_id=liv.person.id))
    assert (await refused(enter(site, liv.device.get(await asked(site))))).id == "IDN-02"


async def test_whatever_is_sent_is_answered_with_a_refusal(site: Site) -> None:
    kim = await owner(site, "kim")
    await kim.add()
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    honest = kim.device.get(await asked(site))
    told = set[str]()
    for _ in range(300):
        broken = list(honest)
        for _ in range(dice.randint(1, 4)):
            broken[dice.randrange(len(broken))] = dice.choice('AZaz09-_"{}[]:,\\ ')
        try:
            await enter(site, "".join(broken))
        except Refusal as refusal:
            told.add(refusal.id)
        else:
            honest = kim.device.get(await asked(site))  # what was changed is not signed
    assert told == {"IDN-21"}
    for sent in ("{}", "[]", "null", "12", '{"id": 1}', '{"response": {}}', "\x00\x00", "{" * 1000):
        assert (await refused(enter(site, sent))).id == "IDN-21"
        assert (await refused(kim.finish(sent))).id == "IDN-22"
