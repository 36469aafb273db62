"""What was made and not yet shown by a watch."""

from datetime import UTC, datetime, timedelta

from augmentation_operator.controller.expectations import DELIVERED_WITHIN, Expectations


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_what_was_made_is_waited_for_until_it_is_shown() -> None:
    expectations = Expectations(Clock())
    expectations.expect("a", ["resolve"])
    assert expectations.wait("a", []) == DELIVERED_WITHIN
    assert expectations.wait("a", ["something else"]) == DELIVERED_WITHIN
    assert expectations.wait("a", ["something else", "resolve"]) is None
    assert expectations.wait("a", []) is None, "it was shown once: now it is gone"


def test_what_is_never_shown_is_waited_for_no_longer_than_that() -> None:
    clock = Clock()
    expectations = Expectations(clock)
    expectations.expect("a", ["resolve"])
    clock.now += timedelta(seconds=3)
    assert expectations.wait("a", []) == DELIVERED_WITHIN - timedelta(seconds=3)
    clock.now += DELIVERED_WITHIN
    assert expectations.wait("a", []) is None


def test_nothing_is_expected_of_others_of_what_made_nothing_or_of_what_is_gone() -> None:
    expectations = Expectations(Clock())
    expectations.expect("a", [])
    assert expectations.wait("a", []) is None
    expectations.expect("b", ["resolve"])
    assert expectations.wait("c", []) is None
    expectations.forget("b")
    expectations.forget("never seen")
    assert expectations.wait("b", []) is None
