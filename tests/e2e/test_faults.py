"""Upgrades, outages and deletion during a running job. Kills: test_chaos.py."""

import httpx

from devcluster.demo.installation import CHART
from tests.e2e.user import Json, User

SYSTEM = "augmentation-system"


def program_pods(user: User, program: str) -> list[str]:
    selector = f"app.kubernetes.io/name=augmentation-{program}"
    return user.kubectl.run("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "name").replace("pod/", "").split()


def some_frames_done(status: Json) -> bool:
    progress = status["progress"] or {"frames": {"done": 0}}
    return bool(status["current_phase"] == "augment" and progress["frames"]["done"] > 0)


def test_running_job_survives_upgrade_and_rollback(user: User) -> None:
    job_id = user.submit(augment_copies=4, parallelism=2, seed=11)
    user.wait(job_id, some_frames_done)
    release = ("augmentation", "-n", SYSTEM)
    changed = ("--set=operator.replicas=2", "--set=gateway.replicas=2", "--set=gateway.requestsPerSecond=1000")
    user.kubectl.helm("upgrade", release[0], CHART, *release[1:], "--reuse-values", *changed, "--wait")
    try:
        assert len(program_pods(user, "operator")) == 2
        began = user.resource(job_id)["status"]["startedAt"]
    finally:
        user.kubectl.helm("rollback", *release, "--wait")
    status = user.complete(job_id)
    assert user.resource(job_id)["status"]["startedAt"] == began
    assert user.resource(job_id)["status"].get("retryCount", 0) == 0
    assert user.owned(job_id, "jobs") == 3
    assert user.download(status["augmented_dataset_id"])


def test_hub_outage_during_publish_fails_job_without_publishing(user: User) -> None:
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
        retrying = user.wait(job_id, lambda status: "trying" in str(user.resource(job_id).get("status")))
        assert retrying["current_phase"] == "publish"
        status = user.wait(job_id)
    finally:
        httpx.delete(faults, headers=token, timeout=10)
    assert status["status"] == "failed"
    assert "503" in status["error"]
    reasons = {condition["type"]: condition["reason"] for condition in user.resource(job_id)["status"]["conditions"]}
    assert reasons["Failed"] == "HubUnavailable"
    files = user.hub.list_repo_files(result, repo_type="dataset")
    assert files in ([], [".gitattributes"])


def test_deleted_job_leaves_no_resources(user: User) -> None:
    job_id = user.apply("short-lived", {"source": {"hub": {"repoID": "demo/pusht"}}, "augmentation": {"copies": 5}})
    user.wait(job_id, lambda status: status["current_phase"] == "augment")
    user.delete(job_id)
    user.wait_until_nothing_is_left(job_id)
