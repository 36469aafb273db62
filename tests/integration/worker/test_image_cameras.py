"""LeRobot datasets with cameras that store images in rows: decoded, augmented and encoded in their format."""

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from augmentation_api import FailureReason, PhaseName
from augmentation_api.identifiers import backup_tag
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.commands import draw_preview
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.transforms.pipeline import sample_pipeline
from tests.integration.worker.conftest import Hub
from tests.integration.worker.datasets import episodes, file_hashes, rows
from tests.integration.worker.jobs import UID, LocalRun, spec_of
from tests.integration.worker.lerobot_recorder import HEIGHT, WIDTH, Kind, frames_of, record
from tests.integration.worker.test_folders import run_of

TOP, WRIST, DEPTH = "observation.images.top", "observation.images.wrist", "observation.depth"
LENGTHS = (6, 5, 4)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cameras = {TOP: Kind.PNG, WRIST: Kind.JPEG, DEPTH: Kind.DEPTH}
    return record(tmp_path_factory.mktemp("images") / "source", "v3.0", cameras, LENGTHS)


def run(tmp_path: Path, source: Path, name: str = "result", shards: int = 1, **augmentation: Any) -> Path:
    spec = {"augmentation": {"copies": 2, "seed": 7, "transforms": ["lighting", "noise"], **augmentation}}
    run_of(tmp_path / f"job-{name}", source, tmp_path / name, **spec).run_all(shards)
    return tmp_path / name


def decoded(cell: dict[str, Any]) -> np.ndarray[Any, Any]:
    with Image.open(BytesIO(cell["bytes"])) as image:
        return np.array(image)


def test_images_get_pixels_of_video_frames_and_keep_their_format(source: Path, tmp_path: Path) -> None:
    folder = run(tmp_path, source, episodes="1")
    result_rows, spec = rows(folder), recorded_in(folder).spec
    means = [np.ravel(episodes(source).column(f"stats/{camera}/mean")[1].as_py()) for camera in (TOP, WRIST)]
    of_top, of_scene = means[0].tolist(), np.mean(means, axis=0).tolist()
    frames = torch.from_numpy(frames_of(0, 1, 5)).permute(0, 3, 1, 2).contiguous()
    for copy in range(2):
        part = result_rows.slice(15 + 5 * copy, 5)
        pipeline = sample_pipeline(
            spec.augmentation, camera=TOP, episode=1, copy=copy, episode_mean=of_top, scene_mean=of_scene
        )
        expected = pipeline(frames, 0)
        actual = np.stack([decoded(cell) for cell in part.column(TOP).to_pylist()])
        assert np.array_equal(actual, expected.permute(0, 2, 3, 1).numpy())
        pixel_hash = PixelHash()
        pixel_hash.update(expected.contiguous().numpy())
        assert recorded_in(folder).hashes[(f"episode {3 + copy}", TOP)] == pixel_hash.hexdigest()
        stats = {name: episodes(folder).column(f"stats/{TOP}/{name}")[3 + copy].as_py() for name in ("mean", "min")}
        assert np.ravel(stats["mean"]) == pytest.approx(actual.mean(axis=(0, 1, 2)) / 255)
        assert np.ravel(stats["min"]) == pytest.approx(actual.min(axis=(0, 1, 2)) / 255)
        for cell, before in zip(
            part.column(WRIST).to_pylist(), rows(source).column(WRIST).to_pylist()[6:], strict=False
        ):
            with Image.open(BytesIO(cell["bytes"])) as now, Image.open(BytesIO(before["bytes"])) as was:
                assert (now.format, now.size) == ("JPEG", (WIDTH, HEIGHT))
                assert now.quantization == was.quantization  # type: ignore[attr-defined]
        assert part.column(DEPTH).to_pylist() == rows(source).column(DEPTH).to_pylist()[6:11]


@pytest.fixture
def small_files(source: Path, tmp_path: Path) -> Path:
    """The same in which each episode has a data file of its own."""
    shutil.copytree(source, tmp_path / "small-files")
    info = json.loads((source / "meta/info.json").read_text())
    (tmp_path / "small-files/meta/info.json").write_text(json.dumps({**info, "data_files_size_in_mb": 0.0001}))
    return tmp_path / "small-files"


def test_number_of_shards_does_not_change_bytes(source: Path, small_files: Path, tmp_path: Path) -> None:
    one, three = run(tmp_path, small_files, "one"), run(tmp_path, small_files, "three", shards=3)
    assert file_hashes(one) == file_hashes(three)
    packed = run(tmp_path, source, "packed")
    assert len(list((packed / "data").rglob("*.parquet"))) == 2 < len(list((one / "data").rglob("*.parquet")))
    assert rows(packed).equals(rows(one))


