"""Refusals on their way to a caller and back."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2, status_pb2
from regard.chat.v1 import chat_pb2
from regard.identity.v1 import identity_pb2

from services.common.errors import Kind, Refused
from services.common.rpc.call import preferred_language
from services.common.rpc.refusals import FAULT
from services.common.rpc.status import DETAILS_KEY, Invalid, Status, Violation, refused_by, status_of
from services.common.rpc.validation import validate
from tests.unit.common.border import NO_ROOM

ImportedMessage = chat_pb2.ImportMessagesRequest.ImportedMessage


def _details(status: Status) -> tuple[error_details_pb2.ErrorInfo, error_details_pb2.LocalizedMessage]:
    ((key, data),) = status.trailers
    assert key == DETAILS_KEY
    assert isinstance(data, bytes)
    whole = status_pb2.Status.FromString(data)
    info, words = error_details_pb2.ErrorInfo(), error_details_pb2.LocalizedMessage()
    assert whole.details[0].Unpack(info)
    assert whole.details[1].Unpack(words)
    assert (whole.code, whole.message) == (status.code.value[0], status.message)
    return info, words


def _error(status: Status) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        status.code, grpc.aio.Metadata(), grpc.aio.Metadata(*status.trailers), details=status.message
    )


@pytest.mark.parametrize(
    ("language", "sentence", "remedy"),
    [("fr", "Il n’y a pas de salle 7.", "Regardez encore."), ("en", "There is no room 7.", "Look again.")],
)
def test_a_refusal_is_told_in_the_callers_language(language: str, sentence: str, remedy: str) -> None:
    status = status_of(NO_ROOM(room="7"), "fr" if language == "fr" else "en", "r1")
    assert status.code is grpc.StatusCode.NOT_FOUND
    assert status.message == sentence
    info, words = _details(status)
    assert (info.reason, info.domain) == ("TST-01", "regard")
    assert dict(info.metadata) == {"room": "7", "remedy": remedy, "request_id": "r1"}
    assert (words.locale, words.message) == (language, sentence)


def test_a_refusal_comes_back_under_the_same_id() -> None:
    refused = refused_by(_error(status_of(NO_ROOM(room="7"), "en", "r1")))
    assert refused is not None
    assert refused.refusal is NO_ROOM
    assert refused.sentence("fr") == "Il n’y a pas de salle 7."


def test_a_refusal_that_is_not_declared_here_keeps_the_peers_words() -> None:
    info = error_details_pb2.ErrorInfo(
        reason="XYZ-09", domain="regard", metadata={"remedy": "Use {braces}.", "group": "g"}
    )
    status = status_pb2.Status(code=9, message="No {room} here.")
    status.details.add().Pack(info)
    data = status.SerializeToString()
    refused = refused_by(_error(Status(grpc.StatusCode.FAILED_PRECONDITION, "", ((DETAILS_KEY, data),))))
    assert refused is not None
    assert (refused.refusal.id, refused.refusal.kind) == ("XYZ-09", Kind.FAILED_PRECONDITION)
    assert refused.describe("en") == refused.describe("fr") == "No {room} here. Use {braces}."
    assert refused.params["group"] == "g"


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff", status_pb2.Status(code=5).SerializeToString()])
def test_a_status_without_our_details_is_no_refusal(data: bytes) -> None:
    assert refused_by(_error(Status(grpc.StatusCode.NOT_FOUND, "", ((DETAILS_KEY, data),)))) is None


def test_a_fault_at_a_peer_keeps_its_request_number() -> None:
    refused = refused_by(_error(status_of(FAULT(request_id="r1"), "fr", "r1")))
    assert isinstance(refused, Refused)
    assert "r1" in refused.remedy("en")


def test_validation_names_every_field_and_its_rule() -> None:
    request = identity_pb2.BatchGetPeopleRequest(person_ids=["no", "018f2c1e-7b1a-7c3e-8a4b-000000000001", "neither"])
    with pytest.raises(Invalid) as refused:
        validate(request)
    assert [(one.field, one.rule) for one in refused.value.violations] == [
        ("person_ids[0]", "string.uuid"),
        ("person_ids[2]", "string.uuid"),
    ]
    assert "person_ids[0]" in refused.value.sentence("fr")
    bad = error_details_pb2.BadRequest()
    data = status_of(refused.value, "en", "r1").trailers[0][1]
    assert isinstance(data, bytes)
    assert status_pb2.Status.FromString(data).details[2].Unpack(bad)
    assert [violation.reason for violation in bad.field_violations] == ["string.uuid", "string.uuid"]
    assert bad.field_violations[0].description


def test_validation_names_nested_fields_and_passes_what_is_valid() -> None:
    with pytest.raises(Invalid) as refused:
        validate(identity_pb2.ProvisionPersonRequest(profile=identity_pb2.Profile(name="Awa", email="nobody")))
    assert [one.field for one in refused.value.violations] == ["profile.email"]
    validate(chat_pb2.SubscribeRequest())


@pytest.mark.parametrize(("seconds", "nanos"), [(10**15, 0), (-(10**12), 0), (0, -1), (0, 10**9)])
def test_validation_refuses_times_that_are_none_wherever_they_are(seconds: int, nanos: int) -> None:
    strange, known = Timestamp(seconds=seconds, nanos=nanos), Timestamp(seconds=253_402_300_799, nanos=999_999_999)
    room = "018f2c1e-7b1a-7c3e-8a4b-000000000001"
    message = {"external_id": "1", "author_id": room, "body": "x"}
    messages = [ImportedMessage(written_at=known, **message), ImportedMessage(written_at=strange, **message)]
    for request, field in (
        (chat_pb2.ListMessagesRequest(room_id=room, before=strange), "before"),
        (chat_pb2.ImportMessagesRequest(room_id=room, source="x", messages=messages), "messages[1].written_at"),
    ):
        with pytest.raises(Invalid) as refused:
            validate(request)
        assert [(one.field, one.rule) for one in refused.value.violations] == [(field, "timestamp.range")]


def test_details_stay_below_what_clients_accept() -> None:
    violations = tuple(Violation(f"items[{i}].{'x' * 500}", "string.max_len", "y" * 500) for i in range(1000))
    data = status_of(Invalid(violations), "fr", "r1").trailers[0][1]
    assert len(data) * 4 / 3 < 6000


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "fr"),
        ("en", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("fr-CA", "fr"),
        ("de", "fr"),
        ("en;q=0.5, fr;q=0.8", "fr"),
        ("fr;q=0.1,en;q=0.2", "en"),
        ("en;q=nonsense", "fr"),
        (";;,,=", "fr"),
    ],
)
def test_the_preferred_language(header: str, language: str) -> None:
    assert preferred_language(header) == language
