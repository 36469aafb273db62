"""A dataset in a folder: real links, FIFOs and devices, and what somebody changes between a look and an access."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.registry import CONVENTIONS
from augmentation_worker.storage.folder import dataset_folder
from augmentation_worker.storage.folder.dataset_folder import DatasetFolder
from augmentation_worker.storage.folder.held_folder import EntryRefused, HeldFolder
from augmentation_worker.storage.folder.links import AllowedPlaces
from augmentation_worker.storage.folder.source import FolderSource

COMMIT = "1f4e6a2b" * 5
SECRET = b"hf_the_token_of_this_pod"
README, TASKS = DatasetPath("README.md"), DatasetPath("meta/tasks.parquet")


@pytest.fixture
def token(tmp_path: Path) -> Path:
    """A file outside of every dataset, as a pod's token is."""
    path = tmp_path / "run" / "hub-token" / "token"
    path.parent.mkdir(parents=True)
    path.write_bytes(SECRET)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset with two files of its own."""
    folder = tmp_path / "volume" / "dataset"
    (folder / "meta").mkdir(parents=True)
    (folder / README).write_text("card")
    (folder / TASKS).write_text("tasks")
    return folder


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def refused(folder: Path, **more: Any) -> str:
    """The message of the job's failure."""
    with pytest.raises(WorkerFailure) as caught:
        FolderSource(folder, "claim:dataset", **more)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert SECRET.decode() not in caught.value.message
    assert caught.value.message.isprintable()
    return caught.value.message


def test_a_folder_is_listed_with_sizes_and_without_what_is_hidden_at_its_top(folder: Path, token: Path) -> None:
    (folder / ".gitattributes").write_text("*.mp4")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").symlink_to(token)
    (folder / ".evil").symlink_to(token)
    (folder / "meta" / ".hidden").write_text("")
    listing = DatasetFolder(folder).list()
    assert listing.files == {".gitattributes": 5, README: 4, "meta/.hidden": 0, TASKS: 5}
    assert list(listing.files) == sorted(listing.files, key=lambda path: path.parts)
    assert not listing.refused


@pytest.mark.parametrize(
    "target", ["../../../../../../../../../..{token}", "{token}", "/proc/self/environ", "/proc/self/root/etc"]
)
@pytest.mark.parametrize("name", ["README.md", "meta/notes", "videos/a/b.mp4"])
def test_a_link_that_leads_outside_is_refused_with_its_path(folder: Path, token: Path, name: str, target: str) -> None:
    link = folder / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(target.format(token=token))
    message = refused(folder)
    assert repr(name) in message
    assert "outside of the dataset" in message
    assert "--follow-links" in message


def test_a_link_through_an_inner_link_does_not_get_outside_either(folder: Path, token: Path) -> None:
    (folder / "a").symlink_to(token)
    (folder / "b").symlink_to("a")
    assert "'a'" in refused(folder)
    (folder / "a").unlink()
    (folder / "up").symlink_to("..")
    (folder / "b").unlink()
    (folder / "b").symlink_to("up/../run/hub-token/token")
    assert "'b'" in refused(folder)


def test_a_linked_folder_is_read_where_links_may_lead(folder: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk" / "cube"
    (disk / "chunk-000").mkdir(parents=True)
    (disk / "chunk-000" / "file-000.parquet").write_text("rows")
    (disk / "chunk-000" / "again.parquet").symlink_to("file-000.parquet")
    (disk / ".git").mkdir()
    (disk / ".git" / "config").write_bytes(SECRET)
    (folder / "data").symlink_to(disk)
    (folder / "meta" / "more").symlink_to("../meta/episodes")
    (folder / "meta" / "episodes").mkdir()
    (folder / "meta" / "episodes" / "a.parquet").write_text("table")
    for allowed in (disk, tmp_path / "disk"):
        source = FolderSource(folder, "claim:dataset", follow_links=allowed)
        assert list(source.paths) == [
            README,
            "data/chunk-000/again.parquet",
            "data/chunk-000/file-000.parquet",
            "meta/episodes/a.parquet",
            "meta/more/a.parquet",
            TASKS,
        ]
        assert source.read(DatasetPath("data/chunk-000/again.parquet")) == b"rows"
        assert source.read(DatasetPath("meta/more/a.parquet")) == b"table"
    held = open_files()
    DatasetFolder(folder, disk).read(DatasetPath("data/chunk-000/file-000.parquet"))
    assert open_files() == held


def test_a_linked_folder_elsewhere_is_refused(folder: Path, token: Path, tmp_path: Path) -> None:
    (folder / "more").symlink_to(token.parent)
    assert "'more' is a link to" in refused(folder)
    assert "outside of the dataset; put what it leads to there itself" in refused(folder)
    assert "--follow-links DIR allows links to files and folders below DIR" in refused(folder)
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "out").symlink_to(token.parent)
    (folder / "more").unlink()
    (folder / "more").symlink_to(tmp_path / "disk")
    assert "'more/out' is a link to" in refused(folder, follow_links=tmp_path / "disk")