def test_interrupted_shard_resumes_with_same_bytes(small_files: Path, tmp_path: Path) -> None:
    source = small_files
    whole = run(tmp_path, source, "whole")
    spec = {"augmentation": {"copies": 2, "seed": 7, "transforms": ["lighting", "noise"]}}
    stopped = run_of(tmp_path / "job", source, tmp_path / "result", **spec)
    stopped.run(PhaseName.RESOLVE)
    stopped.run_shards(1)
    # State after a kill in the second episode, with a partially written file.
    path = stopped.folder / "manifests" / "shard-0.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps({key: records[key] for key in ("picture", "rows-0-000000-000000")}))
    (stopped.folder / "scratch" / "made" / "rows-0.parquet").write_bytes(b"half")
    stopped.run_shards(1)
    events = [event.status for event in stopped.job.status.phase(PhaseName.AUGMENT).events]
    assert "resumed" in events
    stopped.run(PhaseName.PUBLISH, shards=1)
    assert file_hashes(tmp_path / "result") == file_hashes(whole)


def test_in_place_mode_over_source_moves_files_in_one_commit(
    hub: Hub, submit: Callable[..., LocalRun], source: Path, tmp_path: Path
) -> None:
    before = hub.publish("lab/images", source)
    output = {"mode": "inPlace", "hub": {"repoID": "lab/images"}}
    submit(spec_of("lab/images", episodes="1", cameras=[TOP]) | {"output": output}).run_all(1)
    folder = hub.download("lab/images", tmp_path / "result")
    assert hub.head("lab/images", backup_tag(UID)) == before
    assert [path.name for path in sorted((folder / "data").rglob("*.parquet"))] == [
        f"file-00{number}.parquet" for number in range(3)
    ]
    after, original = rows(folder), rows(source)
    assert after.drop_columns([TOP]).equals(original.drop_columns([TOP]))
    changed = [index for index in range(15) if after.column(TOP)[index] != original.column(TOP)[index]]
    assert changed == list(range(6, 11))


def test_result_can_be_reproduced_and_previewed(source: Path, tmp_path: Path) -> None:
    folder = run(tmp_path, source, episodes="2")
    recorded = recorded_in(folder)
    wire: dict[str, Any] = recorded.spec.augmentation.to_wire()
    reproduced = run(tmp_path, source, "again", **wire)
    assert recorded_in(reproduced).hashes == recorded.hashes
    assert len(recorded.hashes) == 4
    with Image.open(BytesIO(draw_preview(recorded.spec, source))) as sheet:
        assert sheet.format == "PNG"
    assert (folder / "meta/augmentation.png").exists()


def with_cell(source: Path, folder: Path, row: int, cell: dict[str, Any]) -> Path:
    """The dataset with another image of the camera TOP in a row."""
    shutil.copytree(source, folder)
    path = folder / "data/chunk-000/file-000.parquet"
    table = pq.read_table(path)
    cells = table.column(TOP).to_pylist()
    cells[row] = {**cells[row], **cell}
    position = table.schema.get_field_index(TOP)
    field = table.schema.field(position)
    pq.write_table(table.set_column(position, field, pa.array(cells, type=field.type)), path)
    return folder


def encoded_image(width: int, height: int, mode: str = "RGB") -> bytes:
    content = BytesIO()
    Image.new(mode, (width, height)).save(content, "PNG")
    return content.getvalue()


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({"bytes": b"no image"}, "the image is not an image of a supported format"),
        ({"bytes": encoded_image(32, 32)}, f"the image has 32x32 pixels, the episode's first {WIDTH}x{HEIGHT}"),
        ({"bytes": encoded_image(WIDTH, HEIGHT, "I;16")}, "16 bits"),
        ({"bytes": None}, "the row holds no image, only the name frame_000002.png"),
    ],
)
def test_unusable_image_is_named(source: Path, tmp_path: Path, cell: dict[str, Any], words: str) -> None:
    damaged = with_cell(source, tmp_path / "damaged", 8, cell)
    job = run_of(tmp_path / "job", damaged, tmp_path / "result", augmentation={"copies": 1, "episodes": "1"})
    with pytest.raises(WorkerFailure) as caught:
        job.run_all()
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    for word in (f"episode 1: camera {TOP}, frame 2 in data/chunk-000/file-000.parquet", words):
        assert word in caught.value.message
    assert not (tmp_path / "result").exists()


def test_changed_stored_file_fails_integrity_check(source: Path, tmp_path: Path) -> None:
    job = run_of(tmp_path / "job", source, tmp_path / "result", augmentation={"copies": 1, "episodes": "0"})
    job.run(PhaseName.RESOLVE)
    job.run_shards(1)
    staged = next(tmp_path.glob(".result.augmenting-*")) / "data/chunk-000/file-001.parquet"
    content = bytearray(staged.read_bytes())
    content[200] ^= 1
    staged.write_bytes(content)
    with pytest.raises(WorkerFailure, match=r"file-001\.parquet came back with other content") as caught:
        job.run(PhaseName.PUBLISH, shards=1)
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED
    assert not (tmp_path / "result").exists()
