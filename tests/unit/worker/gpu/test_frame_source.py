"""Batches of frames on a device: memory is written again only when nothing reads it any more.

On a CPU every call is done when it returns, and so no test sees a pixel that was overwritten too early. What is checked
here is that the waiting is asked for, of a queue that keeps a record.
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import torch

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.gpu import frame_source
from augmentation_worker.media.video.gpu.frame_source import FrameSource
from augmentation_worker.media.video.gpu.work_queue import Mark
from augmentation_worker.media.video.properties import probe_video
from augmentation_worker.media.video.segment import VideoSegment

CPU, BATCH, FRAMES = torch.device("cpu"), 2, 9


class RecordedMark:
    def __init__(self, name: str, record: list[str]) -> None:
        self.name = name
        self._record = record

    def wait(self) -> None:
        self._record.append(f"wait for {self.name}")


class RecordingQueue:
    def __init__(self) -> None:
        self.record: list[str] = []
        self._marks = 0

    def use(self) -> AbstractContextManager[None]:
        self.record.append("write")
        return nullcontext()

    def mark(self) -> Mark:
        self._marks += 1
        return RecordedMark(f"mark {self._marks}", self.record)

    def follow(self, mark: Mark) -> None:
        assert isinstance(mark, RecordedMark)
        self.record.append(f"follow {mark.name}")


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> RecordingQueue:
    queue = RecordingQueue()
    monkeypatch.setattr(frame_source, "new_queue", lambda device: queue)
    return queue


def test_memory_is_written_again_when_it_was_read(tmp_path: Path, queue: RecordingQueue) -> None:
    path = tmp_path / "video.mp4"
    frames = torch.arange(FRAMES, dtype=torch.uint8)[:, None, None, None].mul(20).expand(FRAMES, 3, 16, 16)
    with VideoEncoder(path, VideoEncoding.default(VideoCodec.H264), fps=10, width=16, height=16) as encoder:
        encoder.write(frames.contiguous().numpy())
    segment = VideoSegment(path, 0, FRAMES, 10)
    source = FrameSource(segment, probe_video(path), CPU, BATCH, None)
    places = []
    for number, batch in enumerate(source):
        places.append((batch.first_frame, len(batch.frames), batch.frames.data_ptr()))
        source.release(batch, RecordedMark(f"read {number}", queue.record))
    assert [place[:2] for place in places] == [(0, 2), (2, 2), (4, 2), (6, 2), (8, 1)]
    assert len({address for _, _, address in places}) == 2
    # On the host, a piece is filled again after its copy (marks of the copies are odd, those of the batches even); on
    # the device, a batch is written again after those who read it.
    assert queue.record == [
        *("write", "write"),
        *("wait for mark 1", "follow read 0", "write"),
        *("wait for mark 3", "follow read 1", "write"),
        *("wait for mark 5", "follow read 2", "write"),
    ]
