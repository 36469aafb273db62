"""Work that a device does in its order, while the processor goes on: CUDA streams, and on a CPU no queue at all."""

from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Protocol

import torch


class Mark(Protocol):
    """A place in a queue: reached when all work before it is done."""

    def wait(self) -> None:
        """Wait, in this thread, until it is reached."""


class WorkQueue(Protocol):
    """Work of one device, done in the order in which it was queued; that of several queues at the same time."""

    def use(self) -> AbstractContextManager[Any]:
        """Queue here what torch and Triton start in this thread and block."""

    def mark(self) -> Mark:
        """The place behind all work that was queued until now."""

    def follow(self, mark: Mark) -> None:
        """Do what is queued from now on after a mark of any queue of the device; this thread does not wait."""


class _Reached:
    """The mark of work that is done when it was called."""

    def wait(self) -> None:
        """Return."""


class _NoQueue:
    """A CPU: each call returns when it is done."""

    def use(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def mark(self) -> Mark:
        return _Reached()

    def follow(self, mark: Mark) -> None:
        """Nothing is left to wait for."""


class _CudaMark:
    def __init__(self, stream: "torch.cuda.Stream") -> None:
        # Blocking: a thread that waits leaves its core to the encoders, instead of polling the GPU.
        self.event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        self.event.record(stream)

    def wait(self) -> None:
        self.event.synchronize()


class _CudaQueue:
    def __init__(self, stream: "torch.cuda.Stream") -> None:
        self._stream = stream

    def use(self) -> AbstractContextManager[Any]:
        return torch.cuda.stream(self._stream)

    def mark(self) -> Mark:
        return _CudaMark(self._stream)

    def follow(self, mark: Mark) -> None:
        if isinstance(mark, _CudaMark):
            self._stream.wait_event(mark.event)


def new_queue(device: torch.device) -> WorkQueue:
    """A queue of its own: a CUDA stream that waits for no other."""
    if device.type != "cuda":
        return _NoQueue()
    return _CudaQueue(torch.cuda.Stream(device))  # type: ignore[no-untyped-call]


def default_queue(device: torch.device) -> WorkQueue:
    """The queue in which FFmpeg works: CUDA's legacy default stream, unless it is given another."""
    return _CudaQueue(torch.cuda.default_stream(device)) if device.type == "cuda" else _NoQueue()


def finish_all(device: torch.device) -> None:
    """Wait for all queues of a device: memory that is freed before could be lent again while a kernel writes to it."""
    if device.type == "cuda":
        with suppress(RuntimeError):  # a device that has failed says so again to whoever uses it next
            torch.cuda.synchronize(device)


def host_buffer(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """uint8 memory of the processor for copies to and from a device: page-locked, so that they need no thread."""
    return torch.empty(shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
