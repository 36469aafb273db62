"""Image datasets on the real cluster, where pods have a read-only disk, a user without a name and no internet."""

from pathlib import Path

from tests.e2e.user import User
from tests.integration.worker.image_datasets import COLUMNS, MAKERS, check_result


def test_augmented_image_datasets_open_with_load_dataset(user: User, tmp_path: Path) -> None:
    jobs = {}
    for kind in ("parquet", "imagefolder"):
        source, result = user.new_dataset_id(f"{kind}-source"), user.new_dataset_id(kind)
        local = MAKERS[kind](tmp_path / kind)
        user.hub.create_repo(source, repo_type="dataset")
        user.hub.upload_folder(repo_id=source, repo_type="dataset", folder_path=local)
        spec = {
            "source": {"hub": {"repoID": source}},
            "output": {"hub": {"repoID": result}},
            "augmentation": {"transforms": ["lighting", "noise"], "copies": 2, "seed": 7},
        }
        jobs[kind] = user.apply(result.split("/")[1], spec), local, result
    for kind, (job_id, local, result) in jobs.items():
        assert user.complete(job_id)["output"]["episodes"] == 30
        check_result(user.download(result, "main"), local, tmp_path / f"{kind}-cache", copies=2, columns=COLUMNS[kind])