@pytest.mark.parametrize("hidden", [".git", "calibration/.git"])
def test_a_link_to_a_hidden_folder_of_the_dataset_is_refused(folder: Path, hidden: str) -> None:
    (folder / hidden).mkdir(parents=True)
    (folder / hidden / "config").write_bytes(SECRET)
    (folder / "clone").symlink_to(hidden)
    assert "which is hidden and no part of the dataset" in refused(folder)


@pytest.mark.parametrize("target", [".", "..", "../meta", "inner/..", "../loop"])
def test_linked_folders_that_lead_back_are_refused(folder: Path, target: str) -> None:
    (folder / "meta" / "inner").mkdir()
    (folder / "meta" / "back").symlink_to(target)
    (folder / "loop").symlink_to("meta/inner")
    (folder / "meta" / "inner" / "again").symlink_to("..")
    assert "a folder that leads back to it" in refused(folder)


def test_folders_linked_without_end_are_refused_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_folder, "_MOST_LINKED_ENTRIES", 1000)
    for level in range(40):
        (folder / f"l{level}").mkdir()
        for side in ("a", "b"):
            (folder / f"l{level}" / side).symlink_to(f"../l{level + 1}")
    (folder / "l40").mkdir()
    assert "leads through links to more than 1000 files" in refused(folder)


@pytest.mark.parametrize(("target", "finding"), [("nowhere", "nothing"), ("self", "link"), ("other", "link")])
def test_links_that_lead_to_nothing_or_in_circles_are_refused(folder: Path, target: str, finding: str) -> None:
    (folder / "self").symlink_to(target)
    (folder / "other").symlink_to("self")
    assert finding in refused(folder)


def test_a_long_chain_of_links_is_refused(folder: Path) -> None:
    for number in range(3000):
        (folder / f"l{number}").symlink_to(f"l{number + 1}")
    assert "link" in refused(folder)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_special_file_is_refused_without_waiting(folder: Path, kind: str) -> None:
    path = folder / "meta" / "odd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")
    message = refused(folder)
    assert "'meta/odd'" in message
    assert kind in message.lower()


