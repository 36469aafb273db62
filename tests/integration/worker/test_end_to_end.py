"""From a dataset on the hub to a new one: its content is independent of the number of shards."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_api.identifiers import backup_tag
from augmentation_api.vocabulary import ShardState
from augmentation_worker.failure import WorkerFailure
from tests.integration.worker.conftest import FIXTURES, SAMPLE, WRITE, Hub, Results
from tests.integration.worker.datasets import (
    CAMERA,
    DEPTH,
    WRIST,
    check_result,
    episodes,
    file_hashes,
    info,
    with_three_cameras,
)
from tests.integration.worker.jobs import UID, LocalRun, spec_of
from tests.recorded_copies import provenance_of

SOURCE = FIXTURES / "pusht_v30"


@pytest.fixture(scope="module", params=[1, 3], ids=["one shard", "three shards"])
def shards(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_result_contains_originals_and_copies_that_differ_in_pixels_only(results: Results, shards: int) -> None:
    _, folder = results[shards]
    check_result(folder, SOURCE, 2)


def test_original_files_are_unchanged(results: Results, shards: int) -> None:
    actual, expected = file_hashes(results[shards][1]), file_hashes(SOURCE)
    rewritten = {"meta/info.json", "meta/stats.json", "meta/episodes/chunk-000/file-000.parquet"}
    assert {path: actual.get(path) for path in expected if path not in rewritten} == {
        path: value for path, value in expected.items() if path not in rewritten
    }


def test_only_totals_change_in_info(results: Results, shards: int) -> None:
    totals = {"total_episodes": 18, "total_frames": 1026, "splits": {"train": "0:18"}}
    assert info(results[shards][1]) == info(SOURCE) | totals


def test_result_is_one_tagged_commit(hub: Hub, results: Results, shards: int) -> None:
    commits = hub.api.list_repo_commits(f"lab/by-{shards}", repo_type="dataset")
    assert len(commits) == 2
    assert UID in commits[0].title
    assert hub.head(f"lab/by-{shards}", "v3.0") == hub.head(f"lab/by-{shards}") == commits[0].commit_id


def test_number_of_shards_does_not_change_pixels_or_statistics(
    results: Results,
) -> None:
    one, three = results[1][1], results[3][1]
    provenance = [provenance_of(folder) for folder in (one, three)]
    assert provenance[0] == provenance[1]
    assert (one / "meta/stats.json").read_bytes() == (three / "meta/stats.json").read_bytes()
    ours = [name for name in episodes(one).column_names if not name.startswith(("data/", "videos/"))]
    assert episodes(one).select(ours).equals(episodes(three).select(ours))


def test_status_reports_phases_and_events(results: Results, shards: int) -> None:
    run, _ = results[shards]
    status = run.job.status
    assert status.source is not None
    assert status.output is not None
    assert (status.source.selected_episodes, status.source.selected_frames, status.source.copies) == (6, 342, 2)
    assert (status.source.min_shards, status.source.max_shards) == (1, 6)
    assert (status.source.format, status.source.cameras) == ("LeRobot v3.0", [CAMERA])
    assert status.output.files == ["README.md", "meta/info.json", "meta/augmentation.json", "meta/augmentation.png"]
    assert (status.output.episodes, status.output.frames) == (18, 1026)
    assert status.output.dataset_id == f"lab/by-{shards}"
    assert [shard.state for shard in status.shards] == [ShardState.COMPLETED] * shards
    assert sum(shard.frames.done for shard in status.shards if shard.frames) == 684
    assert sum(shard.episodes.total for shard in status.shards if shard.episodes) == 6
    for phase in (PhaseName.RESOLVE, PhaseName.AUGMENT, PhaseName.PUBLISH):
        assert [event.status for event in status.phase(phase).events][-1] == "completed"
    statuses = [event.status for event in status.phase(PhaseName.AUGMENT).events]
    assert (statuses.count("first_frame"), statuses.index("started") < statuses.index("first_frame")) == (shards, True)
    for event in status.phase(PhaseName.AUGMENT).events:
        if event.status == "completed":
            assert {"metadata", "decode", "transform", "encode", "join", "upload"} <= set(event.data or {})


def test_token_is_written_nowhere(results: Results, shards: int) -> None:
    run, folder = results[shards]
    for path in [*run.folder.rglob("*.json"), *folder.rglob("*.json"), folder / "README.md"]:
        assert WRITE not in path.read_text()


def test_unselected_cameras_and_episodes_are_referenced_unchanged(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    source = with_three_cameras(SOURCE, tmp_path / "three-cameras")
    hub.publish("lab/three-cameras", source)
    run = submit(spec_of("lab/three-cameras", cameras=[WRIST], episodes="1,4:6", copies=1))
    run.run_all(2)
    folder = hub.download("lab/three-cameras_augmented_0f2c9f8e", tmp_path / "result")
    before, after = episodes(source).to_pylist(), episodes(folder).to_pylist()
    assert [row["length"] for row in after[6:]] == [before[index]["length"] for index in (1, 4, 5)]
    for row, index in zip(after[6:], (1, 4, 5), strict=True):
        for camera in (CAMERA, DEPTH):
            names = [name for name in row if f"/{camera}/" in name]
            assert [row[name] for name in names] == [before[index][name] for name in names]
        assert row[f"videos/{WRIST}/file_index"] > 0
        assert row[f"stats/{WRIST}/mean"] != before[index][f"stats/{WRIST}/mean"]
    assert len(list((folder / "videos" / WRIST).rglob("*.mp4"))) == 1 + 2  # one of each shard
    assert len(list((folder / "videos" / DEPTH).rglob("*.mp4"))) == 1


def test_codec_is_recorded_in_info(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    output = {"hub": {"repoID": "lab/as-h264"}, "video": {"codec": "h264", "crf": 30}}
    submit(spec_of(SAMPLE, episodes="4", copies=1) | {"output": output}).run_all(1)
    folder = hub.download("lab/as-h264", tmp_path / "result")
    feature = info(folder)["features"][CAMERA]["info"]  # type: ignore[index]
    assert (feature["video.codec"], feature["video.crf"], feature["video.fps"]) == ("h264", 30, 10)


def test_publish_over_source_keeps_previous_revision_under_tag(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path
) -> None:
    before = hub.publish("lab/grows", SOURCE)
    run = submit(spec_of("lab/grows", copies=1) | {"output": {"hub": {"repoID": "lab/grows"}}})
    run.run_all(2)
    assert hub.head("lab/grows", backup_tag(UID)) == before
    assert hub.head("lab/grows", "v3.0") == hub.head("lab/grows")
    assert len(hub.api.list_repo_commits("lab/grows", repo_type="dataset")) == 3
    check_result(hub.download("lab/grows", tmp_path / "result"), SOURCE, 1)


def test_changed_source_fails_job_that_would_replace_it(hub: Hub, submit: Callable[..., LocalRun]) -> None:
    hub.publish("lab/moves", SOURCE)
    run = submit(spec_of("lab/moves", copies=1, episodes="4") | {"output": {"hub": {"repoID": "lab/moves"}}})
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    hub.api.upload_file(
        repo_id="lab/moves", repo_type="dataset", path_or_fileobj=b"a note", path_in_repo="meta/note.txt"
    )
    head = hub.head("lab/moves")
    with pytest.raises(WorkerFailure, match=r"main differs.*meta/note\.txt") as caught:
        run.run(PhaseName.PUBLISH, shards=1)
    assert caught.value.reason is FailureReason.OUTPUT_CONFLICT
    assert hub.head("lab/moves") == head


def test_missing_lfs_rules_are_added_in_same_commit(hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path) -> None:
    name = "lab/no-rules"
    hub.api.create_repo(name, repo_type="dataset")
    hub.api.upload_file(repo_id=name, repo_type="dataset", path_or_fileobj=b"# none\n", path_in_repo=".gitattributes")
    submit(spec_of(SAMPLE, copies=1, episodes="4") | {"output": {"hub": {"repoID": name}}}).run_all(1)
    tree: list[Any] = list(hub.api.list_repo_tree(name, repo_type="dataset", recursive=True))
    large = {entry.path for entry in tree if getattr(entry, "lfs", None)}
    assert {path for path in large if path.endswith(".mp4")} == {
        f"videos/{CAMERA}/chunk-000/file-000.mp4",
        f"videos/{CAMERA}/chunk-000/file-001.mp4",
    }
    rules = (hub.download(name, tmp_path / "result") / ".gitattributes").read_text()
    assert rules.startswith("# none\n*.mp4 filter=lfs")
