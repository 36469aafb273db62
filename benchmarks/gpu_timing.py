"""Time, memory bandwidth and power of a GPU. On a CPU the same calls work, so that the benchmark is tested there."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

ROUNDS = 3
"""The best of so many counts."""

QUERY = "power.draw,utilization.gpu,utilization.encoder,utilization.decoder"


def seconds_per_call(call: Callable[[], object], device: torch.device, budget_s: float) -> float:
    """Seconds that a call takes when many follow each other, without a wait for the GPU between them.

    Args:
        call: what to time.
        device: where it works.
        budget_s: about how many seconds to spend; a warm-up and one call are made in any case.
    """
    call()
    _synchronize(device)
    begin = time.perf_counter()
    call()
    _synchronize(device)
    once = time.perf_counter() - begin
    calls = max(1, int(budget_s / ROUNDS / max(once, 1e-6)))
    best = once
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(calls):
            call()
        _synchronize(device)
        best = min(best, (time.perf_counter() - begin) / calls)
    return best


def copy_bandwidth(device: torch.device, size: int, budget_s: float) -> float:
    """Bytes per second, read and written, of a copy within the device's memory: what a transform cannot exceed.

    Args:
        device: the GPU.
        size: bytes to copy; more than fit in the cache.
        budget_s: about how many seconds to spend.
    """
    source = torch.zeros(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * size / seconds_per_call(lambda: target.copy_(source), device, budget_s)


def _synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Load:
    """How busy a GPU was, on average.

    Attributes:
        watts: power that it took; None where nvidia-smi does not say, like the others.
        gpu, encoder, decoder: per cent of the time in which they were at work.
    """

    watts: float | None = None
    gpu: float | None = None
    encoder: float | None = None
    decoder: float | None = None


class LoadMeter:
    """Reads nvidia-smi while a block runs.

    Attributes:
        load: of the block, after it.
    """

    def __init__(self, device: torch.device) -> None:
        self.load = Load()
        self._samples: list[list[float | None]] = []
        self._process: subprocess.Popen[str] | None = None
        if device.type == "cuda":
            command = ["nvidia-smi", f"--query-gpu={QUERY}", "--format=csv,noheader,nounits", "-lms", "100"]
            command += [f"--id={device.index or 0}"]
            try:
                self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            except OSError:
                return
            self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> "LoadMeter":
        if self._process is not None:
            self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait()
        self._reader.join(timeout=5)
        columns = zip(*self._samples, strict=True)
        means = [sum(known) / len(known) if (known := [v for v in each if v is not None]) else None for each in columns]
        if means:
            self.load = Load(*means)

    def _read(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self._samples.append(parse_sample(line))


def parse_sample(line: str) -> list[float | None]:
    """The numbers of a line of nvidia-smi's CSV; None for one that the GPU does not have: "[N/A]"."""
    return [float(value) if value.strip().replace(".", "", 1).isdigit() else None for value in line.split(",")]
