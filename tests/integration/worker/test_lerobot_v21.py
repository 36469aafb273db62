"""LeRobot v2.1, with separate files per episode: a result is in the format of its source."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_api.identifiers import backup_tag
from augmentation_worker.failure import WorkerFailure
from tests.fixtures.field.bad_items import damage_images
from tests.integration.worker.conftest import FIXTURES, Hub
from tests.integration.worker.datasets import (
    AUGMENTATION_COLUMNS,
    CAMERA,
    DEPTH,
    INDEX_COLUMNS,
    WRIST,
    file_hashes,
    frame_times,
    info,
    rows,
)
from tests.integration.worker.jobs import UID, LocalRun, spec_of
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot

SOURCE = FIXTURES / "pusht_v21"
LENGTHS = [68, 58, 50, 62]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def variant(folder: Path, *, chunks_size: int = 1000, cameras: tuple[str, ...] = ()) -> Path:
    """The sample with fewer episodes per chunk, and more cameras with the same images."""
    shutil.copytree(SOURCE, folder)
    document, statistics = info(folder), lines(folder / "meta/episodes_stats.jsonl")
    features: dict[str, Any] = document["features"]  # type: ignore[assignment]
    document |= {"chunks_size": chunks_size, "total_chunks": -(-len(LENGTHS) // chunks_size)}
    document["total_videos"] = len(LENGTHS) * (1 + len(cameras))
    for camera in cameras:
        features[camera] = json.loads(json.dumps(features[CAMERA]))
        features[camera]["info"]["is_depth_map"] = camera == DEPTH
        for line in statistics:
            line["stats"][camera] = line["stats"][CAMERA]
    for path in [*folder.rglob("*.parquet"), *folder.rglob("*.mp4")]:
        index = int(path.stem.removeprefix("episode_"))
        fields = {"episode_chunk": index // chunks_size, "episode_index": index}
        targets = [str(document["data_path"]).format(**fields)]
        if path.suffix == ".mp4":
            keys = (CAMERA, *cameras)
            targets = [str(document["video_path"]).format(video_key=key, **fields) for key in keys]
        content = path.read_bytes()
        path.unlink()
        for target in targets:
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            (folder / target).write_bytes(content)
    (folder / "meta/info.json").write_text(json.dumps(document, indent=4))
    (folder / "meta/episodes_stats.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in statistics))
    return folder


def marked(source: int, copy: int) -> dict[str, object]:
    """What is said of an episode of a result beside what was said of it before."""
    cells = (source, copy, copy >= 0)
    return {field.name: cell for field, cell in zip(AUGMENTATION_COLUMNS, cells, strict=True)}


def check_copies(folder: Path, source: Path, selected: list[int], copies: int) -> None:
    """Check files, rows and lines of a result of mode `copy`."""
    document, before = info(folder), info(source)
    count, chunk = len(LENGTHS), int(str(before["chunks_size"]))
    total = count + len(selected) * copies
    frames = sum(LENGTHS) + copies * sum(LENGTHS[index] for index in selected)
    cameras = [key for key, feature in document["features"].items() if feature["dtype"] == "video"]  # type: ignore[attr-defined]
    totals = {"total_episodes": total, "total_frames": frames, "splits": {"train": f"0:{total}"}}
    totals |= {"total_videos": total * len(cameras), "total_chunks": -(-total // chunk)}
    assert document == before | totals
    for path, value in file_hashes(source).items():
        if not path.startswith("meta/") or path == "meta/tasks.jsonl":
            assert file_hashes(folder)[path] == value, path
    table = rows(folder)
    assert table.column("index").to_pylist() == list(range(frames))
    assert table.slice(0, sum(LENGTHS)).equals(rows(source))
    statistics = "meta/episodes_stats.jsonl"
    assert (folder / statistics).read_bytes().startswith((source / statistics).read_bytes())
    episodes = lines(folder / "meta/episodes.jsonl")
    assert [line["episode_index"] for line in episodes] == list(range(total))
    recorded = lines(source / "meta/episodes.jsonl")
    assert episodes[:count] == [line | marked(index, -1) for index, line in enumerate(recorded)]
    made = [recorded[index] | marked(index, copy) for index in selected for copy in range(copies)]
    assert [{**line, "episode_index": 0} for line in episodes[count:]] == [
        {**line, "episode_index": 0} for line in made
    ]
    for place in range(len(selected) * copies):
        index, original = count + place, selected[place // copies]
        fields = {"episode_chunk": index // chunk, "episode_index": index}
        made = pq.read_table(folder / str(document["data_path"]).format(**fields))
        path = str(document["data_path"]).format(episode_chunk=original // chunk, episode_index=original)
        part = pq.read_table(source / path)
        assert made.schema.equals(part.schema, check_metadata=True)
        assert made.drop_columns(INDEX_COLUMNS).equals(part.drop_columns(INDEX_COLUMNS))
        assert set(made.column("episode_index").to_pylist()) == {index}
        for camera in cameras:
            times = frame_times(folder / str(document["video_path"]).format(video_key=camera, **fields))
            assert times == pytest.approx([number / 10 for number in range(LENGTHS[original])], abs=1e-4)


@pytest.fixture(scope="module")
def in_chunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return variant(tmp_path_factory.mktemp("v21") / "in-chunks", chunks_size=3)


def test_result_has_files_per_copy_in_their_chunks_and_format_tag(
    hub: Hub, submit: Callable[..., LocalRun], in_chunks: Path, tmp_path: Path
) -> None:
    hub.publish("lab/v21-in-chunks", in_chunks, tag="v2.1")
    output = {"hub": {"repoID": "lab/v21-copies"}}
    run = submit(spec_of("lab/v21-in-chunks", episodes="1,2", transforms=["lighting", "noise"]) | {"output": output})
    run.run_all(2)
    assert hub.head("lab/v21-copies", "v2.1") == hub.head("lab/v21-copies")
    assert [tag.name for tag in hub.api.list_repo_refs("lab/v21-copies", repo_type="dataset").tags] == ["v2.1"]
    source = run.job.status.source
    assert source is not None
    assert source.format == "LeRobot v2.1"
    folder = hub.download("lab/v21-copies", tmp_path / "result", "v2.1")
    check_copies(folder, in_chunks, [1, 2], 2)
    assert len(list((folder / "videos/chunk-002" / CAMERA).glob("*.mp4"))) == 2
    new, old = lines(folder / "meta/episodes_stats.jsonl")[4]["stats"], lines(SOURCE / "meta/episodes_stats.jsonl")[1]
    for feature, statistics in old["stats"].items():
        changes = feature in (CAMERA, "index", "episode_index")
        assert (new[feature] != statistics) == changes, feature
        assert list(new[feature]) == list(statistics)
    assert new["index"]["min"] == [238]


def test_number_of_shards_does_not_change_bytes(in_chunks: Path, tmp_path: Path) -> None:
    results = []
    for shards in (1, 3):
        output = tmp_path / f"by-{shards}"
        run_of(tmp_path / f"job-{shards}", in_chunks, output, augmentation={"copies": 1, "episodes": "0,2,3"}).run_all(
            shards
        )
        results.append(file_hashes(output))
    assert results[0] == results[1]


def test_in_place_mode_overwrites_files_of_selected_episodes_and_cameras_only(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    source = variant(tmp_path / "source", cameras=(WRIST, DEPTH))
    before = hub.publish("lab/v21-in-place", source, tag="v2.1")
    output = {"mode": "inPlace", "hub": {"repoID": "lab/v21-in-place"}}
    submit(spec_of("lab/v21-in-place", cameras=[WRIST], episodes="1,3") | {"output": output}).run_all(2)
    folder = hub.download("lab/v21-in-place", tmp_path / "result", "v2.1")
    assert hub.head("lab/v21-in-place", backup_tag(UID)) == before
    actual, expected = file_hashes(folder), file_hashes(source)
    changed = {path for path in expected if actual.get(path) != expected[path]}
    assert changed == {
        f"videos/chunk-000/{WRIST}/episode_000001.mp4",
        f"videos/chunk-000/{WRIST}/episode_000003.mp4",
        "meta/episodes.jsonl",
        "meta/episodes_stats.jsonl",
    }
    recorded = lines(source / "meta/episodes.jsonl")
    expected_lines = [line | marked(index, 0 if index in (1, 3) else -1) for index, line in enumerate(recorded)]
    assert lines(folder / "meta/episodes.jsonl") == expected_lines
    assert info(folder) == info(source)
    pairs = zip(lines(source / "meta/episodes_stats.jsonl"), lines(folder / "meta/episodes_stats.jsonl"), strict=True)
    for index, (was, now) in enumerate(pairs):
        assert [key for key in was["stats"] if was["stats"][key] != now["stats"][key]] == [WRIST] * (index in (1, 3))


def test_last_lerobot_loader_for_v21_reads_result_of_every_mode(in_chunks: Path, tmp_path: Path) -> None:
    results = []
    for name, spec, episodes, frames in (
        ("stacked", {"augmentation": {"copies": 2, "episodes": "2"}}, 6, 338),
        ("in-place", {"augmentation": {"episodes": "2"}, "output": {"mode": "inPlace"}}, 4, 238),
    ):
        run_of(tmp_path / f"job-{name}", in_chunks, tmp_path / name, **spec).run_all(1)
        results.append(Expected(str(tmp_path / name), f"lab/{name}", episodes, frames))
    check_all_open_in_lerobot(results)


def test_interrupted_shard_resumes_with_same_bytes(in_chunks: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    spec = {"augmentation": {"copies": 2, "episodes": "1,2"}}
    run_of(tmp_path / "job-whole", in_chunks, whole, **spec).run_all(1)
    run = run_of(tmp_path / "job-stopped", in_chunks, stopped, **spec)
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    # State after a kill in the second unit, the rows.
    path = run.folder / "manifests" / "shard-0.json"
    records = json.loads(path.read_text())
    path.write_text(json.dumps({key: records[key] for key in ("picture", "originals-0", "video-0-000001-000002")}))
    run.run_shards(1)
    run.run(PhaseName.PUBLISH, shards=1)
    assert file_hashes(stopped) == file_hashes(whole)


def test_tampered_rows_are_not_published(in_chunks: Path, tmp_path: Path) -> None:
    run = run_of(tmp_path / "job", in_chunks, tmp_path / "result", augmentation={"copies": 1, "episodes": "2"})
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    staged = next(tmp_path.glob(".result.augmenting-*"))
    content = json.loads(run.manifests.read(0)["rows-0-000002-000002"])
    assert content["files"][0]["size"] == (staged / "data/chunk-001/episode_000004.parquet").stat().st_size
    content["files"][0]["sha256"] = "0" * 64
    run.manifests.record(0, {"rows-0-000002-000002": json.dumps(content)})
    with pytest.raises(WorkerFailure, match=r"rows in data/chunk-001/episode_000004\.parquet") as caught:
        run.run(PhaseName.PUBLISH, shards=1)
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED


def test_missing_statistics_file_is_reported(tmp_path: Path) -> None:
    source = variant(tmp_path / "source")
    (source / "meta/episodes_stats.jsonl").unlink()
    with pytest.raises(WorkerFailure, match=r"meta/episodes_stats\.jsonl") as caught:
        run_of(tmp_path / "job", source, tmp_path / "result").run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.SOURCE_INVALID


def test_copies_have_the_videos_of_cameras_that_are_not_augmented(tmp_path: Path) -> None:
    """LeRobot finds them by the number of the copy's episode."""
    top, wrist = "observation.images.top", "observation.images.wrist"
    source = record(tmp_path / "source", "v2.1", {top: Kind.PNG, wrist: Kind.VIDEO}, (3, 2, 4), chunks_size=2)
    spec = {"augmentation": {"cameras": [top], "copies": 2}, "onBadEpisode": "skip"}
    run_of(tmp_path / "job", source, tmp_path / "whole", **spec).run_all(2)
    check_all_open_in_lerobot([Expected(str(tmp_path / "whole"), "lab/whole", episodes=9, frames=27)])
    damage_images(source, top, {1})
    run_of(tmp_path / "job-skip", source, tmp_path / "skip", **spec).run_all(2)
    for result, made_from in ("whole", [0, 1, 2, 0, 0, 1, 1, 2, 2]), ("skip", [0, 1, 2, 0, 0, 2, 2]):
        videos = sorted((tmp_path / result).rglob("*.mp4"))
        assert [path.relative_to(tmp_path / result) for path in videos] == [
            Path(f"videos/chunk-{index // 2:03d}/{wrist}/episode_{index:06d}.mp4") for index in range(len(made_from))
        ]
        sources = [source / f"videos/chunk-{index // 2:03d}/{wrist}/episode_{index:06d}.mp4" for index in made_from]
        assert [path.read_bytes() for path in videos] == [path.read_bytes() for path in sources]
