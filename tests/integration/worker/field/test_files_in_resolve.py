"""What resolve says of files that are missing, empty, cut off, pointers, or on another disk, before anything runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot import file_check
from augmentation_worker.formats.port import Resolution
from augmentation_worker.formats.registry import format_of
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.images import image_folder
from tests.fixtures.field.places import cut_off, with_folders_beside, with_lfs_pointers, with_linked_folders
from tests.integration.worker.conftest import FIXTURES

V30, V21 = FIXTURES / "pusht_v30", FIXTURES / "pusht_v21"
SPEC = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/pusht"}}})


def resolved(
    folder: Path, scratch: Path, follow_links: Path | None = None, spec: AugmentationJobSpec = SPEC
) -> Resolution:
    source = FolderSource(folder, str(folder), follow_links)
    return format_of(source).resolve(source, spec, scratch, None)


def refusal(folder: Path, scratch: Path) -> str:
    with pytest.raises(WorkerFailure) as caught:
        resolved(folder, scratch)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    return caught.value.message


@pytest.mark.parametrize(
    ("dataset", "pattern", "named"),
    [
        (V30, "*", "in place of 6 files (data/chunk-000/file-000.parquet, videos/observation.image/chunk-000/"),
        (V30, "meta/*.json", "in place of 2 files (meta/info.json, meta/stats.json)"),
        (V30, "data/*/*", "in place of the file data/chunk-000/file-000.parquet"),
        (V30, "*.mp4", "in place of the file videos/observation.image/chunk-000/file-000.mp4"),
        (V21, "*.jsonl", "in place of 3 files (meta/episodes.jsonl, meta/episodes_stats.jsonl, meta/tasks.jsonl)"),
        (V21, "*.mp4", "in place of 4 files (videos/chunk-000/observation.image/episode_000000.mp4, "),
    ],
)
def test_lfs_pointers_are_named_as_such(tmp_path: Path, dataset: Path, pattern: str, named: str) -> None:
    message = refusal(with_lfs_pointers(dataset, tmp_path / "clone", pattern), tmp_path)
    assert named in message
    assert "`git lfs pull`" in message
    assert "Git LFS pointer" in message


def test_a_pointer_beside_the_dataset_is_named_too(tmp_path: Path) -> None:
    folder = with_folders_beside(V30, tmp_path / "d")
    (folder / "urdf" / "gripper.stl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert "in place of the file urdf/gripper.stl: run `git lfs pull`" in refusal(folder, tmp_path)


@pytest.mark.parametrize(
    ("pattern", "named"), [("*.jsonl", "train/metadata.jsonl"), ("*.png", "row 0 (split train row 0), column image")]
)
def test_lfs_pointers_of_an_image_folder_are_named_as_such(tmp_path: Path, pattern: str, named: str) -> None:
    folder = with_lfs_pointers(image_folder(tmp_path / "images", [{"label": 1}, {"label": 2}]), tmp_path / "d", pattern)
    message = refusal(folder, tmp_path)
    assert named in message
    assert "is a Git LFS pointer" in message
    assert "`git lfs pull`" in message


def test_a_missing_file_is_named_and_so_are_the_first_of_many(tmp_path: Path) -> None:
    shutil.copytree(V21, tmp_path / "d")
    (tmp_path / "d/data/chunk-000/episode_000003.parquet").unlink()
    assert "names the file data/chunk-000/episode_000003.parquet, which" in refusal(tmp_path / "d", tmp_path)
    (tmp_path / "d/data/chunk-000/episode_000001.parquet").unlink()
    shutil.rmtree(tmp_path / "d/videos")
    message = refusal(tmp_path / "d", tmp_path)
    assert "names 6 files (data/chunk-000/episode_000001.parquet, data/chunk-000/episode_000003.parquet, " in message
    assert "episode_000002.mp4 and 1 more), which it does not have" in message


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("path", "damage", "finding"),
    [
        ("data/chunk-000/episode_000002.parquet", _emptied, "is empty"),
        ("data/chunk-000/episode_000003.parquet", cut_off, "a recording is interrupted"),
    ],
)
def test_damaged_files_are_found_with_their_name(
    tmp_path: Path, path: str, damage: Callable[[Path], None], finding: str
) -> None:
    shutil.copytree(V21, tmp_path / "d")
    damage(tmp_path / "d" / path)
    message = refusal(tmp_path / "d", tmp_path)
    assert path in message
    assert finding in message


def test_an_empty_video_is_found_before_anything_runs_unless_its_episode_is_left_out(tmp_path: Path) -> None:
    shutil.copytree(V21, tmp_path / "d")
    _emptied(tmp_path / "d/videos/chunk-000/observation.image/episode_000002.mp4")
    message = refusal(tmp_path / "d", tmp_path)
    assert "the file videos/chunk-000/observation.image/episode_000002.mp4 is empty; repair it, or leave" in message
    for change in ({"onBadEpisode": "skip"}, {"augmentation": {"episodes": "0:2,3"}}):
        spec = AugmentationJobSpec.model_validate({**SPEC.to_wire(), **change})
        assert resolved(tmp_path / "d", tmp_path, spec=spec).source.episodes == 4


def test_what_macos_leaves_among_the_data_files_is_named(tmp_path: Path) -> None:
    shutil.copytree(V30, tmp_path / "d")
    (tmp_path / "d/data/chunk-000/._file-000.parquet").write_bytes(b"\0\5\x16\7")
    assert "data/chunk-000/._file-000.parquet is not named" in refusal(tmp_path / "d", tmp_path)
    assert "(macOS leaves such files on other disks: delete it)" in refusal(tmp_path / "d", tmp_path)


def test_a_look_at_footers_is_bounded_and_takes_the_last_files(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [DatasetPath(f"data/{number}.parquet") for number in range(100_000)]
    chosen = file_check._chosen(paths)
    assert len(chosen) <= file_check.MOST_FOOTERS
    assert chosen[0] == paths[0]
    assert list(chosen[-100:]) == paths[-100:]
    assert len(set(chosen)) == len(chosen)
    monkeypatch.setattr(file_check, "MOST_FOOTERS", 100_000)
    assert file_check._chosen(paths) == paths


def test_linked_folders_are_refused_with_the_way_to_allow_them_and_read_if_they_are(tmp_path: Path) -> None:
    folder = with_linked_folders(V30, tmp_path / "d", tmp_path / "disk")
    message = refusal(folder, tmp_path)
    assert "'data' is a link to" in message
    assert "--follow-links DIR" in message
    assert resolved(folder, tmp_path, tmp_path / "disk").source == resolved(V30, tmp_path).source.model_copy(
        update={"repo_id": str(folder), "revision": FolderSource(folder, "", tmp_path / "disk").revision}
    )