def test_fifo_behind_a_link_is_refused_without_waiting(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (folder / "data").symlink_to(tmp_path / "fifo")
    assert "a FIFO and no regular file" in refused(folder, follow_links=tmp_path)


@pytest.mark.parametrize("name", [b"a\nb", b"a\\b", b"\xff.png", b"\x1b]0;x\x07"])
def test_names_that_are_no_paths_are_refused_printably(folder: Path, name: bytes) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/meta/" + name))).write_text("")
    assert "may not have" in refused(folder)


def test_a_folder_that_is_reached_by_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(folder)
    assert "name the folder that the link leads to" in refused(tmp_path / "latest")
    (tmp_path / "other").symlink_to(tmp_path / "volume")
    assert "'volume" in refused(tmp_path / "other" / "dataset").replace(str(tmp_path) + "/", "")


def test_a_path_that_leads_up_is_no_folder(folder: Path) -> None:
    assert "does not lead down" in refused(folder / "meta" / ".." / ".." / "dataset")


def test_a_link_inside_of_the_dataset_is_the_file_it_leads_to(folder: Path) -> None:
    (folder / "meta" / "copy").symlink_to("../README.md")
    (folder / "absolute").symlink_to(folder / TASKS)
    (folder / "twice").symlink_to("meta/copy")
    source = FolderSource(folder, "claim:dataset")
    assert DatasetFolder(folder).list().files[DatasetPath("meta/copy")] == 4
    for path, content in (("meta/copy", b"card"), ("absolute", b"tasks"), ("twice", b"card")):
        assert source.read(DatasetPath(path)) == content
        assert source.open(DatasetPath(path)).read_bytes() == content


def cached(cache: Path) -> Path:
    """A snapshot as huggingface_hub keeps it."""
    dataset = cache / "datasets--lab--pusht"
    snapshot = dataset / "snapshots" / COMMIT
    (snapshot / "meta").mkdir(parents=True)
    (dataset / "blobs").mkdir()
    for number, (path, up) in enumerate({README: "../..", TASKS: "../../.."}.items()):
        blob = dataset / "blobs" / (f"{number}" * 40)
        blob.write_text(f"blob {number}")
        (snapshot / path).symlink_to(f"{up}/blobs/{blob.name}")
    return snapshot


@pytest.mark.parametrize(
    "hidden", [".git/config", ".env", ".cache/huggingface/token", "lost+found/x", ".git/annex/creds"]
)
def test_link_to_hidden_files_next_to_the_dataset_is_refused(folder: Path, hidden: str) -> None:
    (folder / hidden).parent.mkdir(parents=True, exist_ok=True)
    (folder / hidden).write_bytes(SECRET)
    (folder / "meta" / "notes").symlink_to(f"../{hidden}")
    assert "'meta/notes' is a link to" in refused(folder)
    assert "which is hidden and no part of the dataset" in refused(folder)
    FolderSource(folder, "claim:dataset", follow_links=(folder / hidden).parent)


@pytest.mark.parametrize("store", [".git/annex/objects/Xq/9k/KEY/KEY", ".dvc/cache/files/md5/a5/c3"])
def test_links_into_the_content_folders_of_git_annex_and_dvc_are_followed(folder: Path, store: str) -> None:
    (folder / store).parent.mkdir(parents=True)
    (folder / TASKS).rename(folder / store)
    (folder / TASKS).symlink_to(f"../{store}")
    source = FolderSource(folder, "claim:dataset")
    assert source.read(TASKS) == b"tasks"
    assert sorted(source.paths) == [README, TASKS]


def test_each_refusal_names_a_fix_that_fits(folder: Path, tmp_path: Path) -> None:
    (folder / "meta" / "x").symlink_to(tmp_path)
    assert "`cp -rL` copies a dataset with what its links lead to" in refused(folder)
    (folder / "meta" / "x").unlink()
    os.mkfifo(folder / "meta" / "x")
    assert refused(folder).endswith("is a FIFO, not a regular file; remove it")
    (folder / "meta" / "x").unlink()
    (folder / "meta" / "Icon\r").touch()
    assert refused(folder).endswith("may not have; rename or remove it")


def test_lost_and_found_is_not_read(folder: Path) -> None:
    before = FolderSource(folder, "claim:dataset").revision
    (folder / "lost+found").mkdir()
    (folder / "lost+found" / "fifo").symlink_to("/nowhere")
    assert FolderSource(folder, "claim:dataset").revision == before


def test_a_snapshot_in_a_hub_cache_has_its_blobs(tmp_path: Path) -> None:
    source = FolderSource(cached(tmp_path), "snapshot")
    assert {path: source.read(path) for path in source.paths} == {README: b"blob 0", TASKS: b"blob 1"}


def test_a_snapshot_has_the_blobs_of_no_other_dataset_and_no_other_file(tmp_path: Path, token: Path) -> None:
    snapshot = cached(tmp_path)
    (tmp_path / "datasets--lab--other" / "blobs").mkdir(parents=True)
    (tmp_path / "datasets--lab--other" / "blobs" / "x").write_bytes(SECRET)
    link = snapshot / "meta" / "x"
    for target in ("../../../../datasets--lab--other/blobs/x", "../../../refs", str(token)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert "'meta/x'" in refused(snapshot)


def test_a_blob_that_is_a_link_leads_nowhere(tmp_path: Path, token: Path) -> None:
    snapshot = cached(tmp_path)
    blob = next((snapshot.parents[1] / "blobs").iterdir())
    blob.unlink()
    blob.symlink_to(token)
    assert "outside of the dataset" in refused(snapshot)
    blobs = blob.parent
    blob.unlink()
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    assert "outside of the dataset" in refused(snapshot)


def test_a_folder_that_only_looks_like_a_cache_has_no_blobs(tmp_path: Path) -> None:
    snapshot = cached(tmp_path)
    renamed = snapshot.rename(snapshot.with_name("main"))
    assert "outside of the dataset" in refused(renamed)


def test_one_further_folder_is_followed_when_it_is_named(folder: Path, tmp_path: Path, token: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    (store / "big").write_text("video")
    (folder / "video").symlink_to(store / "big")
    assert "outside of the dataset" in refused(folder)
    source = FolderSource(folder, "x", follow_links=store)
    assert source.read(DatasetPath("video")) == b"video"
    (folder / "other").symlink_to(token)
    assert "'other'" in refused(folder, follow_links=store)


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "nowhere", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(WorkerFailure) as caught:
            FolderSource(place, "claim:x")
        assert caught.value.reason is FailureReason.SOURCE_NOT_FOUND


def _link_instead_of_file(folder: Path, token: Path) -> None:
    (folder / TASKS).unlink()
    (folder / TASKS).symlink_to(token)


def _link_instead_of_folder(folder: Path, token: Path) -> None:
    (folder / "meta").rename(folder / "meta-before")
    (token.parent / TASKS.name).write_bytes(SECRET)
    (folder / "meta").symlink_to(token.parent)


def _link_instead_of_dataset(folder: Path, token: Path) -> None:
    folder.rename(folder.with_name("before"))
    (token.parent / "meta").mkdir()
    (token.parent / TASKS).write_bytes(SECRET)
    folder.symlink_to(token.parent)


def _fifo_instead_of_file(folder: Path, token: Path) -> None:
    (folder / TASKS).unlink()
    os.mkfifo(folder / TASKS)


@pytest.mark.parametrize(
    "swap", [_link_instead_of_file, _link_instead_of_folder, _link_instead_of_dataset, _fifo_instead_of_file]
)
def test_entry_that_is_swapped_after_the_listing_is_not_opened(
    folder: Path, token: Path, swap: Callable[[Path, Path], None]
) -> None:
    source = FolderSource(folder, "claim:dataset")
    swap(folder, token)
    for access in (source.open, source.open_partly, source.read):
        with pytest.raises(WorkerFailure) as caught:
            access(TASKS)
        assert caught.value.reason is FailureReason.SOURCE_INVALID
        assert SECRET.decode() not in caught.value.message


def test_entry_that_is_swapped_between_check_and_open_is_not_opened(
    folder: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, status = FolderSource(folder, "claim:dataset"), HeldFolder.status

    def swapped(self: HeldFolder, name: str) -> os.stat_result | None:
        seen = status(self, name)
        if seen is not None and stat.S_ISREG(seen.st_mode):
            os.unlink(name, dir_fd=self.descriptor)
            os.symlink(token, name, dir_fd=self.descriptor)
        return seen

    monkeypatch.setattr(HeldFolder, "status", swapped)
    with pytest.raises(WorkerFailure, match="is a link"):
        source.open(TASKS)


def test_a_target_that_is_swapped_after_it_was_resolved_is_not_opened(
    folder: Path, token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "copy").symlink_to(TASKS)
    (folder / "linked").symlink_to("meta")
    source, resolve = FolderSource(folder, "claim:dataset"), AllowedPlaces.target

    def swapped(*arguments: Any) -> str:
        target = resolve(*arguments)
        if not (folder / "meta").is_symlink():
            _link_instead_of_folder(folder, token)
        return target

    monkeypatch.setattr(AllowedPlaces, "target", swapped)
    for path in ("copy", f"linked/{TASKS.name}"):
        with pytest.raises(WorkerFailure, match=r"not followed|is not read") as caught:
            source.open(DatasetPath(path))
        assert SECRET.decode() not in caught.value.message
        (folder / "meta").unlink()
        (folder / "meta-before").rename(folder / "meta")


def test_opened_file_stays_the_one_that_was_checked(folder: Path, token: Path) -> None:
    source = FolderSource(folder, "claim:dataset")
    opened = source.open(TASKS)
    _link_instead_of_file(folder, token)
    assert opened.read_bytes() == b"tasks"
    assert source.open(TASKS).read_bytes() == b"tasks"
    source.drop(TASKS)
    with pytest.raises(WorkerFailure):
        source.open(TASKS)


def test_no_race_with_a_changing_folder_is_won(folder: Path, token: Path) -> None:
    """For a second or more, a thread swaps a folder of the dataset with a link to the token's as often as it can."""
    (token.parent / TASKS.name).write_bytes(SECRET)
    (folder / "evil").symlink_to(token.parent)
    dataset, ended, seen = DatasetFolder(folder), threading.Event(), {"read": 0, "refused": 0}

    def flicker() -> None:
        while not ended.is_set():
            (folder / "meta").rename(folder / "spare")
            (folder / "evil").rename(folder / "meta")
            (folder / "meta").rename(folder / "evil")
            (folder / "spare").rename(folder / "meta")

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline or not seen["read"]:
            try:
                assert dataset.read(TASKS) == b"tasks"
                seen["read"] += 1
            except (EntryRefused, OSError):
                seen["refused"] += 1
    finally:
        ended.set()
        thread.join()
    assert seen["read"]


def test_files_that_callers_forget_are_closed(folder: Path) -> None:
    for number in range(300):
        (folder / f"{number}").write_text("")
    source, before = FolderSource(folder, "x"), open_files()
    for path in source.paths:
        assert source.open(path).read_bytes() is not None
    assert open_files() <= before + 65
    source.close()
    assert open_files() <= before


def test_fingerprint_of_a_folder_is_stable(folder: Path) -> None:
    """Jobs that are under way know their source by it."""
    assert FolderSource(folder, "x", None, CONVENTIONS).revision == "20ea9d5570fa999ebd1c7a9b747c4e565e6a59f1"
