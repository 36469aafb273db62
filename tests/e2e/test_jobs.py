"""Jobs submitted by REST and by kubectl, followed to completion, and their results."""

import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from augmentation_api.worker_contract import RESULT_PREVIEW
from augmentation_client import Client, Conflict
from augmentation_gateway.views.job_id import batch_id
from devcluster.demo.installation import RELEASE, SYSTEM_NAMESPACE
from devcluster.demo.job_progress import gateway_client
from tests.e2e.result_check import check_result
from tests.e2e.user import TIMEOUT_SECONDS, User
from tests.lerobot_check import check_opens_in_lerobot

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "tests/fixtures/pusht_v30"


def test_job_posted_to_gateway_publishes_dataset_that_lerobot_opens(user: User) -> None:
    fields = {
        "augment_copies": 3,
        "augment_brightness_min": -25,
        "augment_brightness_max": 25,
        "augment_color_temp_min": 3000,
        "augment_color_temp_max": 8000,
        "seed": 7,
    }
    with Client(user.access.gateway_url, user.access.api_key) as client:
        preview = client.preview(project_id=uuid4(), dataset_id="demo/pusht", **fields)
    job_id = user.submit(name="by REST", parallelism=2, **fields)
    accepted = user.status(job_id)
    assert accepted["status"] in ("queued", "running")

    status = user.complete(job_id)
    assert [phase["name"] for phase in status["phases"]] == ["resolve", "provision", "augment", "publish"]
    assert {phase["status"] for phase in status["phases"]} == {"completed"}
    assert status["augmented_dataset_id"] == f"demo/pusht_augmented_{job_id[:8]}"
    assert status["progress"]["percent"] == 100

    folder = user.download(status["augmented_dataset_id"])
    check_result(SAMPLE, folder, copies=3)
    assert preview == (folder / RESULT_PREVIEW).read_bytes(), "the result is not what its preview showed"
    check_opens_in_lerobot(folder, status["augmented_dataset_id"], episodes=24, frames=1368)
    commits = user.hub.list_repo_commits(status["augmented_dataset_id"], repo_type="dataset")
    assert len([commit for commit in commits if job_id in commit.title + commit.message]) == 1


def test_job_applied_with_kubectl_has_same_status_in_kubectl_and_rest(user: User) -> None:
    result = user.new_dataset_id("by-kubectl")
    job_id = user.apply(
        "lighting-by-kubectl",
        {
            "source": {"hub": {"repoID": "demo/pusht", "revision": "main"}},
            "output": {"hub": {"repoID": result, "private": True}, "video": {"codec": "h264", "crf": 20}},
            "augmentation": {
                "transforms": ["lighting", "shadow", "hueSaturation", "gamma", "blur", "noise", "jpeg", "occlusion"],
                "copies": 1,
                "episodes": "0:2,5",
                "lighting": {"contrast": {"min": 10, "max": 30}},
            },
        },
    )
    status = user.complete(job_id)
    assert status["output"]["dataset_id"] == result

    line = user.kubectl.run("get", "augmentationjob", "lighting-by-kubectl", "-n", user.namespace, "--no-headers")
    assert re.match(r"lighting-by-kubectl\s+completed\s+Published\s+publish\s+100\s+deterministic\s+\S+", line), line
    resource = user.resource(job_id)
    assert {condition["type"]: condition["status"] for condition in resource["status"]["conditions"]} == {
        "Accepted": "True",
        "Placed": "True",
        "Complete": "True",
        "Ready": "True",
    }
    folder = user.download(result)
    check_opens_in_lerobot(folder, result, episodes=9, frames=status["output"]["frames"])


def test_cancelled_job_stops_its_pods_and_publishes_nothing(user: User) -> None:
    result = user.new_dataset_id("never-published")
    with user.uploads_held(result):
        job_id = user.submit(augment_copies=2, output_dataset_id=result)
        user.wait(job_id, lambda status: status["current_phase"] == "augment")
        first, second = user.cancel(job_id), user.cancel(job_id)
        assert first.status_code == second.status_code == 200
        assert first.json()["cancelled"] is True
        assert user.wait(job_id)["status"] == "cancelled"
    assert not [pod for pod in user.pods(job_id, "augment") if pod["status"]["phase"] == "Running"]
    files = user.hub.list_repo_files(result, repo_type="dataset")
    assert files in ([], [".gitattributes"])
    assert user.cancel(job_id).status_code == 200


def test_client_follows_job_to_completion_and_every_dialect_shows_it(user: User) -> None:
    with Client(user.access.gateway_url, user.access.api_key) as client:
        job_id = user.submit(augment_copies=1, episodes="0:1")
        final = client.wait(job_id, timeout=TIMEOUT_SECONDS)
        assert final.status == "completed"
        phases = [event.phase.phase for event in client.events(job_id) if event.phase is not None]
        assert {"resolve", "augment", "publish"} <= set(phases)
        with pytest.raises(Conflict, match="completed"):
            client.cancel(job_id)
        assert job_id in [str(job.job_id) for job in client.list(status="completed")]
    with gateway_client(user.access) as gateway:
        assert gateway.get(f"/api/v2/genai/status/{job_id}/").json()["status"] == "COMPLETED"
        assert gateway.get(f"/jobs/{job_id}").json()["status"] == "succeeded"
        batch = gateway.get(f"/v0.5/batch/jobs/{batch_id(job_id)}").json()
        assert batch["input_progress"] == {"pending": 0, "processing": 0, "completed": 1, "failed": 0}
        preview = gateway.get(f"/v1/augmentation/{job_id}/preview")
    picture = httpx.get(preview.headers["location"], headers={"authorization": f"Bearer {user.access.hub_token}"})
    picture.raise_for_status()
    assert picture.content.startswith(b"\x89PNG")


def test_restarted_job_keeps_finished_episodes(user: User, small_files: str) -> None:
    result = user.new_dataset_id("started-again")
    # A file of the source, two of episodes and the preview are stored.
    with user.uploads_held(result, after=4):
        job_id = user.submit(dataset_id=small_files, augment_copies=2, parallelism=1, output_dataset_id=result)
        user.wait(job_id, lambda status: bool(status["progress"]) and status["progress"]["episodes"]["done"] >= 1)
        user.cancel(job_id)
        assert user.wait(job_id)["status"] == "cancelled"
    user.retry(job_id)
    status = user.complete(job_id)
    assert status["output"]["episodes"] == 6 + 6 * 2
    augment = next(phase for phase in status["phases"] if phase["name"] == "augment")
    assert [event["message"] for event in augment["events"] if event["status"] == "resumed"]


def test_installed_release_passes_helm_test(user: User) -> None:
    output = user.kubectl.helm("test", RELEASE, "--namespace", SYSTEM_NAMESPACE, "--timeout", "3m")
    assert re.search(r"Phase:\s+Succeeded", output), output


@pytest.mark.parametrize("program", ["operator", "gateway"])
def test_programs_run_under_restricted_pod_security_with_read_only_root(user: User, program: str) -> None:
    pods = user.kubectl.run(
        "get", "pods", "-n", "augmentation-system", "-l", f"app.kubernetes.io/name=augmentation-{program}",
        "-o", "jsonpath={.items[0].spec.containers[0].securityContext}",
    )  # fmt: skip
    assert '"readOnlyRootFilesystem":true' in pods
