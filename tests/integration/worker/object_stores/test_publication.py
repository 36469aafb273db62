"""A publication that is killed between any two requests: readers see nothing or all, and a restart completes it."""

import json
from itertools import cycle
from pathlib import Path
from urllib.parse import unquote

import pytest

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.registry import CONVENTIONS
from augmentation_worker.storage.object_store import client as client_module
from augmentation_worker.storage.object_store.output import NOTHING, ObjectStoreOutput
from augmentation_worker.storage.object_store.source import ObjectStoreSource
from augmentation_worker.storage.port import OutputMoved, StoredFile
from tests.integration.worker.jobs import UID
from tests.integration.worker.object_stores.conftest import BUCKET, DATASET, client_of, download, keys_of
from tests.integration.worker.object_stores.store_proxy import Asked, Fault
from tests.integration.worker.object_stores.store_servers import StoreServer

OTHER_UID = "99999999-6a51-4f0e-9d54-2f6a1f6a9f11"
ENTRANCE = DatasetPath("meta/info.json")
WRITTEN = {
    ENTRANCE: b'{"codebase_version": "v3.0"}',
    DatasetPath("meta/augmentation.json"): json.dumps({"jobID": UID}).encode(),
    DatasetPath("README.md"): b"# a card",
}


def output_of(store: StoreServer, place: str, *, uid: str = UID, seconds: float = 0.0) -> ObjectStoreOutput:
    return ObjectStoreOutput(client_of(store, place, seconds=seconds), uid, CONVENTIONS)


def stored_in(output: ObjectStoreOutput, folder: Path) -> list[StoredFile]:
    files = []
    for number in range(3):
        local = folder / f"{number}.mp4"
        local.write_bytes(f"video {number}".encode())
        files.append(output.put(DatasetPath(f"videos/file-{number}.mp4"), local))
    return files


def expected(files: list[StoredFile], folder: Path) -> dict[str, bytes]:
    return {str(path): data for path, data in WRITTEN.items()} | {
        str(file.path): (folder / f"{number}.mp4").read_bytes() for number, file in enumerate(files)
    }


def read_all(store: StoreServer, place: str, folder: Path) -> dict[str, bytes]:
    local = download(store, place, folder)
    paths = [path for path in local.rglob("*") if path.is_file() and ".augmentation-" not in str(path)]
    return {str(path.relative_to(local)): path.read_bytes() for path in paths}


