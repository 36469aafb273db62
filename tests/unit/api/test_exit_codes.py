"""The table of exit codes by which a worker pod tells the operator why it gave up."""

import pytest

from augmentation_api import FailureReason
from augmentation_api.failure import PERMANENT_EXIT_CODES, is_permanent_exit_code

FOUND_BY_THE_OPERATOR = {
    FailureReason.SPEC_INVALID,
    FailureReason.CLASS_NOT_FOUND,
    FailureReason.IMAGE_PULL_FAILED,
    FailureReason.WORKER_CRASHED,
    FailureReason.DEADLINE_EXCEEDED,
    FailureReason.QUEUE_REFUSED,
}
FOUND_BY_A_WORKER = sorted(set(FailureReason) - FOUND_BY_THE_OPERATOR)
MAY_PASS = {
    FailureReason.INTERNAL_ERROR,
    FailureReason.HUB_UNAVAILABLE,
    FailureReason.STORAGE_EXHAUSTED,
    FailureReason.KUBERNETES_UNAVAILABLE,
}


def test_every_reason_of_a_worker_has_an_exit_code_of_its_own() -> None:
    codes = [reason.exit_code for reason in FOUND_BY_A_WORKER]
    assert len(set(codes)) == len(FOUND_BY_A_WORKER)


@pytest.mark.parametrize("reason", sorted(FOUND_BY_THE_OPERATOR))
def test_no_worker_can_exit_for_a_reason_of_the_operators(reason: FailureReason) -> None:
    with pytest.raises(KeyError):
        _ = reason.exit_code
    assert reason.is_permanent


@pytest.mark.parametrize("reason", sorted(set(FOUND_BY_A_WORKER) - MAY_PASS))
def test_what_the_same_input_would_meet_again_exits_with_10_to_63(reason: FailureReason) -> None:
    assert 10 <= reason.exit_code <= 63
    assert reason.is_permanent


@pytest.mark.parametrize("reason", sorted(MAY_PASS))
def test_what_may_pass_exits_otherwise(reason: FailureReason) -> None:
    assert not 10 <= reason.exit_code <= 63
    assert not reason.is_permanent


@pytest.mark.parametrize("code", [0, 1, 2, 9, 64, 75, 126, 127, 128, 137, 139, 143, 255])
def test_codes_that_shells_and_signals_make_are_not_permanent(code: int) -> None:
    assert not is_permanent_exit_code(code)


def test_the_list_for_kubernetes_is_every_permanent_code_in_order() -> None:
    expected = sorted(reason.exit_code for reason in FOUND_BY_A_WORKER if reason.is_permanent)
    assert list(PERMANENT_EXIT_CODES) == expected


def test_reasons_are_camel_case_as_conditions_want_them() -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in FailureReason)


def test_a_reason_and_its_name_are_the_same_words() -> None:
    assert all(reason.value.lower() == reason.name.replace("_", "").lower() for reason in FailureReason)
