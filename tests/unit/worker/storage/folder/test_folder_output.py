"""A result on a volume that somebody else may write to, too: nothing leaves the volume, and nothing comes in."""

import os
from pathlib import Path

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath, PathRefused
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.folder.held_folder import HeldFolder
from augmentation_worker.storage.folder.output import NOTHING, FolderOutput, is_result_of, previous_of
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.port import StoredFile
from augmentation_worker.storage.provenance import PROVENANCE_PATH

UID = "0f2c9f8e-6a51-4f0e-9d54-2f6a1f6a9f11"
DATA = DatasetPath("data/chunk-000/file-000.parquet")
PROVENANCE = b'{"jobID": "%s"}' % UID.encode()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder outside of the volume, with a file that must neither be read nor written."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "precious").write_text("precious")
    return folder


@pytest.fixture
def output(tmp_path: Path) -> FolderOutput:
    (tmp_path / "volume").mkdir()
    return FolderOutput(tmp_path / "volume" / "result", "claim:result", UID)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    path = tmp_path / "made"
    path.write_text("rows")
    return path


def staging_of(output: FolderOutput) -> Path:
    return output.folder.with_name(f".{output.folder.name}.augmenting-{UID[:8]}")


def untouched(elsewhere: Path) -> bool:
    return {path.name: path.read_text() for path in elsewhere.iterdir()} == {"precious": "precious"}


def refusal(action: object, *arguments: object) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        action(*arguments)  # type: ignore[operator]
    assert caught.value.reason is FailureReason.OUTPUT_CONFLICT
    return caught.value


def published(output: FolderOutput, content: Path) -> str:
    stored = output.put(DATA, content)
    return output.commit("", checked=NOTHING, stored=[stored], written={PROVENANCE_PATH: PROVENANCE})


def test_result_is_written_next_to_its_folder_and_renamed(output: FolderOutput, content: Path) -> None:
    revision = published(output, content)
    assert output.published() == revision
    assert (output.folder / DATA).read_text() == "rows"
    assert [path.name for path in output.folder.parent.iterdir()] == ["result"]


def test_place_that_may_not_be_written_names_who_has_to_be_allowed_to(
    output: FolderOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied", "x")

    monkeypatch.setattr(HeldFolder, "create_file", refuse)
    monkeypatch.setattr("os.geteuid", lambda: 65532)
    with pytest.raises(WorkerFailure, match="let user 65532 or group") as caught:
        output.prepare(FolderSource(tmp_path, "claim:source"))
    assert caught.value.reason is FailureReason.OUTPUT_ACCESS_DENIED


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "meta/../../source/meta/tasks.parquet", "", "a//b"])
def test_invalid_path_is_not_written(output: FolderOutput, content: Path, path: str) -> None:
    with pytest.raises(PathRefused):
        output.put(path, content)  # type: ignore[arg-type]
    assert list(output.folder.parent.iterdir()) == []


def test_link_in_the_path_of_the_result_is_refused(tmp_path: Path, elsewhere: Path, content: Path) -> None:
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "a").symlink_to(elsewhere)
    output = FolderOutput(tmp_path / "volume" / "a" / "b" / "result", "claim:a/b/result", UID)
    failure = refusal(output.prepare, None)
    assert "is a link to" in failure.message
    assert "/volume/a'" in failure.message
    refusal(output.put, DATA, content)
    assert untouched(elsewhere)


def test_missing_parent_folders_are_created(tmp_path: Path, content: Path) -> None:
    (tmp_path / "volume").mkdir()
    output = FolderOutput(tmp_path / "volume" / "a" / "b" / "result", "claim:a/b/result", UID)
    output.prepare(None)  # type: ignore[arg-type]
    published(output, content)
    assert (output.folder / DATA).read_text() == "rows"


@pytest.mark.parametrize("target", ["folder", "nothing"])
def test_a_result_folder_that_is_a_link_is_refused(output: FolderOutput, elsewhere: Path, target: str) -> None:
    output.folder.symlink_to(elsewhere if target == "folder" else "nowhere")
    failure = refusal(output.check, None)
    assert "is a link to" in failure.message
    assert untouched(elsewhere)


def test_a_file_in_the_place_of_the_result_is_refused(output: FolderOutput) -> None:
    output.folder.write_text("a file")
    assert "is not a folder" in refusal(output.check, None).message


