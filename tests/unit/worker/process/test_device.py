"""What augments: a GPU that is asked for and not there is refused in words, before anything is decoded."""

from pathlib import Path
from unittest.mock import Mock

import pytest
import torch

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Device
from augmentation_worker.work import Work


def work(tmp_path: Path, device: Device) -> Work:
    return Work("uid", Mock(), Mock(), Mock(), tmp_path, Mock(), device)


@pytest.mark.parametrize(
    ("wanted", "has_gpu", "expected"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Device, has_gpu: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert work(tmp_path, wanted).device == expected


def test_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WorkerFailure, match=r"--device.*AUGMENTATION_DEVICE.*nvidia-smi.*auto or cpu") as caught:
        _ = work(tmp_path, "cuda").device
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED
