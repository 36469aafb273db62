"""Invalid input fails early with a clear message, the same in kubectl and REST; nothing is partially published."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi

from devcluster.demo.access import Access
from devcluster.demo.installation import Installation
from tests.e2e.user import User

BROKEN_IMAGE = "localhost:1/no/such/image:1"
V21 = Path(__file__).resolve().parents[1] / "fixtures/pusht_v21"


def failure(user: User, job_id: str) -> tuple[str, str]:
    """Typed reason and message of a failed job; the message is the same in every view."""
    status = user.wait(job_id)
    assert status["status"] == "failed", status
    resource = user.resource(job_id)
    condition = next(entry for entry in resource["status"]["conditions"] if entry["type"] == "Failed")
    assert status["error"] == condition["message"]
    assert not [pod for pod in user.pods(job_id, "augment") if pod["status"]["phase"] in ("Pending", "Running")]
    return condition["reason"], condition["message"]


@pytest.fixture(scope="module", autouse=True)
def broken_image_job(
    installation: Installation, access: Access, hub: HfApi, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A job whose image cannot be pulled. It takes two minutes to fail, so it starts before the other tests."""
    user = User(installation.kubectl, access, hub, tmp_path_factory.mktemp("broken-image"))
    user.kubectl.apply(
        {
            "apiVersion": "augmentation.dev/v1alpha1",
            "kind": "AugmentationClass",
            "metadata": {"name": "e2e-broken-image"},
            "spec": {"image": BROKEN_IMAGE},
        }
    )
    yield user.apply("broken-image", {"className": "e2e-broken-image", "source": {"hub": {"repoID": "demo/pusht"}}})
    user.kubectl.run("delete", "augmentationclass", "e2e-broken-image")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"augment_copies": 21}, "augment_copies"),
        ({"augment_brightness_min": 20, "augment_brightness_max": 10}, "augment_brightness_min"),
        ({"augment_bightness_min": 5}, "augment_bightness_min"),
        ({"dataset_id": "no-owner"}, "dataset_id"),
        ({"project_id": "not-a-uuid"}, "project_id"),
    ],
)
def test_gateway_rejects_invalid_field_by_name(user: User, fields: dict[str, Any], field: str) -> None:
    answer = user.post(**fields)
    assert answer.status_code == 422
    assert field in answer.text


def test_invalid_key_is_rejected(user: User) -> None:
    url = f"{user.access.gateway_url}/v1/augmentation"
    answer = httpx.post(url, json={}, headers={"x-api-key": "aug_wrong"}, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["detail"]


def test_generative_job_without_augmentation_class_is_rejected(user: User) -> None:
    answer = user.post(augmentation_type="generative")
    assert answer.status_code == 400
    assert "generative" in answer.json()["detail"]


def test_error_found_by_resolve_fails_job_before_worker_node_is_used(user: User, hub: HfApi) -> None:
    hub.create_repo("demo/not-lerobot", repo_type="dataset", exist_ok=True)
    hub.upload_file(path_or_fileobj=b"hello", path_in_repo="hello.txt", repo_id="demo/not-lerobot", repo_type="dataset")
    hub.create_repo("demo/pusht-v20", repo_type="dataset", exist_ok=True)
    old = (V21 / "meta/info.json").read_bytes().replace(b'"v2.1"', b'"v2.0"')
    hub.upload_file(path_or_fileobj=old, path_in_repo="meta/info.json", repo_id="demo/pusht-v20", repo_type="dataset")
    # Its videos are AV1, which only resolve knows.
    of_x264 = {"source": {"hub": {"repoID": "demo/pusht"}}, "output": {"video": {"preset": "veryfast"}}}
    jobs = {
        "SourceNotFound": (user.submit(dataset_id="demo/nowhere"), "demo/nowhere"),
        "RevisionNotFound": (user.submit(revision="no-such-branch"), "no-such-branch"),
        "SourceFormatUnsupported": (user.submit(dataset_id="demo/pusht-v20"), "convert_dataset_v20_to_v21"),
        "SpecUnsupported": (user.apply("of-x264", of_x264), "spec.output.video: preset is veryfast"),
        "SelectionEmpty": (user.submit(episodes="100:200"), "100:200"),
    }
    no_lerobot = user.submit(dataset_id="demo/not-lerobot")
    for expected, (job_id, detail) in jobs.items():
        reason, message = failure(user, job_id)
        assert reason == expected, message
        assert detail in message
        assert not user.pods(job_id, "augment")
    reason, message = failure(user, no_lerobot)
    assert reason in ("SourceFormatUnsupported", "SourceInvalid")
    assert "meta/info.json" in message


def test_unrelated_output_dataset_is_left_unchanged(user: User, hub: HfApi) -> None:
    hub.create_repo("demo/taken", repo_type="dataset", exist_ok=True)
    hub.upload_file(path_or_fileobj=b"precious", path_in_repo="data.txt", repo_id="demo/taken", repo_type="dataset")
    before = hub.dataset_info("demo/taken").sha
    reason, message = failure(user, user.submit(output_dataset_id="demo/taken"))
    assert reason == "OutputConflict"
    assert "demo/taken" in message
    assert hub.dataset_info("demo/taken").sha == before


def test_missing_hub_token_is_reported(user: User) -> None:
    spec = {"source": {"hub": {"repoID": "demo/pusht"}}, "credentialsSecretRef": {"name": "no-such-secret"}}
    reason, message = failure(user, user.apply("no-token", spec))
    assert reason in ("CredentialsInvalid", "OutputAccessDenied")
    assert "no-such-secret" in message


def test_second_demo_is_rejected_while_first_runs(tmp_path: Path) -> None:
    import fcntl

    from devcluster.settings import CHECKOUT

    lock = CHECKOUT / "build" / "demo.lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        second = subprocess.run(
            [sys.executable, "-m", "devcluster.demo", "run"], cwd=CHECKOUT, capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert "another `make demo` runs" in second.stdout


def test_image_pull_error_is_reported_during_retries_and_fails_job(user: User, broken_image_job: str) -> None:
    status_before = user.wait(broken_image_job, lambda status: "cannot be pulled" in (status["error"] or ""))
    assert BROKEN_IMAGE in status_before["error"]
    reason, message = failure(user, broken_image_job)
    assert reason == "ImagePullFailed"
    assert BROKEN_IMAGE in message
    deadline = time.monotonic() + 30
    while user.pods(broken_image_job, "resolve"):
        assert time.monotonic() < deadline, "the pod that cannot start is still there"
        time.sleep(1)
