"""A job from bucket to bucket on the cluster, by the class's endpoint and Secret."""

from pathlib import Path

import pytest

from devcluster import settings as devcluster_settings
from devcluster.demo.installation import STORE_BUCKET, Installation
from devcluster.demo.object_store import DemoStore, install_store
from tests.e2e.result_check import check_result
from tests.e2e.user import User
from tests.lerobot_check import check_opens_in_lerobot

SAMPLE = Path(__file__).resolve().parents[2] / "tests/fixtures/pusht_v30"


@pytest.fixture
def store(user: User, installation: Installation) -> DemoStore:
    """The S3 store, with the sample in it and its keys in the user's namespace."""
    store = install_store(devcluster_settings.from_environment(), installation, user.namespace)
    store.upload_sample("datasets/pusht")
    return store


def test_job_from_bucket_to_bucket_is_published_whole(user: User, store: DemoStore, tmp_path: Path) -> None:
    job_id = user.submit(name="in a bucket", dataset_id=store.url("datasets/pusht"), augment_copies=1, parallelism=1)
    status = user.complete(job_id)
    result = f"datasets/pusht_augmented_{job_id[:8]}"
    assert status["augmented_dataset_id"] == f"s3://{STORE_BUCKET}/{result}"

    folder = tmp_path / "result"
    store.download(result, folder)
    check_result(SAMPLE, folder, copies=1)
    check_opens_in_lerobot(folder, "demo/pusht", episodes=12, frames=684)
    assert not store.files(f"{result}/.augmentation"), "what was stored for publication is removed"
