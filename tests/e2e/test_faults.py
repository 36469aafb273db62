"""Faults are normal: whatever is killed while a job runs, it completes, and its result is the same."""

import time

import httpx

from tests.e2e.result_check import fingerprint
from tests.e2e.user import Json, User

SYSTEM = "augmentation-system"


def program_pods(user: User, program: str) -> list[str]:
    selector = f"app.kubernetes.io/name=augmentation-{program}"
    return user.kubectl.run("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "name").replace("pod/", "").split()


def some_frames_done(status: Json) -> bool:
    progress = status["progress"] or {"frames": {"done": 0}}
    return status["current_phase"] == "augment" and progress["frames"]["done"] > 0


def test_killing_worker_operator_and_gateway_changes_nothing_in_the_result(user: User) -> None:
    request = {"augment_copies": 4, "parallelism": 2, "seed": 11}
    undisturbed = user.submit(**request)
    expected = fingerprint(user.download(user.complete(undisturbed)["augmented_dataset_id"]))

    disturbed = user.submit(**request)
    user.wait(disturbed, some_frames_done)
    running = [pod for pod in user.pods(disturbed, "augment") if pod["status"]["phase"] == "Running"]
    assert running
    user.kill(user.namespace, running[0]["metadata"]["name"])
    user.kill(SYSTEM, *program_pods(user, "operator"))
    user.kill(SYSTEM, *program_pods(user, "gateway"))

    status = user.complete(disturbed)
    assert fingerprint(user.download(status["augmented_dataset_id"])) == expected
    commits = user.hub.list_repo_commits(status["augmented_dataset_id"], repo_type="dataset")
    assert len([commit for commit in commits if disturbed in commit.title + commit.message]) == 1
    jobs = user.kubectl.run(
        "get", "jobs", "-n", user.namespace, "-l", f"augmentation.dev/job-uid={disturbed}", "-o", "name"
    )
    assert len(jobs.split()) == 3


def test_a_hub_that_is_down_during_publish_fails_the_job_with_nothing_published(user: User) -> None:
    result = user.new_dataset_id("hub-down")
    job_id = user.apply(
        "hub-down",
        {
            "source": {"hub": {"repoID": "demo/pusht"}},
            "output": {"hub": {"repoID": result}},
            "augmentation": {"copies": 1, "episodes": "0:2"},
            "backoffLimitPerShard": 0,
        },
    )
    token = {"Authorization": f"Bearer {user.access.hub_token}"}
    faults = f"{user.access.hub_endpoint}/_faults"
    fault = {"path_contains": f"{result}/commit/", "status": 503, "count": 1000}
    httpx.post(faults, json=fault, headers=token, timeout=10).raise_for_status()
    try:
        told = user.wait(job_id, lambda status: "trying" in str(user.resource(job_id).get("status")))
        assert told["current_phase"] == "publish"
        status = user.wait(job_id)
    finally:
        httpx.delete(faults, headers=token, timeout=10)
    assert status["status"] == "failed"
    assert "503" in status["error"]
    reasons = {each["type"]: each["reason"] for each in user.resource(job_id)["status"]["conditions"]}
    assert reasons["Failed"] == "HubUnavailable"
    files = user.hub.list_repo_files(result, repo_type="dataset")
    assert files in ([], [".gitattributes"])


def test_deleting_a_job_removes_everything_that_was_made_for_it(user: User) -> None:
    job_id = user.apply("short-lived", {"source": {"hub": {"repoID": "demo/pusht"}}, "augmentation": {"copies": 5}})
    user.wait(job_id, lambda status: status["current_phase"] == "augment")
    user.kubectl.run("delete", "augmentationjob", "short-lived", "-n", user.namespace)
    user._made.remove(job_id)
    kinds = "jobs,pods,configmaps,serviceaccounts,roles,rolebindings"
    deadline = time.monotonic() + 60
    while left := user.kubectl.run(
        "get", kinds, "-n", user.namespace, "-l", f"augmentation.dev/job-uid={job_id}", "-o", "name"
    ):
        assert time.monotonic() < deadline, left
        time.sleep(1)
