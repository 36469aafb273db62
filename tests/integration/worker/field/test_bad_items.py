"""Episodes and rows that cannot be decoded: one pass finds all, and the job fails for them or leaves them out."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.commands import draw_preview
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.storage.folder.output import FolderOutput
from tests.fixtures.field.bad_items import damage_images, damage_video, rows_with_bad_images
from tests.integration.worker.datasets import episodes, file_hashes, rows
from tests.integration.worker.jobs import LocalRun
from tests.integration.worker.lerobot_recorder import Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import Expected, check_all_open_in_lerobot
from tests.recorded_copies import provenance_of

TOP, WRIST = "observation.images.top", "observation.images.wrist"
LENGTHS = (6, 5, 4, 7)
AUGMENTATION = {"copies": 2, "seed": 7}
BAD = 1
BAD_ROWS = {30, 150, 151, *range(200, 220)}
"""Of an image dataset: the last of three blocks has no other rows."""
PLACES = {"data/chunk_index", "data/file_index", f"videos/{TOP}/file_index", f"videos/{WRIST}/file_index"}
NOT_COMPARED = {
    "README.md",
    "meta/augmentation.json",
    "meta/augmentation.parquet",
    "meta/augmentation.png",
    "meta/bad_episodes.json",
}
KINDS = [("v3.0", Kind.VIDEO), ("v3.0", Kind.PNG), ("v2.1", Kind.VIDEO), ("v2.1", Kind.PNG)]


def damaged(folder: Path, version: str, kind: Kind) -> Path:
    """Four episodes, of which one cannot be decoded as one of two cameras sees it."""
    source = record(folder, version, {TOP: kind, WRIST: kind}, LENGTHS)
    if kind is Kind.PNG:
        damage_images(source, WRIST, {BAD})
    elif version == "v2.1":
        damage_video(source / f"videos/chunk-000/{WRIST}/episode_{BAD:06d}.mp4", 0, LENGTHS[BAD])
    else:
        damage_video(source / f"videos/{WRIST}/chunk-000/file-000.mp4", LENGTHS[0], 2)
    return source


def made(tmp_path: Path, source: Path, name: str, *, shards: int = 1, **spec: Any) -> Path:
    run_of(tmp_path / f"job-{name}", source, tmp_path / name, **{"augmentation": AUGMENTATION, **spec}).run_all(shards)
    return tmp_path / name


def failure_of(run: LocalRun, phase: PhaseName, **at: int) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(phase, **at)
    return caught.value


def without_places(table: pa.Table) -> pa.Table:
    """All but where frames and rows lie: each shard has files of its own, and shares depend on what is selected."""
    timestamps = [name for name in table.column_names if name.endswith("_timestamp")]
    return table.drop_columns([*(name for name in PLACES if name in table.column_names), *timestamps])


def image_rows(folder: Path) -> pa.Table:
    """All rows of an image dataset of one split, in the order of its files in the card."""
    paths = [path for place in ("data", "augmented") for path in sorted((folder / place).glob("*.parquet"))]
    return pa.concat_tables([pq.read_table(path) for path in paths])


def hashes(folder: Path) -> list[object]:
    """Of the pixels of each augmented episode, by camera."""
    recorded = provenance_of(folder)["episodes"]
    return [{camera: made["pixelHash"] for camera, made in entry["cameras"].items()} for entry in recorded]


def videos(folder: Path) -> Mapping[str, str]:
    return {path: digest for path, digest in file_hashes(folder).items() if path.endswith(".mp4")}


@pytest.mark.parametrize(("version", "kind"), KINDS, ids=[f"{version}-{kind.value}" for version, kind in KINDS])
def test_skipped_episode_leaves_no_gap(tmp_path: Path, version: str, kind: Kind) -> None:
    source = damaged(tmp_path / "source", version, kind)
    result = made(tmp_path, source, "skipped", shards=2, onBadEpisode="skip")
    selected = made(tmp_path, source, "selected", augmentation={**AUGMENTATION, "episodes": "0,2:4"})
    if version == "v2.1":
        same, expected = file_hashes(result), file_hashes(selected)
        assert {path: same[path] for path in same.keys() - NOT_COMPARED} == {
            path: expected[path] for path in expected.keys() - NOT_COMPARED
        }
    else:
        assert rows(result).equals(rows(selected))
        assert without_places(episodes(result)).equals(without_places(episodes(selected)))
        assert hashes(result) == hashes(selected)
    found = json.loads((result / "meta/bad_episodes.json").read_text())
    assert (found["count"], found["episodes"]) == (1, "1")
    recorded = provenance_of(result)
    assert [entry["episodeIndex"] for entry in recorded["episodes"]] == list(range(4, 10))
    assert {entry["sourceEpisodeIndex"] for entry in recorded["episodes"]} == {0, 2, 3}
    assert recorded_in(result).spec.on_bad_episode == "skip"
    assert "| Episodes that cannot be used | 1: 1 (" in (result / "README.md").read_text()


@pytest.mark.parametrize(("version", "kind"), KINDS, ids=[f"{version}-{kind.value}" for version, kind in KINDS])
def test_bad_episode_stays_as_recorded_in_place(tmp_path: Path, version: str, kind: Kind) -> None:
    source = damaged(tmp_path / "source", version, kind)
    in_place = {"augmentation": {"seed": 7}, "output": {"mode": "inPlace"}}
    result = made(tmp_path, source, "in-place", shards=2, onBadEpisode="skip", **in_place)
    before, after = rows(source), rows(result)
    same = pa.array([index == BAD for index in before.column("episode_index").to_pylist()])
    assert after.filter(same).equals(before.filter(same))
    assert after.drop_columns([TOP, WRIST] if kind is Kind.PNG else []).equals(
        before.drop_columns([TOP, WRIST] if kind is Kind.PNG else [])
    )
    if version == "v2.1" and kind is Kind.VIDEO:
        unchanged = {path for path, digest in videos(result).items() if videos(source)[path] == digest}
        assert unchanged == {f"videos/chunk-000/{camera}/episode_{BAD:06d}.mp4" for camera in (TOP, WRIST)}
    if version == "v3.0" and kind is Kind.VIDEO:
        assert episodes(result).column(f"videos/{TOP}/file_index").to_pylist()[BAD] == 0
        assert (
            videos(result)[f"videos/{TOP}/chunk-000/file-000.mp4"]
            == videos(source)[f"videos/{TOP}/chunk-000/file-000.mp4"]
        )


def test_all_bad_episodes_are_found_in_one_pass_and_skipping_them_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.PNG}, LENGTHS)
    damage_images(source, TOP, {0, 3})
    run = run_of(tmp_path / "job", source, tmp_path / "result", augmentation=AUGMENTATION)
    run.run(PhaseName.RESOLVE)
    run.run_shards(2)
    shards = {shard.index: shard.episodes for shard in run.job.status.shards}
    assert [(tally.done, tally.failed) for tally in shards.values() if tally] == [(1, 1), (1, 1)]
    failure = failure_of(run, PhaseName.PUBLISH, shards=2)
    assert failure.reason is FailureReason.SOURCE_INVALID
    for words in ("2 of the 4 selected episodes", f"episode 0: camera {TOP}, frame 5", "episode 3", "'1:3'", "skip"):
        assert words in failure.message
    status = run.job.status.bad_episodes
    assert status is not None
    assert ([item.index for item in status.items], status.count, status.file) == ([0, 3], 2, None)

    job = json.loads((run.folder / "job.json").read_text())
    job["spec"]["onBadEpisode"] = "skip"
    (run.folder / "job.json").write_text(json.dumps(job))
    before = [run.manifests.read(shard) for shard in range(2)]
    run.run_shards(2)
    assert [run.manifests.read(shard) for shard in range(2)] == before
    # A pod that is killed while it renumbers starts over, and finds what the shards made.
    put, stored = FolderOutput.put, list[str]()

    def killed(output: FolderOutput, path: Any, content: Path) -> Any:
        if stored:
            raise KeyboardInterrupt
        stored.append(path)
        return put(output, path, content)

    monkeypatch.setattr(FolderOutput, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        run.run(PhaseName.PUBLISH, shards=2)
    monkeypatch.setattr(FolderOutput, "put", put)
    run.run(PhaseName.PUBLISH, shards=2)
    assert stored[0].endswith(".parquet")
    assert rows(tmp_path / "result").column("index").to_pylist() == list(range(sum(LENGTHS) + 2 * (5 + 4)))
    published = run.job.status
    assert published.bad_episodes is not None
    assert published.output is not None
    assert published.bad_episodes.file == "meta/bad_episodes.json"
    assert published.bad_episodes.file in (published.output.files or [])
    assert (published.output.episodes, published.output.frames) == (8, 40)
    assert not list(tmp_path.glob(".result*"))


def test_nothing_is_published_where_nothing_can_be_used(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.PNG}, LENGTHS[:2])
    damage_images(source, TOP, {0, 1})
    run = run_of(tmp_path / "job", source, tmp_path / "result", augmentation=AUGMENTATION, onBadEpisode="skip")
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    failure = failure_of(run, PhaseName.PUBLISH, shards=1)
    assert "none of the 2 selected episodes can be used: episode 0: camera" in failure.message
    assert not (tmp_path / "result").exists()


def test_lerobot_reads_what_is_left(tmp_path: Path) -> None:
    expected = []
    for version, kind in KINDS[:2]:
        source = damaged(tmp_path / f"source-{kind.value}", version, kind)
        result = made(tmp_path, source, f"result-{kind.value}", onBadEpisode="skip")
        # The original stays as it is, which LeRobot cannot read either: for the judge it is repaired.
        sound = record(tmp_path / f"sound-{kind.value}", version, {TOP: kind, WRIST: kind}, LENGTHS)
        for path in (
            path for path in sound.rglob("*") if path.suffix in (".mp4", ".parquet") and "meta" not in path.parts
        ):
            shutil.copyfile(path, result / path.relative_to(sound))
        expected.append(Expected(str(result), f"lab/{kind.value}", 10, sum(LENGTHS) + 2 * 17))
    check_all_open_in_lerobot(expected)
    assert [entry.version for entry in expected] == ["v3.0", "v3.0"]


@pytest.mark.parametrize("mode", ["copy", "inPlace"])
def test_bad_rows_of_an_image_dataset_are_left_out(tmp_path: Path, mode: str) -> None:
    source = rows_with_bad_images(tmp_path / "source", 220, BAD_ROWS)
    spec = {"augmentation": {"copies": 1, "seed": 7}, "output": {"mode": mode}}
    run = run_of(tmp_path / "job", source, tmp_path / "result", **spec)
    run.run(PhaseName.RESOLVE)
    run.run_shards(2)
    failure = failure_of(run, PhaseName.PUBLISH, shards=2)
    for words in ("23 of the 220 selected rows", "row 30 (", "column image", "'0:30,31:150,152:200'"):
        assert words in failure.message
    result = made(tmp_path, source, "skipped", shards=2, onBadEpisode="skip", **spec)
    kept = [number for number in range(220) if number not in BAD_ROWS]
    assert image_rows(result).column("label").to_pylist() == ([*range(220), *kept] if mode == "copy" else [*range(220)])
    found = json.loads((result / "meta/bad_episodes.json").read_text())
    assert (found["count"], found["episodes"]) == (23, "30,150:152,200:220")


def test_a_preview_names_the_episode_that_cannot_be_used_or_shows_the_next(tmp_path: Path) -> None:
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.PNG}, (1, 2))
    damage_images(source, TOP, {0})
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": AUGMENTATION, "preview": {}}
    with pytest.raises(WorkerFailure, match=f"episode 0, camera {TOP}, frame 0 in data/.* is damaged"):
        draw_preview(AugmentationJobSpec.model_validate(spec), source)
    skipping = AugmentationJobSpec.model_validate({**spec, "onBadEpisode": "skip"})
    assert draw_preview(skipping, source).startswith(b"\x89PNG")


@pytest.mark.parametrize("rows", [False, True])
def test_the_preview_of_a_result_does_not_depend_on_what_the_first_shard_could_use(rows: bool, tmp_path: Path) -> None:
    if rows:
        source = rows_with_bad_images(tmp_path / "source", 130, range(20, 120))
    else:
        source = record(tmp_path / "source", "v3.0", {TOP: Kind.PNG}, LENGTHS[:2])
        damage_images(source, TOP, {0})
    augmentation = {"copies": 1, "episodes": "20:122" if rows else ""}
    previews = [
        made(tmp_path, source, f"with-{shards}", shards=shards, augmentation=augmentation, onBadEpisode="skip")
        / "meta/augmentation.png"
        for shards in (1, 2)
    ]
    assert previews[0].read_bytes() == previews[1].read_bytes()
