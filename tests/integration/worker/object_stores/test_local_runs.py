"""`augmentation-worker run` and `reproduce` with buckets instead of folders."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from augmentation_worker.__main__ import main
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.local.earlier_runs import left_behind, remove_others
from augmentation_worker.local.job_file import read_job_file
from augmentation_worker.local.place import open_source, place_of
from augmentation_worker.local.reproduce import recorded_in
from augmentation_worker.local.run import prepared
from augmentation_worker.storage.object_store.output import ObjectStoreOutput
from tests.integration.worker.jobs import spec_of
from tests.integration.worker.object_stores.conftest import (
    BUCKET,
    DATASET,
    client_of,
    download,
    hashes_anywhere,
    keys_of,
)
from tests.integration.worker.object_stores.store_servers import S3_PASSWORD, S3_USER, StoreServer


@pytest.fixture
def in_a_shell(s3: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user of Amazon's tools has set it up, in an empty folder with a job's file."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.proxy.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", S3_USER)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", S3_PASSWORD)
    monkeypatch.chdir(tmp_path)
    Path("job.yaml").write_text(
        json.dumps(
            {
                "source": {"hub": {"repoID": "lab/demo"}},
                "output": {"s3": {"bucket": "elsewhere", "path": "a"}},
                "augmentation": spec_of("unused/unused", copies=1)["augmentation"],
            }
        )
    )


@pytest.mark.usefixtures("in_a_shell")
def test_bucket_is_augmented_into_a_bucket_and_the_same_command_finds_it_done(
    s3: StoreServer, in_a_folder: Mapping[str, str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, output = f"s3://{BUCKET}/{DATASET}", f"s3://{BUCKET}/local/result"
    command = ["run", "-f", "job.yaml", "--source", source, "--output", output]
    assert main(command) == 0, capfd.readouterr().err
    assert f"{output}: see meta/augmentation.png" in capfd.readouterr().out
    result = download(s3, "local/result", tmp_path / "result")
    assert hashes_anywhere(result) == in_a_folder
    assert json.loads((result / "meta/augmentation.json").read_text())["source"]["url"] == source
    assert not [key for key in keys_of(s3, "local/result") if key.startswith(".augmentation")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job.yaml", "result"]
    assert main(command) == 0
    assert "already" in capfd.readouterr().out
    assert recorded_in(place_of(output, os.environ)).spec.augmentation.copies == 1
    assert main(["preview", "-f", "job.yaml", "--source", source, "-o", "preview.png"]) == 0
    assert Path("preview.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("in_a_shell")
def test_run_that_is_asked_for_something_else_removes_what_the_one_before_left(s3: StoreServer) -> None:
    source, output = place_of(f"s3://{BUCKET}/{DATASET}", os.environ), place_of(f"s3://{BUCKET}/other", os.environ)
    elsewhere = place_of(f"s3://{BUCKET}/elsewhere/other", os.environ)
    spec = read_job_file(Path("job.yaml"))
    corrected = spec.model_copy(update={"augmentation": spec.augmentation.model_copy(update={"seed": 8})})
    first, third = (prepared(spec, source, place, 1, "cpu") for place in (output, elsewhere))
    for run, path in ((first, "other"), (third, "elsewhere/other")):
        ObjectStoreOutput(client_of(s3, path), run.uid).put(DatasetPath("a.mp4"), Path("job.yaml"))
    staged = f"s3://{BUCKET}/other/.augmentation-{first.uid[:8]}"
    assert left_behind(first.folders) == [str(first.folder), staged]
    second = prepared(corrected, source, output, 1, "cpu")
    assert first.uid != second.uid and first.folder.parent == Path.cwd()
    remove_others(second.folders)
    assert [path for path in (first.folder, second.folder, third.folder) if path.exists()] == [
        second.folder,
        third.folder,
    ]
    assert not keys_of(s3, "other") and keys_of(s3, "elsewhere/other")


def test_variables_of_the_vendors_tools_are_credentials(
    store: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {path.name: path for path in store.credentials.iterdir()}
    variables = {name: path.read_text() for name, path in files.items() if name != "service-account.json"}
    if "service-account.json" in files:
        variables["GOOGLE_SERVICE_ACCOUNT_KEY"] = files["service-account.json"].read_text()
    access = store.access(BUCKET, DATASET, identity="workload", secret=None, credentials_folder=None)
    if store.kind == "azure":
        variables["AZURE_STORAGE_ENDPOINT"] = access.endpoint or ""
        access = access.model_copy(update={"endpoint": None})
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    source = open_source(access, None, tmp_path, os.environ)
    assert (source.read(DatasetPath("meta/info.json")) or b"").startswith(b"{")
