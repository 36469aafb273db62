"""One job by REST and one by kubectl, to completion, and what came of them."""

import re
from pathlib import Path

import pytest

from tests.e2e.result_check import check_result
from tests.e2e.user import User
from tests.lerobot_opens import opens_in_lerobot

CHECKOUT = Path(__file__).resolve().parents[2]
SAMPLE = CHECKOUT / "tests/fixtures/pusht_v30"


def test_a_job_posted_to_the_gateway_publishes_a_dataset_that_lerobot_opens(user: User) -> None:
    job_id = user.submit(
        name="by REST",
        augment_copies=3,
        augment_brightness_min=-25,
        augment_brightness_max=25,
        augment_color_temp_min=3000,
        augment_color_temp_max=8000,
        parallelism=2,
        seed=7,
    )
    accepted = user.status(job_id)
    assert accepted["status"] in ("queued", "running")

    status = user.complete(job_id)
    assert [phase["name"] for phase in status["phases"]] == ["resolve", "provision", "augment", "publish"]
    assert {phase["status"] for phase in status["phases"]} == {"completed"}
    assert status["augmented_dataset_id"] == f"demo/pusht_augmented_{job_id[:8]}"
    assert status["progress"]["percent"] == 100

    folder = user.download(status["augmented_dataset_id"])
    check_result(SAMPLE, folder, copies=3)
    opens_in_lerobot(folder, status["augmented_dataset_id"], episodes=24, frames=1368)
    commits = user.hub.list_repo_commits(status["augmented_dataset_id"], repo_type="dataset")
    assert len([commit for commit in commits if job_id in commit.title + commit.message]) == 1


def test_a_job_applied_with_kubectl_tells_its_story_in_kubectl_and_rest_alike(user: User) -> None:
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
    assert re.match(r"lighting-by-kubectl\s+completed\s+publish\s+100\s+deterministic\s+\S+", line), line
    resource = user.resource(job_id)
    assert {each["type"]: each["status"] for each in resource["status"]["conditions"]} == {
        "Accepted": "True",
        "Placed": "True",
        "Complete": "True",
    }
    folder = user.download(result)
    opens_in_lerobot(folder, result, episodes=9, frames=status["output"]["frames"])


def test_a_cancelled_job_stops_its_pods_and_publishes_nothing(user: User) -> None:
    result = user.new_dataset_id("never-published")
    job_id = user.submit(augment_copies=20, output_dataset_id=result)
    user.wait(job_id, lambda status: status["current_phase"] == "augment")
    first, second = user.cancel(job_id), user.cancel(job_id)
    assert first.status_code == second.status_code == 200
    assert first.json()["cancelled"] is True
    assert user.wait(job_id)["status"] == "cancelled"
    assert not [pod for pod in user.pods(job_id, "augment") if pod["status"]["phase"] == "Running"]
    files = user.hub.list_repo_files(result, repo_type="dataset")
    assert files in ([], [".gitattributes"])
    assert user.cancel(job_id).status_code == 200


def test_a_completed_job_cannot_be_cancelled(user: User) -> None:
    job_id = user.submit(augment_copies=1, episodes="0:1")
    user.complete(job_id)
    answer = user.cancel(job_id)
    assert answer.status_code == 409
    assert "completed" in answer.json()["detail"]


@pytest.mark.parametrize("program", ["operator", "gateway"])
def test_programs_run_under_restricted_pod_security_with_a_read_only_root(user: User, program: str) -> None:
    pods = user.kubectl.run(
        "get", "pods", "-n", "augmentation-system", "-l", f"app.kubernetes.io/name=augmentation-{program}",
        "-o", "jsonpath={.items[0].spec.containers[0].securityContext}",
    )  # fmt: skip
    assert '"readOnlyRootFilesystem":true' in pods
