"""Filters of SCIM; whoever passes one is among those that are looked at."""

import atheris

import services.common.contracts  # noqa: F401  # not instrumented: only what is fuzzed
from tests.fuzz.fuzzing import fuzz
from tests.fuzz.scim import KNOWN

with atheris.instrument_imports(include=["scim2_models.path", "services.identity.scim.filters"]):
    from services.identity.scim.filters import BadScim, matches, narrowed, read_search
    from services.identity.scim.resources import user_of

USER = user_of(KNOWN, "http://x")


def one(data: bytes) -> None:
    text = data.decode("latin-1")
    try:
        search = read_search({"filter": text})
        if search.filter is not None and matches(search.filter, USER):
            assert narrowed(search.filter, [KNOWN]) == [KNOWN], text
    except BadScim:
        return


if __name__ == "__main__":
    fuzz(
        one,
        [
            b'userName eq "ADA"',
            b'not (userName eq "bob") and active eq true',
            b'emails[type eq "work" and value co "@"] or title pr',
            b'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "a" and id ne "b"',
            b'externalId ge "1\\u0041" or meta.version eq "W/\\"1\\""',
        ],
    )
