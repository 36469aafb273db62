"""Exit codes of the failure reasons, by which a worker pod reports why it failed."""

import pytest

from augmentation_api import FailureReason
from augmentation_api.failure import PERMANENT_EXIT_CODES, is_permanent_exit_code

OF_THE_OPERATOR = {
    FailureReason.SPEC_INVALID,
    FailureReason.CLASS_NOT_FOUND,
    FailureReason.CLASS_INVALID,
    FailureReason.IMAGE_PULL_FAILED,
    FailureReason.WORKER_CRASHED,
    FailureReason.DEADLINE_EXCEEDED,
    FailureReason.PENDING_DEADLINE_EXCEEDED,
    FailureReason.QUEUE_REFUSED,
}
OF_WORKERS = sorted(set(FailureReason) - OF_THE_OPERATOR)
TRANSIENT = {
    FailureReason.INTERNAL_ERROR,
    FailureReason.HUB_UNAVAILABLE,
    FailureReason.STORAGE_EXHAUSTED,
    FailureReason.KUBERNETES_UNAVAILABLE,
    FailureReason.STORE_UNAVAILABLE,
}


def test_each_worker_reason_has_its_own_exit_code() -> None:
    codes = [reason.exit_code for reason in OF_WORKERS]
    assert len(set(codes)) == len(OF_WORKERS)


@pytest.mark.parametrize("reason", sorted(OF_THE_OPERATOR))
def test_operator_reasons_have_no_exit_code(reason: FailureReason) -> None:
    with pytest.raises(ValueError, match="no exit code"):
        _ = reason.exit_code
    assert reason.is_permanent


@pytest.mark.parametrize("reason", sorted(set(OF_WORKERS) - TRANSIENT))
def test_permanent_failures_exit_with_10_to_63(reason: FailureReason) -> None:
    assert 10 <= reason.exit_code <= 63
    assert reason.is_permanent


@pytest.mark.parametrize("reason", sorted(TRANSIENT))
def test_transient_failures_exit_with_another_code(reason: FailureReason) -> None:
    assert not 10 <= reason.exit_code <= 63
    assert not reason.is_permanent


@pytest.mark.parametrize("code", [0, 1, 2, 9, 64, 75, 126, 127, 128, 137, 139, 143, 255])
def test_exit_codes_of_shells_and_signals_are_not_permanent(code: int) -> None:
    assert not is_permanent_exit_code(code)


def test_pod_failure_policy_lists_every_permanent_code_in_order() -> None:
    expected = sorted(reason.exit_code for reason in OF_WORKERS if reason.is_permanent)
    assert list(PERMANENT_EXIT_CODES) == expected


def test_reasons_are_camel_case() -> None:
    assert all(reason.isalnum() and reason[0].isupper() for reason in FailureReason)


def test_reason_and_enum_name_are_the_same_words() -> None:
    assert all(reason.value.lower() == reason.name.replace("_", "").lower() for reason in FailureReason)
