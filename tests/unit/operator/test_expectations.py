"""Child Jobs that were created and are not delivered by a watch yet."""

from datetime import UTC, datetime, timedelta

from augmentation_operator.controller.expectations import DELIVERED_WITHIN, Expectations


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_created_child_is_awaited_until_it_is_delivered() -> None:
    expectations = Expectations(Clock())
    expectations.expect("a", ["resolve"])
    assert expectations.wait("a", []) == DELIVERED_WITHIN
    assert expectations.wait("a", ["something else"]) == DELIVERED_WITHIN
    assert expectations.wait("a", ["something else", "resolve"]) is None
    assert expectations.wait("a", []) is None, "it was delivered once: now it is deleted"


def test_undelivered_child_is_awaited_for_a_limited_time() -> None:
    clock = Clock()
    expectations = Expectations(clock)
    expectations.expect("a", ["resolve"])
    clock.now += timedelta(seconds=3)
    assert expectations.wait("a", []) == DELIVERED_WITHIN - timedelta(seconds=3)
    clock.now += DELIVERED_WITHIN
    assert expectations.wait("a", []) is None


def test_nothing_is_expected_of_other_jobs_or_deleted_ones() -> None:
    expectations = Expectations(Clock())
    expectations.expect("a", [])
    assert expectations.wait("a", []) is None
    expectations.expect("b", ["resolve"])
    assert expectations.wait("c", []) is None
    expectations.forget("b")
    expectations.forget("unknown")
    assert expectations.wait("b", []) is None
