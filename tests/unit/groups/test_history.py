"""The history of rules as it is told, and rules in plain sentences."""

import uuid
from datetime import timedelta

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from regard.common.v1.common_pb2 import LEVEL_CONFIDENTIAL, LEVEL_OPEN, LEVEL_RESTRICTED, Sentence
from regard.groups.v1.events_pb2 import MemberLeft, MemberRemoved, RulesAdopted, RulesRejected
from regard.groups.v1.groups_pb2 import RulesVersion
from regard.groups.v1.rules_pb2 import (
    JOIN_POLICY_ANYONE,
    JOIN_POLICY_BY_INVITATION,
    JOIN_POLICY_ON_REQUEST,
    Rules,
)

from services.common.codec import Event
from services.common.ids import Position
from services.groups.group import stream_of
from services.groups.history import rules_history
from services.groups.wording import changes, sentences
from tests.unit.groups.past import (
    ADA,
    BOB,
    CONFIDENTIAL,
    CYD,
    GROUP,
    NOW,
    OPEN,
    begun,
    proposed,
    rules,
    timestamp,
    voted,
)

ADOPTED = RulesAdopted(group_id=GROUP, version=2)
REJECTED = RulesRejected(group_id=GROUP, version=2)


def told(*messages: Message) -> list[RulesVersion]:
    """The history of events recorded a minute apart."""
    return rules_history(
        Event(
            stream=stream_of(GROUP),
            revision=number,
            position=Position(number + 1),
            id=uuid.UUID(int=number),
            type=message.DESCRIPTOR.full_name,
            message=message,
            metadata={},
            recorded_at=NOW + timedelta(minutes=number),
        )
        for number, message in enumerate(messages)
    )


def test_a_groups_first_rules_are_in_force_from_its_creation() -> None:
    assert told(*begun(CONFIDENTIAL)) == [
        RulesVersion(
            version=1,
            rules=CONFIDENTIAL,
            proposed_by=ADA,
            state=RulesVersion.STATE_ADOPTED,
            proposed_at=timestamp(NOW),
            settled_at=timestamp(NOW),
        )
    ]


def test_no_group_has_no_rules() -> None:
    assert told() == []


def test_an_open_vote_is_told_with_what_it_would_change() -> None:
    latest, first = told(*begun(CONFIDENTIAL, BOB), proposed(OPEN, needed=2), voted(ADA))
    assert first.version == 1
    assert (latest.version, latest.rules, latest.state) == (2, OPEN, RulesVersion.STATE_PROPOSED)
    assert (latest.proposed_by, latest.needed, latest.agreed) == (ADA, 2, 1)
    assert latest.proposed_at == timestamp(NOW + timedelta(minutes=3))
    assert not latest.HasField("settled_at")
    assert list(latest.changes) == list(changes(CONFIDENTIAL, OPEN))


def test_a_vote_that_is_changed_counts_once() -> None:
    past = (*begun(CONFIDENTIAL, BOB, CYD), proposed(OPEN, needed=3), voted(ADA), voted(BOB))
    assert told(*past)[0].agreed == 2
    assert told(*past, voted(BOB))[0].agreed == 2
    assert told(*past, voted(BOB, agrees=False))[0].agreed == 1


@pytest.mark.parametrize("gone", [MemberLeft, MemberRemoved])
def test_the_vote_of_who_goes_away_goes_too(gone: type[MemberLeft] | type[MemberRemoved]) -> None:
    past = (*begun(CONFIDENTIAL, BOB, CYD), proposed(OPEN, needed=2), voted(ADA))
    assert told(*past, gone(group_id=GROUP, person_id=ADA))[0].agreed == 0
    assert told(*past, gone(group_id=GROUP, person_id=CYD))[0].agreed == 1
    assert told(*past, voted(ADA, agrees=False), gone(group_id=GROUP, person_id=ADA))[0].agreed == 0


def test_what_is_settled_stays_as_it_was_counted() -> None:
    past = (*begun(CONFIDENTIAL, BOB), proposed(OPEN, needed=2), voted(ADA), voted(BOB), ADOPTED)
    (latest, _) = told(*past, MemberLeft(group_id=GROUP, person_id=BOB))
    assert (latest.state, latest.agreed) == (RulesVersion.STATE_ADOPTED, 2)
    assert latest.settled_at == timestamp(NOW + timedelta(minutes=6))


def test_changes_are_those_from_the_rules_in_force_not_from_those_rejected() -> None:
    restricted = rules(LEVEL_RESTRICTED)
    past = (*begun(CONFIDENTIAL), proposed(OPEN, needed=2), REJECTED, proposed(restricted, needed=2, version=3))
    latest, rejected, _ = told(*past)
    assert rejected.state == RulesVersion.STATE_REJECTED
    assert list(latest.changes) == list(changes(CONFIDENTIAL, restricted))


# Sentences


def test_every_rule_is_told_in_both_languages() -> None:
    for one in (OPEN, CONFIDENTIAL, rules(LEVEL_RESTRICTED, discoverable=True)):
        told_sentences = sentences(one)
        assert len(told_sentences) == len(sentences(Rules()))
        for sentence in told_sentences:
            assert sentence.en.endswith(".")
            assert sentence.fr.endswith(".")
            assert sentence.en != sentence.fr


@pytest.mark.parametrize("field", list(Rules.DESCRIPTOR.fields), ids=lambda field: field.name)
def test_no_rule_changes_in_silence(field: FieldDescriptor) -> None:
    """In a group where every setting has an effect, any other value of any field is told."""
    base = Rules(level=LEVEL_RESTRICTED, discoverable=True, join=JOIN_POLICY_ON_REQUEST)
    told_as: dict[object, list[str]] = {}
    for value in _values(field):
        other = Rules()
        other.CopyFrom(base)
        setattr(other, field.name, value)
        told_as[value] = [sentence.en for sentence in sentences(other)]
        for change in changes(base, other):
            assert " Before: " in change.en
            assert " Avant : " in change.fr
        assert bool(changes(base, other)) == (told_as[value] != [sentence.en for sentence in sentences(base)])
    assert len({tuple(one) for one in told_as.values()}) == len(told_as), "two values are told alike"


def _values(field: FieldDescriptor) -> list[object]:
    if field.enum_type is not None:
        # Not said means one of the others, and level is always said.
        return [value.number for value in field.enum_type.values if value.number]
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return [False, True]
    return [0, 55, 80]


def test_the_same_rules_differ_in_nothing() -> None:
    assert changes(OPEN, OPEN) == ()


def test_what_has_no_effect_is_not_told_as_if_it_had() -> None:
    anyone = rules(LEVEL_CONFIDENTIAL, join=JOIN_POLICY_ANYONE, discoverable=True)
    nobody = rules(LEVEL_CONFIDENTIAL, join=JOIN_POLICY_BY_INVITATION)
    assert sentences(anyone) == sentences(nobody)
    assert changes(anyone, nobody) == ()
    assert Sentence(fr="On le rejoint sur invitation.", en="It is joined by invitation.") in sentences(anyone)


def test_defaults_are_told_as_what_they_stand_for() -> None:
    explicit = rules(LEVEL_OPEN, consent_quorum_percent=100, consent_period_days=7, window_minutes=60)
    assert changes(rules(LEVEL_OPEN), explicit) == ()
