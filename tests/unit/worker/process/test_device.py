"""What augments: a GPU that is asked for and not there is refused in words, before anything is decoded."""

import re
import sys
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


@pytest.mark.parametrize(
    ("wanted", "has_torch", "expected"),
    [("auto", False, "cudaImage.*augmentation-worker-cuda"), ("auto", True, "nvidia-smi"), ("cpu", False, None)],
)
def test_a_gpu_that_is_paid_for_and_not_used_is_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: Device, has_torch: bool, expected: str | None
) -> None:
    driver = tmp_path / "nvidiactl"
    driver.touch()
    monkeypatch.setattr("augmentation_worker.work.NVIDIA_DRIVER", driver)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if not has_torch:
        monkeypatch.setitem(sys.modules, "torch", None)
    tried = work(tmp_path, wanted)
    assert tried.device == "cpu"
    said = [call.args for call in tried.events.event.call_args_list]  # type: ignore[attr-defined]
    if expected is None:
        assert said == []
    else:
        assert [status for status, _ in said] == ["gpu"]
        assert re.search(f"although there is a GPU here.*{expected}", said[0][1])


def test_gpu_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WorkerFailure, match=r"--device.*AUGMENTATION_DEVICE.*nvidia-smi.*auto or cpu") as caught:
        _ = work(tmp_path, "cuda").device
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED
