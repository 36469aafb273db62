"""The program as a pod starts it."""

from pathlib import Path

import pytest

from augmentation_api import FailureReason
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker.__main__ import main


def test_a_pod_that_fails_leaves_its_reason_and_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGMENTATION_TERMINATION_MESSAGE_PATH", str(tmp_path / "message"))
    monkeypatch.delenv("AUGMENTATION_JOB_NAME", raising=False)
    monkeypatch.setenv("AUGMENTATION_JOB_NAMESPACE", "lab")
    assert main(["resolve"]) == FailureReason.INTERNAL_ERROR.exit_code
    message = TerminationMessage.model_validate_json((tmp_path / "message").read_text())
    assert message.reason is FailureReason.INTERNAL_ERROR
    assert "AUGMENTATION_JOB_NAME" in message.message
