"""The benchmark of a GPU: its whole program on a CPU and tiny frames, and what it does where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from augmentation_api.transforms import TransformName
from augmentation_worker.media.video.gpu.episode import augmentation_of
from augmentation_worker.transforms.pipeline import EpisodeTransform
from benchmarks import gpu, gpu_installation, gpu_transforms
from benchmarks.gpu_contenders import CONTENDERS, Contender, measure
from benchmarks.gpu_timing import LoadMeter, parse_sample


def test_every_part_of_it_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main(["--device", "cpu"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "The device gave the CPU's pixels, bit for bit, for 17 transforms and stacks." in printed
    for title in ("Transforms, 64x48", "Whole episodes", "What the threads of these", "The same work by others, 64x48"):
        assert title in printed
    assert "lighting, noise, blur, occlusion, 64x48: " in printed
    assert "times as fast as torchvision.v2" in printed
    assert "Transforms are made by the CPU." in printed
    assert "Not measured: DALI: works on GPUs only" in printed


def test_what_fails_leaves_the_rest_and_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = augmentation_of

    def failing(sampled: list[EpisodeTransform], device: torch.device) -> object:
        if "gamma" in sampled[0].parameters:
            raise RuntimeError("ptxas does not compile it")
        return right(sampled, device)

    def no_encoder(*_: object, **__: object) -> None:
        raise OSError("no such encoder")

    monkeypatch.setattr(gpu, "augmentation_of", failing)
    monkeypatch.setattr(gpu, "encode_copies", no_encoder)
    monkeypatch.setattr(gpu, "CONTENDERS", {})
    names = ["lighting", "gamma"]
    monkeypatch.setattr(gpu, "TASKS", {name: [TransformName(name)] for name in names})
    monkeypatch.setattr(gpu, "pixel_differences", lambda _: [])
    assert gpu.main(["--device", "cpu"]) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "Failed: gamma, 64x48: RuntimeError: ptxas does not compile it" in printed
    assert "Failed: h264, CPU: OSError: no such encoder" in printed
    assert "The same work by others, 64x48" in printed


def test_pixels_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = augmentation_of

    def off_by_one(sampled: list[EpisodeTransform], device: torch.device) -> object:
        augment = right(sampled, device)
        return lambda frames, first: [made ^ 1 if at == 1 else made for at, made in enumerate(augment(frames, first))]

    monkeypatch.setattr(gpu_transforms, "augmentation_of", off_by_one)
    monkeypatch.setattr(gpu_transforms, "TASKS", {"gamma": [TransformName.GAMMA]})
    assert gpu_transforms.pixel_differences(torch.device("cpu")) == [
        "gamma, 64x48, copies [1]",
        "gamma, 67x45, copies [1]",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: what happens without one is not seen")
def test_without_a_gpu_it_says_what_is_missing_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert gpu.main([]) == 0
    assert "There is no GPU" in capsys.readouterr().out


def test_a_library_that_fails_is_left_out_with_the_reason() -> None:
    def broken(frames: torch.Tensor) -> dict[str, object]:
        raise OSError("libcuda.so.1: cannot open shared object file")

    frames = torch.zeros((1, 3, 8, 8), dtype=torch.uint8)
    contender = Contender("broken", (), "torch", broken, needs_cuda=False)  # type: ignore[arg-type]
    assert measure(contender, frames, 0).missing == "OSError: libcuda.so.1: cannot open shared object file"
    half = Contender("half", (), "torch", lambda _: {"works": list, "fails": lambda: 1 / 0}, needs_cuda=False)
    answer = measure(half, frames, 0)
    assert list(answer.seconds) == ["works"]
    assert "ZeroDivisionError" in answer.failed["fails"]


def test_a_library_that_cannot_be_installed_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHEELS", str(tmp_path))
    monkeypatch.setattr(gpu_installation, "INSTALLED", tmp_path / "installed")
    missing = gpu_installation.install([CONTENDERS["kornia"], CONTENDERS["torchvision.v2"]])
    assert list(missing) == ["kornia"]
    assert "cannot be installed" in missing["kornia"]


def test_power_that_a_gpu_does_not_tell_is_none() -> None:
    assert parse_sample(" 71.27, 93, [N/A], 0\n") == [71.27, 93.0, None, 0.0]
    with LoadMeter(torch.device("cpu")) as meter:
        pass
    assert meter.load.watts is None


def test_load_is_the_mean_of_what_nvidia_smi_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script in the place of nvidia-smi prints two samples, and then waits to be stopped."""
    program = tmp_path / "nvidia-smi"
    samples = r"60.0, 50, [N/A], 0\n70.0, 100, [N/A], 0"
    program.write_text(f"#!{sys.executable}\nimport time\nprint('{samples}', flush=True)\ntime.sleep(60)\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with LoadMeter(torch.device("cuda", 0)) as meter:
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.5)"], check=True)
    assert (meter.load.watts, meter.load.gpu, meter.load.encoder, meter.load.decoder) == (65.0, 75.0, None, 0.0)
