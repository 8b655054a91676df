"""What clients send, read by scim2-models under one policy; each mistake becomes a refusal with its SCIM type."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unicodedata import normalize

from pydantic import ValidationError
from scim2_models import (
    Context,
    Error,
    PatchOp,
    ResponseParameters,
    SCIMException,
    ScimFilter,
    ScimPolicy,
    SearchRequest,
)
from scim2_models.path import Comparison, FilterNode, LogicalExpr

from services.common.errors import Refused
from services.identity.directory import Known
from services.identity.refusals import BAD_SCIM
from services.identity.scim.resources import Person, user_name_of

LONGEST_EXPRESSION = 2_000
MOST_OPERATIONS = 1_000
_LONGEST_WHY = 300

POLICY = ScimPolicy(
    # Clients send all that their directory has, and are not told off for what Regard doesn't keep.
    unknown=ScimPolicy.Unknown.ignore,
    # Microsoft Entra.
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class BadScim(Refused):
    """A refusal of what a client sent, with the keyword of RFC 7644, 3.12."""

    def __init__(self, scim_type: str, why: str) -> None:
        self.scim_type = scim_type
        super().__init__(BAD_SCIM, {"why": why if len(why) <= _LONGEST_WHY else why[:_LONGEST_WHY] + "…"})


def read_json(body: bytes) -> dict[str, Any]:
    """An object. Raises BadScim."""
    try:
        read = json.loads(body)
        if b"\\u" in body:  # escapes can also name halves of characters
            json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadScim("invalidSyntax", "the body is not JSON in UTF-8.") from None
    if not isinstance(read, dict):
        raise BadScim("invalidSyntax", "the body is not an object.")
    return read


def read_user(payload: Mapping[str, Any], context: Context, active: bool) -> Person:
    """A whole resource, completed by what it implies; `active` where it doesn't say so. Raises BadScim."""
    with _told():
        return Person.model_validate(_completed(payload, active), scim_ctx=context, scim_policy=POLICY)


def patched(user: Person, payload: Mapping[str, Any]) -> Person:
    """The resource after the operations of a PATCH request, of which all are done or none. Raises BadScim."""
    operations = payload.get("Operations")
    if isinstance(operations, list) and len(operations) > MOST_OPERATIONS:
        raise BadScim("tooMany", f"more than {MOST_OPERATIONS} operations.")
    for operation in operations if isinstance(operations, list) else ():
        _check_length(operation.get("path") if isinstance(operation, dict) else None, "invalidPath")
    after = user.model_copy(deep=True)
    with _told():
        request = PatchOp[Person].model_validate(payload, scim_ctx=Context.RESOURCE_PATCH_REQUEST, scim_policy=POLICY)
        request.patch(after, scim_policy=POLICY)
        # What single operations leave behind must still be a whole resource.
        return Person.model_validate(
            after.model_dump(), scim_ctx=Context.RESOURCE_REPLACEMENT_REQUEST, scim_policy=POLICY
        )


def read_search(parameters: Mapping[str, Any]) -> "SearchRequest[Any]":
    """A query. Raises BadScim."""
    _check_length(parameters.get("filter"), "invalidFilter")
    for name in ("attributes", "excludedAttributes", "sortBy"):
        _check_length(parameters.get(name), "invalidValue")
    with _told():
        return SearchRequest[Person].model_validate(dict(parameters), scim_policy=POLICY)


def read_parameters(parameters: Mapping[str, Any]) -> "ResponseParameters[Any]":
    """Which attributes to answer with. Raises BadScim."""
    wanted = {name: parameters[name] for name in ("attributes", "excludedAttributes") if name in parameters}
    for text in wanted.values():
        _check_length(text, "invalidValue")
    with _told():
        return ResponseParameters[Person].model_validate(wanted, scim_policy=POLICY)


def matches(filter: "ScimFilter[Any]", user: Person) -> bool:
    """Whether a resource passes a filter. Raises BadScim."""
    with _told():
        return filter.match(user)


def narrowed(filter: "ScimFilter[Any]", everyone: Iterable[Known]) -> list[Known]:
    """Those who can pass the filter at all, as far as that is seen without making their resources.

    Identity providers look up one person at a time, by `userName eq` or `externalId eq`.
    """
    wanted = _required(filter.ast)
    return [known for known in everyone if all(_QUICK[name](known) == value for name, value in wanted.items())]


def _external_id(known: Known) -> str:
    return _folded(known.record.external_id if known.record else "")


def _folded(text: str) -> str:
    """The same for all that scim2-models takes for equal, in whatever case."""
    return normalize("NFC", normalize("NFC", text).casefold())


_QUICK: Mapping[str, Callable[[Known], str]] = {
    "id": lambda known: known.person.id,
    "username": lambda known: _folded(user_name_of(known)),
    "externalid": _external_id,
}
"""What needs no resource, case folded."""


def _required(node: FilterNode) -> dict[str, str]:
    """The values that attributes of _QUICK have to have, case folded."""
    match node:
        case Comparison(attr_path=path, op="eq", value=str(value)) if not path.sub_attr:
            return {path.attr.casefold(): _folded(value)} if path.attr.casefold() in _QUICK else {}
        case LogicalExpr(op="and", terms=terms):
            return {name: value for term in terms for name, value in _required(term).items()}
        case _:
            return {}


def _completed(payload: Mapping[str, Any], active: bool) -> dict[str, Any]:
    """The resource with what clients leave out because it follows from the rest."""
    given = {key.casefold(): key for key in payload}
    completed = dict(payload)

    def value(attribute: str) -> Any:
        return payload.get(given.get(attribute.casefold(), attribute))

    def supply(attribute: str, said: Any) -> None:
        if value(attribute) in (None, "", []) and said:
            completed.pop(given.get(attribute.casefold(), ""), None)
            completed[attribute] = said

    user_name = value("userName")
    if isinstance(user_name, str) and "@" in user_name:
        supply("emails", [{"value": user_name, "type": "work", "primary": True}])
    supply("displayName", _full_name(value("name")))
    if value("active") is None:
        completed.pop(given.get("active", ""), None)
        completed["active"] = active
    return completed


def _full_name(name: Any) -> str:
    if not isinstance(name, dict):
        return ""
    parts = {key.casefold(): part for key, part in name.items() if isinstance(part, str)}
    both = " ".join(part for part in (parts.get("givenname"), parts.get("familyname")) if part)
    return parts.get("formatted") or both


def _check_length(text: object, scim_type: str) -> None:
    if isinstance(text, str) and len(text) > LONGEST_EXPRESSION:
        raise BadScim(scim_type, f"an expression of more than {LONGEST_EXPRESSION} characters.")


@contextmanager
def _told() -> Iterator[None]:
    """Turns what scim2-models raises into BadScim."""
    try:
        yield
    except ValidationError as error:
        first = Error.from_validation_errors(error)[0]
        raise BadScim(first.scim_type or "invalidValue", first.detail or "") from None
    except SCIMException as error:
        raise BadScim(error.scim_type or "invalidValue", error.detail) from None
    except RecursionError:
        raise BadScim("invalidSyntax", "it is nested too deeply.") from None
