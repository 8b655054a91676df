"""The user resource of SCIM, and what it means in Regard.

What a client gives is kept as it is, sealed, so that it finds it again; colleagues see only the profile that is made of
it. Of the core schema only what Regard has a use for is declared, and so kept.

    name      displayName                      site      addresses[type eq "work"].locality, else the first one's
    email     the primary one, else the work   level     userType
              one, else the first              language  preferredLanguage, if French or English
    function  title, else department
"""

from typing import Annotated, TypeAlias

from regard.identity.v1.events_pb2 import DirectoryRecordKept
from regard.identity.v1.identity_pb2 import Profile
from scim2_models import (
    URN,
    AnyExtension,
    CaseExact,
    ComplexAttribute,
    Extension,
    Meta,
    Required,
    Resource,
    Returned,
    Uniqueness,
)

from services.identity.directory import Known


class Name(ComplexAttribute):
    """The parts of a name."""

    formatted: str | None = None
    family_name: str | None = None
    given_name: str | None = None


class Email(ComplexAttribute):
    """An e-mail address; of any domain, since companies have their own."""

    value: Annotated[str | None, Required.true] = None
    type: str | None = None
    primary: bool | None = None


class Address(ComplexAttribute):
    """Where someone works."""

    locality: str | None = None
    type: str | None = None
    primary: bool | None = None


class User(Resource[AnyExtension]):
    """A person, as a provisioning client knows them."""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    external_id: Annotated[str | None, CaseExact.true, Returned.default] = None
    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    name: Name | None = None
    display_name: Annotated[str | None, Required.true] = None
    title: str | None = None
    user_type: str | None = None
    preferred_language: str | None = None
    active: Annotated[bool | None, Required.true] = None
    emails: Annotated[list[Email] | None, Required.true] = None
    addresses: list[Address] | None = None


class Enterprise(Extension):
    """What the enterprise extension adds."""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    department: str | None = None


Person: TypeAlias = User[Enterprise]
"""The resource that is served."""

Record = DirectoryRecordKept.Record


def is_shown(known: Known) -> bool:
    """Whether clients see the person: not if one of them deleted them, or if they were erased."""
    removed = known.record is not None and known.record.removed and not known.person.active
    return known.person.HasField("profile") and not removed


def user_of(known: Known, base: str) -> Person:
    """The resource of a person who is shown; `base`: where SCIM is."""
    record, profile = known.record, known.person.profile
    user = Person.model_validate_json(record.user) if record and record.user else None
    if user is None or profile_of(user) != profile:
        # Made or corrected otherwise since: what Regard shows is what the client has to see.
        user = _from_profile(profile, user)
    return identified(user, known.person.id, known.person.active, known.version, base)


def identified(user: Person, person_id: str, active: bool, version: int, base: str) -> Person:
    """The resource with what Regard says of it."""
    user.id = person_id
    user.active = active
    user.meta = Meta(resource_type="User", location=f"{base}/Users/{person_id}", version=etag(version))
    return user


def etag(version: int) -> str:
    """The entity tag of a version: weak, since an answer may show some attributes only."""
    return f'W/"{version}"'


def record_of(user: Person, *, removed: bool = False) -> Record:
    """What to keep of a resource."""
    kept = user.model_copy(deep=True)
    kept.id = kept.meta = kept.active = None
    return Record(
        user=kept.model_dump_json(exclude_none=True),
        removed=removed,
        user_name=user.user_name or "",
        external_id=user.external_id or "",
    )


def user_name_of(known: Known) -> str:
    """What a client calls the person."""
    return (known.record.user_name if known.record else "") or known.person.profile.email


def profile_of(user: Person) -> Profile:
    """What colleagues see of the person."""
    language = (user.preferred_language or "").lower()[:2]
    return Profile(
        name=(user.display_name or "").strip(),
        email=_email(user).strip(),
        function=user.title or _department(user),
        site=_site(user),
        hierarchical_level=user.user_type or "",
        language=language if language in {"fr", "en"} else "",
    )


def _email(user: Person) -> str:
    emails = [email for email in user.emails or () if email.value]
    order = sorted(emails, key=lambda email: (not email.primary, (email.type or "").lower() != "work"))
    return (order[0].value or "") if order else ""


def _site(user: Person) -> str:
    places = [address for address in user.addresses or () if address.locality]
    order = sorted(places, key=lambda address: (address.type or "").lower() != "work")
    return (order[0].locality or "") if order else ""


def _department(user: Person) -> str:
    extension = user[Enterprise]
    return (extension.department or "") if isinstance(extension, Enterprise) else ""


def _from_profile(profile: Profile, said: Person | None) -> Person:
    return Person(
        user_name=(said and said.user_name) or profile.email,
        external_id=said.external_id if said else None,
        display_name=profile.name,
        title=profile.function or None,
        user_type=profile.hierarchical_level or None,
        preferred_language=profile.language or None,
        emails=[Email(value=profile.email, type="work", primary=True)],
        addresses=[Address(locality=profile.site, type="work")] if profile.site else None,
    )
