"""Bodies of SCIM: patches with their paths, and whole users."""

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.scim import KNOWN

with atheris.instrument_imports(include=["scim2_models.path", "scim2_models.messages", "services.identity.scim"]):
    from scim2_models import Context

    from services.identity.scim.filters import BadScim, patched, read_json, read_user
    from services.identity.scim.resources import Person, profile_of, record_of, user_of

USER = user_of(KNOWN, "http://x")
BEFORE = USER.model_dump()


def one(data: bytes) -> None:
    """As a body, and as a path; what comes of it can be kept and found again."""
    text = data.decode("latin-1")
    for make in (
        lambda: patched(USER, read_json(data)),
        lambda: patched(USER, {"Operations": [{"op": "add", "path": text, "value": "x"}]}),
        lambda: patched(USER, {"Operations": [{"op": "remove", "path": text}]}),
        lambda: read_user(read_json(data), Context.RESOURCE_CREATION_REQUEST, active=True),
    ):
        try:
            user = make()
        except BadScim:
            continue
        finally:
            assert USER.model_dump() == BEFORE, "a patch changes its copy alone"
        assert profile_of(Person.model_validate_json(record_of(user).user)) == profile_of(user)


if __name__ == "__main__":
    schema = b'"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]'
    fuzz(
        one,
        [
            b'{%s,"Operations":[{"op":"Replace","path":"active","value":"False"}]}' % schema,
            b'{%s,"Operations":[{"op":"add","value":{"name.givenName":"x"}}]}' % schema,
            b'emails[type eq "work"].value',
            b"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            b'{"userName":"a@b","name":{"formatted":"A"},"emails":[{"value":"a@b"}]}',
        ],
    )