def test_killed_publication_shows_nothing_or_all_and_a_restart_completes_it(
    s3: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CONCURRENT_REQUESTS", 1)
    monkeypatch.setattr("augmentation_worker.storage.object_store.connection._RETRIES", 0)
    kills, killed, finished = 0, 0, False
    seen = set()
    while not finished:
        place = f"killed/{kills}"
        output = output_of(s3, place)
        files = stored_in(output, tmp_path)
        whole = expected(files, tmp_path)
        left = [kills]

        def kill(asked: Asked, left: list[int] = left) -> Fault | None:
            left[0] -= 1
            # What the store has begun it also completes: the process sees no answer of its last request.
            return None if left[0] > 0 else Fault("lost" if left[0] == 0 else "cut")

        with s3.proxy.failing(kill):
            try:
                output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
                finished = left[0] >= 0
            except WorkerFailure:
                killed += 1
        shown = read_all(s3, place, tmp_path / f"read-{kills}")
        is_visible = ENTRANCE in shown
        seen.add(is_visible)
        assert not is_visible or shown == whole, f"killed at request {kills}"
        again = output_of(s3, place, seconds=2.0)
        revision = again.published()
        assert (revision is not None) == is_visible
        if revision is None:
            assert again.check(None) == NOTHING  # type: ignore[arg-type]
            revision = again.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
        assert read_all(s3, place, tmp_path / f"again-{kills}") == whole
        assert sorted(keys_of(s3, place)) == sorted(whole)
        assert again.published() == revision
        kills += 1
    assert killed >= len(WRITTEN) + 3
    assert seen == {False, True}


def test_store_that_fails_again_and_again_gets_the_whole_result(
    store: StoreServer, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("augmentation_worker.storage.object_store.connection._RETRIES", 0)
    output = output_of(store, place, seconds=20.0)
    faults = cycle([Fault("answer", 500, "InternalError"), None, Fault("cut"), None, Fault("truncated"), Fault("lost")])
    with store.proxy.failing(lambda _asked: next(faults)):
        files = stored_in(output, tmp_path)
        revision = output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
        written = [
            unquote(asked.path).partition(f"{place}/")[2] for asked in store.proxy.asked if asked.method == "PUT"
        ]
    visible = [path for path in written if not path.startswith(".augmentation-")]
    assert set(visible) == set(expected(files, tmp_path))
    assert set(visible[visible.index(ENTRANCE) :]) == {ENTRANCE}
    assert read_all(store, place, tmp_path / "read") == expected(files, tmp_path)
    assert output.published() == revision


def test_result_is_complete_where_deleting_is_not_allowed(s3: StoreServer, tmp_path: Path, place: str) -> None:
    notices: list[str] = []
    client = client_of(s3, place, seconds=0.0)
    output = ObjectStoreOutput(client, UID, CONVENTIONS, lambda _status, sentence: notices.append(sentence))
    files = stored_in(output, tmp_path)

    def refuse(asked: Asked) -> Fault | None:
        is_deletion = asked.method == "DELETE" or (asked.method == "POST" and "delete" in asked.target)
        return Fault("answer", 403, "AccessDenied") if is_deletion else None

    with s3.proxy.failing(refuse):
        revision = output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
        assert output.published() == revision
    assert read_all(s3, place, tmp_path / "read") == expected(files, tmp_path)
    assert all("The result is complete" in sentence for sentence in notices) and notices


def test_store_without_checksums_and_conditions_is_written_to_and_that_is_said(
    s3: StoreServer, tmp_path: Path, place: str
) -> None:
    """Backblaze: "Unsupported header 'x-amz-checksum-sha256' received for this API call" (cyberduck#16107)."""
    notices: list[str] = []
    client = client_of(s3, place, seconds=0.0)
    output = ObjectStoreOutput(client, UID, CONVENTIONS, lambda _status, sentence: notices.append(sentence))
    source = ObjectStoreSource(client_of(s3, DATASET, side="source"), tmp_path)

    def refuse(asked: Asked) -> Fault | None:
        if named := next((name for name in asked.headers if name.startswith("x-amz-checksum")), None):
            return Fault("answer", 400, "InvalidArgument", sentence=f"Unsupported header '{named}' received")
        is_condition = asked.method == "PUT" and "if-none-match" in asked.headers
        return Fault("answer", 501, "NotImplemented") if is_condition else None

    with s3.proxy.failing(refuse):
        output.prepare(source)
        files = stored_in(output, tmp_path)
        revision = output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
        assert output.published() == revision
    assert read_all(s3, place, tmp_path / "read") == expected(files, tmp_path)
    assert len(notices) == 1 and "does not obey conditional writes" in notices[0]


def test_folders_that_a_console_made_are_no_files_of_somebody_else(s3: StoreServer, tmp_path: Path, place: str) -> None:
    for folder in ("", "meta/", "later/"):
        s3.s3("PUT", f"/{BUCKET}/{place}/{folder}", {})
    output = output_of(s3, place)
    assert output.check(None) == NOTHING  # type: ignore[arg-type]
    files = stored_in(output, tmp_path)
    revision = output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
    assert output.published() == revision
    assert set(keys_of(s3, place)) - {"meta", "later", place} == set(expected(files, tmp_path))


def test_lost_answer_of_the_entrance_is_found_out(store: StoreServer, tmp_path: Path, place: str) -> None:
    output = output_of(store, place, seconds=2.0)
    files = stored_in(output, tmp_path)
    lost = [1]

    def lose(asked: Asked) -> Fault | None:
        if asked.changes and "meta" in asked.path and "info" in asked.path and lost[0]:
            lost[0] -= 1
            return Fault("lost")
        return None

    with store.proxy.failing(lose):
        revision = output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
    assert not lost[0]
    assert output_of(store, place).published() == revision


def test_file_above_the_limit_of_a_copy_goes_through_the_pod_in_parts(
    s3: StoreServer, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_COPY_BYTES", 1 << 20)
    content = bytes(range(256)) * (36 * 2**10)
    (tmp_path / "large").write_bytes(content)
    output = output_of(s3, place)
    stored = output.put(DatasetPath("videos/large.mp4"), tmp_path / "large")
    with s3.proxy.failing(lambda _asked: None):
        output.commit("made", checked=NOTHING, stored=[stored], written=WRITTEN)
        assert sum("partNumber=" in asked.target for asked in s3.proxy.asked) == 2
    assert read_all(s3, place, tmp_path / "read")["videos/large.mp4"] == content


def test_two_jobs_do_not_mix_and_files_of_others_stay(store: StoreServer, tmp_path: Path, place: str) -> None:
    first, second = output_of(store, place), output_of(store, place, uid=OTHER_UID)
    mine, theirs = stored_in(first, tmp_path), stored_in(second, tmp_path)
    first.commit("made", checked=NOTHING, stored=mine, written=WRITTEN)
    with pytest.raises(WorkerFailure, match=r"holds something else .* name another folder in spec\.output\."):
        second.check(None)  # type: ignore[arg-type]
    with pytest.raises(OutputMoved):
        second.commit("made", checked=NOTHING, stored=theirs, written=WRITTEN)
    assert first.published() is not None and second.published() is None
    assert read_all(store, place, tmp_path / "read") == expected(mine, tmp_path)


def test_what_is_stored_is_found_by_its_content(store: StoreServer, tmp_path: Path, place: str) -> None:
    output = output_of(store, place)
    files = stored_in(output, tmp_path)
    assert output.missing(files) == []
    output.fetch(files[1], tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"video 1"
    client_of(store, place).delete([f"{place}/.augmentation-{UID[:8]}/{files[1].sha256}"])
    assert output.missing(files) == [files[1]]
    with pytest.raises(FileNotFoundError):
        output.fetch(files[1], tmp_path / "gone")
    with pytest.raises(WorkerFailure, match=r"file-1\.mp4 is not stored"):
        output.commit("made", checked=NOTHING, stored=files, written=WRITTEN)
    assert "meta/info.json" not in keys_of(store, place)


@pytest.mark.parametrize("path", ["result", ""])
def test_locked_and_versioned_bucket_takes_a_result_in_a_folder_or_as_a_whole(
    s3: StoreServer, tmp_path: Path, path: str
) -> None:
    bucket = f"locked-{'folder' if path else 'whole'}"
    s3.make_bucket(bucket, x_amz_bucket_object_lock_enabled="true")
    output = ObjectStoreOutput(client_of(s3, path, bucket=bucket), UID, CONVENTIONS)
    assert output.check(None) == NOTHING  # type: ignore[arg-type]
    files = stored_in(output, tmp_path)
    assert output.commit("made", checked=NOTHING, stored=files, written=WRITTEN) == output.published()