def test_a_link_in_the_place_of_the_folder_that_is_made_is_refused(
    output: FolderOutput, elsewhere: Path, content: Path
) -> None:
    staging_of(output).symlink_to(elsewhere)
    refusal(output.put, DATA, content)
    stored = StoredFile(DatasetPath("precious"), "0" * 64, 8)
    refusal(output.missing, [stored])
    with pytest.raises(FileNotFoundError):
        output.fetch(stored, elsewhere.parent / "fetched")
    refusal(lambda: output.commit("", checked=NOTHING, stored=[], written={}))
    assert untouched(elsewhere)


def test_a_link_in_the_place_of_a_file_is_replaced(output: FolderOutput, elsewhere: Path, content: Path) -> None:
    place = staging_of(output) / DATA
    place.parent.mkdir(parents=True)
    place.symlink_to(elsewhere / "precious")
    published(output, content)
    assert untouched(elsewhere)
    assert not (output.folder / DATA).is_symlink()
    assert (output.folder / DATA).read_text() == "rows"


def test_published_result_holds_no_links(output: FolderOutput, elsewhere: Path, content: Path) -> None:
    stored = output.put(DATA, content)
    staging = staging_of(output)
    (staging / "README.md").symlink_to(elsewhere / "precious")
    (staging / ".hidden").symlink_to(elsewhere / "precious")
    (staging / "data" / "more").symlink_to(elsewhere)
    (staging / os.fsdecode(b"\xff\n")).write_text("no name")
    os.mkfifo(staging / "fifo")
    (staging / "deep" / "er").mkdir(parents=True)
    output.commit("", checked=NOTHING, stored=[stored], written={PROVENANCE_PATH: PROVENANCE})
    left = sorted(str(path.relative_to(output.folder)) for path in output.folder.rglob("*") if not path.is_dir())
    assert left == [str(DATA), str(PROVENANCE_PATH)]
    assert sorted(path.name for path in output.folder.iterdir()) == ["data", "meta"]
    assert untouched(elsewhere)


def test_stored_file_that_became_a_link_counts_as_missing(output: FolderOutput, elsewhere: Path, content: Path) -> None:
    stored = output.put(DATA, content)
    place = staging_of(output) / DATA
    place.unlink()
    (elsewhere / "precious").write_text("rows")
    place.symlink_to(elsewhere / "precious")
    assert output.missing([stored]) == [stored]
    with pytest.raises(FileNotFoundError):
        output.fetch(stored, elsewhere.parent / "fetched")
    with pytest.raises(WorkerFailure, match="not stored") as caught:
        output.commit("", checked=NOTHING, stored=[stored], written={})
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED
    assert not output.folder.exists()


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_entry_with_the_backup_name_is_not_replaced(tmp_path: Path, elsewhere: Path, kind: str) -> None:
    folder = tmp_path / "volume" / "result"
    (folder / "meta").mkdir(parents=True)
    (folder / "meta" / "info.json").write_text("{}")
    output, source = FolderOutput(folder, "claim:result", UID), FolderSource(folder, "claim:result")
    assert output.check(source) == source.revision
    previous = previous_of(folder, UID)
    if kind == "link":
        previous.symlink_to(elsewhere)
    else:
        previous.mkdir()
    assert previous.name in refusal(output.check, source).message
    output.put(DATA, folder / "meta" / "info.json")
    refusal(lambda: output.commit("", checked=source.revision, stored=[], written={}))
    assert untouched(elsewhere)
    assert (folder / "meta" / "info.json").exists()


def test_provenance_behind_a_link_is_not_read(output: FolderOutput, elsewhere: Path) -> None:
    (elsewhere / "record").write_bytes(PROVENANCE)
    (output.folder / "meta").mkdir(parents=True)
    (output.folder / PROVENANCE_PATH).symlink_to(elsewhere / "record")
    assert not is_result_of(output.folder, UID)
    assert output.read(PROVENANCE_PATH) is None
    failure = refusal(output.check, None)
    assert str(PROVENANCE_PATH) in failure.message


def test_file_with_the_longest_name_is_written(output: FolderOutput, content: Path) -> None:
    longest = DatasetPath("x" * 255)
    assert output.put(longest, content).path == longest


def test_sparse_provenance_takes_neither_memory_nor_time(output: FolderOutput, content: Path) -> None:
    (output.folder / "meta").mkdir(parents=True)
    with (output.folder / PROVENANCE_PATH).open("wb") as record:
        record.truncate(2**43)
    assert output.published() is None
    source = FolderSource(output.folder.parent, "claim:source")
    assert "holds something else (among it 'meta/augmentation.json')" in refusal(output.check, source).message
