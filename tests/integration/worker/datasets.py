"""Variants of the sample dataset, and checks of a result."""

import hashlib
import json
import shutil
from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CAMERA, WRIST, DEPTH = "observation.image", "observation.wrist", "observation.depth"
INDEX_COLUMNS = ["episode_index", "index"]
AUGMENTATION_COLUMNS = [
    pa.field("augmentation/source_episode_index", pa.int64()),
    pa.field("augmentation/copy", pa.int64()),
    pa.field("augmentation/is_augmented", pa.bool_()),
]
"""Of the episodes of a result."""


def with_three_cameras(sample: Path, folder: Path) -> Path:
    """The sample with a second color camera and a depth camera with the same images."""
    shutil.copytree(sample, folder)
    info_path, episodes_path = folder / "meta/info.json", folder / "meta/episodes/chunk-000/file-000.parquet"
    stats_path = folder / "meta/stats.json"
    info, stats = json.loads(info_path.read_text()), json.loads(stats_path.read_text())
    table = pq.read_table(episodes_path)
    for camera in (WRIST, DEPTH):
        shutil.copytree(folder / "videos" / CAMERA, folder / "videos" / camera)
        feature = json.loads(json.dumps(info["features"][CAMERA]))
        feature["info"]["is_depth_map"] = camera == DEPTH
        info["features"][camera] = feature
        stats[camera] = stats[CAMERA]
        for name in [name for name in table.column_names if f"/{CAMERA}/" in name]:
            table = table.append_column(name.replace(CAMERA, camera), table.column(name))
    info_path.write_text(json.dumps(info))
    stats_path.write_text(json.dumps(stats))
    pq.write_table(table, episodes_path)
    return folder


def rows(folder: Path) -> pa.Table:
    """All rows, in LeRobot's order."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("data/*/*.parquet"))])


def episodes(folder: Path) -> pa.Table:
    """All of meta/episodes, in LeRobot's order."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("meta/episodes/*/*.parquet"))])


def info(folder: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / "meta/info.json").read_text())
    return document


def file_hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".cache" not in path.parts
    }


def frame_times(video: Path) -> list[float]:
    """Timestamps of all decoded frames of a video, in seconds."""
    with av.open(str(video)) as container:
        return [float((frame.pts or 0) * (frame.time_base or 1)) for frame in container.decode(video=0)]


def check_result(folder: Path, source: Path, copies: int) -> None:
    """Check a result of mode `copy` against all episodes of the source."""
    original, result = episodes(source), episodes(folder)
    count, frames = original.num_rows, rows(source).num_rows
    assert result.schema == pa.schema([*original.schema, *AUGMENTATION_COLUMNS])
    assert result.num_rows == count * (copies + 1)
    assert result.column("episode_index").to_pylist() == list(range(count * (copies + 1)))
    made = [(index, copy, True) for index in range(count) for copy in range(copies)]
    columns = [result.column(field.name).to_pylist() for field in AUGMENTATION_COLUMNS]
    assert list(zip(*columns, strict=True)) == [*((index, -1, False) for index in range(count)), *made]
    _check_rows(folder, source, original, copies, count, frames)
    check_times(folder, result)


def _check_rows(folder: Path, source: Path, original: pa.Table, copies: int, count: int, frames: int) -> None:
    table, before = rows(folder), rows(source)
    assert table.schema.equals(before.schema, check_metadata=True)
    assert table.column("index").to_pylist() == list(range(frames * (copies + 1)))
    assert table.slice(0, frames).equals(before)
    position = frames
    for row in original.to_pylist():
        part = before.slice(row["dataset_from_index"], row["length"]).drop_columns(INDEX_COLUMNS)
        for copy in range(copies):
            episode = table.slice(position, row["length"])
            assert episode.drop_columns(INDEX_COLUMNS).equals(part)
            assert set(episode.column("episode_index").to_pylist()) == {count + row["episode_index"] * copies + copy}
            position += row["length"]
    assert position == table.num_rows


def check_times(folder: Path, result: pa.Table) -> None:
    """Check that every frame of every episode is in its file at its timestamp."""
    document = info(folder)
    times_by_file: dict[Path, list[float]] = {}
    for name, feature in document["features"].items():  # type: ignore[attr-defined]
        if feature["dtype"] != "video":
            continue
        for row in result.to_pylist():
            numbers = {key: row[f"videos/{name}/{key}"] for key in ("chunk_index", "file_index")}
            path = folder / str(document["video_path"]).format(video_key=name, **numbers)
            times = times_by_file.setdefault(path, frame_times(path))
            expected = row[f"videos/{name}/from_timestamp"] + np.arange(row["length"]) / document["fps"]
            nearest = np.array(times)[np.searchsorted(times, expected - 1e-4)]
            assert np.abs(nearest - expected).max() < 1e-4, (path, row["episode_index"])
