"""Damaged LeRobot datasets: the job reports what is wrong and where, and publishes nothing."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import av
import pyarrow.parquet as pq
import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from tests.integration.worker.conftest import FIXTURES
from tests.integration.worker.datasets import CAMERA
from tests.integration.worker.jobs import LocalRun, local_run, spec_of

DATA, EPISODES = "data/chunk-000/file-000.parquet", "meta/episodes/chunk-000/file-000.parquet"
VIDEO = f"videos/{CAMERA}/chunk-000/file-000.mp4"


def no_episodes(source: Path) -> None:
    pq.write_table(pq.read_table(source / EPISODES).slice(0, 0), source / EPISODES)
    _change_info(source, total_episodes=0, total_frames=0)


def one_frame_more_than_the_video_has(source: Path) -> None:
    _rewrite_video(source / VIDEO, frames=341)


def fewer_rows_than_frames(source: Path) -> None:
    table = pq.read_table(source / DATA)
    pq.write_table(table.slice(0, table.num_rows - 1), source / DATA)


def a_video_of_two_sizes(source: Path) -> None:
    """The file declares 224x224; from frame 330 on its images are smaller."""
    _rewrite_video(source / VIDEO, frames=342, smaller_from=330)


def a_data_file_that_is_none(source: Path) -> None:
    (source / DATA).write_bytes(b"PAR1 and no more")


def no_data_file(source: Path) -> None:
    (source / DATA).unlink()


def a_video_that_is_overwritten(source: Path) -> None:
    content = bytearray((source / VIDEO).read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    (source / VIDEO).write_bytes(bytes(content))


def _change_info(source: Path, **fields: object) -> None:
    document = json.loads((source / "meta/info.json").read_text())
    (source / "meta/info.json").write_text(json.dumps(document | fields))


def _rewrite_video(path: Path, frames: int, smaller_from: int | None = None) -> None:
    """H.264, in which a stream can change its size between key frames."""
    before = path.with_name("before.mp4")
    path.rename(before)
    with av.open(before) as source, av.open(path, "w") as target:
        stream = target.add_stream("libx264", rate=10, options={"g": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 224, 224, "yuv420p"
        small = None
        for number, frame in enumerate(source.decode(video=0)):
            if number == frames:
                break
            frame.pict_type = 0
            if smaller_from is None or number < smaller_from:
                packets = stream.encode(frame)
            else:
                if small is None:
                    target.mux(stream.encode(None))
                    small = av.CodecContext.create("libx264", "w")
                    small.width, small.height, small.pix_fmt = 112, 112, "yuv420p"
                    small.time_base, small.options = stream.codec_context.time_base, {"g": "1", "bf": "0"}
                packets = small.encode(frame.reformat(112, 112))
            for packet in packets:
                packet.stream = stream
                target.mux(packet)
        for packet in (small or stream).encode(None):
            packet.stream = stream
            target.mux(packet)
    before.unlink()


def run_of(source: Path, tmp_path: Path) -> LocalRun:
    run = local_run(tmp_path / "job", "http://127.0.0.1:9", None, spec_of("unused/unused", episodes="5", copies=1))
    return run.with_settings(source_folder=source, output_folder=tmp_path / "result")


@pytest.mark.parametrize(
    ("damage", "phase", "words"),
    [
        (no_episodes, PhaseName.RESOLVE, ["no episodes"]),
        (no_data_file, PhaseName.RESOLVE, [DATA]),
        (fewer_rows_than_frames, PhaseName.RESOLVE, [DATA, "341", "342"]),
        (a_data_file_that_is_none, PhaseName.RESOLVE, [DATA]),
        (one_frame_more_than_the_video_has, PhaseName.RESOLVE, ["episode 5", CAMERA, VIDEO, "frame 341"]),
        (a_video_of_two_sizes, PhaseName.PUBLISH, ["episode 5", CAMERA, "112x112", "224x224"]),
        (a_video_that_is_overwritten, PhaseName.PUBLISH, ["episode 5", CAMERA, VIDEO]),
    ],
)
def test_damaged_dataset_is_reported(
    damage: Callable[[Path], None], phase: PhaseName, words: list[str], tmp_path: Path
) -> None:
    source = Path(shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "source"))
    damage(source)
    run = run_of(source, tmp_path)
    with pytest.raises(WorkerFailure) as caught:
        run.run_all()
    failure = caught.value
    assert failure.reason is FailureReason.SOURCE_INVALID
    assert all(word in failure.message for word in words), failure.message
    assert [event.status for event in run.job.status.phase(phase).events][-1] == "failed"
    assert not (tmp_path / "result").exists()
