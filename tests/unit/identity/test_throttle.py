"""Who guesses passwords waits; who knows theirs does not."""

import pytest

from services.common.errors import Refused
from services.identity.throttle import Allowance, Throttle
from tests.unit.identity.time_by_hand import TimeByHand


@pytest.fixture
def time() -> TimeByHand:
    return TimeByHand()


@pytest.fixture
def throttle(time: TimeByHand) -> Throttle:
    return Throttle(time, per_address=Allowance(3, 30), per_installation=Allowance(10, 1))


def refused_after_s(throttle: Throttle, address: str) -> str:
    with pytest.raises(Refused) as refused:
        throttle.attempt(address)
    assert refused.value.refusal.id == "IDN-03"
    return refused.value.params["seconds"]


def test_an_address_has_a_few_attempts_and_then_one_from_time_to_time(throttle: Throttle, time: TimeByHand) -> None:
    for _ in range(3):
        throttle.attempt("ada")
    assert refused_after_s(throttle, "ada") == "30"
    time.pass_s(29)
    assert refused_after_s(throttle, "ada") == "1"
    time.pass_s(1)
    throttle.attempt("ada")
    assert refused_after_s(throttle, "ada") == "30"


def test_another_address_is_not_concerned(throttle: Throttle) -> None:
    for _ in range(3):
        throttle.attempt("ada")
    throttle.attempt("bob")


def test_success_forgives(throttle: Throttle) -> None:
    for _ in range(20):
        throttle.attempt("ada")
        throttle.succeeded("ada")


def test_the_installation_has_a_limit_whatever_the_addresses(throttle: Throttle, time: TimeByHand) -> None:
    for number in range(10):
        throttle.attempt(f"guess {number}")
    assert refused_after_s(throttle, "ada") == "1"
    time.pass_s(1)
    throttle.attempt("ada")


def test_a_refused_attempt_costs_nothing(throttle: Throttle, time: TimeByHand) -> None:
    for _ in range(3):
        throttle.attempt("ada")
    for _ in range(20):
        refused_after_s(throttle, "ada")
    time.pass_s(30)
    throttle.attempt("ada")


def test_a_clock_that_goes_back_gives_nothing(throttle: Throttle, time: TimeByHand) -> None:
    for _ in range(3):
        throttle.attempt("ada")
    time.pass_s(-1000)
    refused_after_s(throttle, "ada")
