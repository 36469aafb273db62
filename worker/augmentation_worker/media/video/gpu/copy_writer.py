"""One copy of an episode on its way from a GPU to its file: downloaded before it is hashed, measured and encoded."""

from collections import deque
from dataclasses import dataclass
from pathlib import Path

import torch
from typing_extensions import override

from augmentation_worker.media.stage_clock import Stage, StageClock
from augmentation_worker.media.video.copy_writer import BATCHES_AHEAD, CopyWriter
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.gpu.buffer_ring import BufferRing, Loan
from augmentation_worker.media.video.gpu.encoder_input import EncoderInput, OutputBuffers
from augmentation_worker.media.video.gpu.work_queue import Mark, WorkQueue

ENCODER_TIMEOUT_S = 600.0
"""Longest wait for an encoder, seconds: one that is stuck fails its episode, and does not stop the pod for good."""


@dataclass(frozen=True)
class _Batch:
    """A batch on its way.

    Attributes:
        frames: augmented, on the GPU: kept until they are downloaded.
        first_frame: index in the episode of the first of them.
        loan: the buffers that they are converted and downloaded to.
        done: where in the queue of downloads those are complete.
    """

    frames: torch.Tensor
    first_frame: int
    loan: Loan[OutputBuffers]
    done: Mark


class GpuCopyWriter(CopyWriter):
    """Takes a copy's augmented frames from a GPU.

    Args:
        path: of the file.
        encoder: writes it.
        way: how the frames reach the encoder.
        frames: length of the episode.
        batch_size: most frames per batch.
        stages: takes the seconds of each stage.
    """

    def __init__(
        self, path: Path, encoder: VideoEncoder, way: EncoderInput, frames: int, batch_size: int, stages: StageClock
    ) -> None:
        super().__init__(path, encoder, frames, stages)
        self._way = way
        # What the encoder goes on reading comes back later: of so many batches, one of them in part.
        kept = 1 + -(-way.frames_kept // batch_size) if way.frames_kept else 0
        self._ring = BufferRing(1 + BATCHES_AHEAD + kept, way.new_buffers)
        self._in_encoder: deque[tuple[int, Loan[OutputBuffers]]] = deque()

    def submit(self, frames: torch.Tensor, first_frame: int, kernels: WorkQueue, downloads: WorkQueue) -> int:
        """Queue conversion and download of a batch, and hand it to the thread that encodes.

        Args:
            frames: augmented, uint8 [N, 3, H, W] on the GPU.
            first_frame: index in the episode of the first of them.
            kernels: the queue that makes them.
            downloads: the queue of copies to the host.

        Returns:
            How many frames were finished since the last call, after waiting if encoding is too far behind.

        Raises:
            RingExhausted: if the encoder is stuck.
        """
        finished = 0
        while self._pending and (self._pending[0].done() or len(self._pending) >= BATCHES_AHEAD):
            with self._stages.measure(Stage.BUFFER):
                finished += self._pending.popleft().result()
        with self._stages.measure(Stage.BUFFER):
            loan = self._ring.lend(ENCODER_TIMEOUT_S)
        try:
            with kernels.use():
                self._way.convert(frames, loan.buffer)
            downloads.follow(kernels.mark())
            with downloads.use():
                loan.buffer.rgb[: len(frames)].copy_(frames, non_blocking=True)
                self._way.download(loan.buffer, len(frames))
            batch = _Batch(frames, first_frame, loan, downloads.mark())
        except BaseException:
            loan.give_back()
            raise
        self._pending.append(self._thread.submit(self._write, batch))
        return finished

    @override
    def finish(self) -> int:
        finished = super().finish()
        # After the encoder: NVENC has registered the surfaces.
        del self._ring
        return finished

    def _write(self, batch: _Batch) -> int:
        """Hash, measure and encode a batch, whose buffers are free again when nothing reads them."""
        buffers, count = batch.loan.buffer, len(batch.frames)
        self._in_encoder.append((batch.first_frame + count, batch.loan))
        try:
            with self._stages.measure(Stage.GPU):
                batch.done.wait()
            with self._stages.measure(Stage.HASH):
                pixels = buffers.rgb[:count].numpy()
                self._hash.update(pixels)
                self._statistics.add(pixels, batch.first_frame)
            with self._stages.measure(Stage.ENCODE):
                self._way.encode(self._encoder, buffers, count)
        except BaseException:
            self._return_buffers(self._frames)
            raise
        self._return_buffers(self._encoder.packets if self._way.frames_kept else self._frames)
        return count

    @override
    def _close(self) -> int:
        finished = super()._close()
        self._return_buffers(self._frames)
        return finished

    def _return_buffers(self, frames: int) -> None:
        """Return the buffers of the batches that end before a frame."""
        while self._in_encoder and self._in_encoder[0][0] <= frames:
            self._in_encoder.popleft()[1].give_back()
