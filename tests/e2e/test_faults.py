"""Upgrades, outages and deletion during a running job. Kills: test_chaos.py."""

from devcluster.demo.installation import CHART
from devcluster.localhub.hub_process import clear_faults, inject_fault
from tests.e2e.user import Json, User

SYSTEM = "augmentation-system"


def program_pods(user: User, program: str) -> list[str]:
    selector = f"app.kubernetes.io/name=augmentation-{program}"
    return user.kubectl.run("get", "pods", "-n", SYSTEM, "-l", selector, "-o", "name").replace("pod/", "").split()


def some_frames_done(status: Json) -> bool:
    progress = status["progress"] or {"frames": {"done": 0}}
    return bool(status["current_phase"] == "augment" and progress["frames"]["done"] > 0)


def test_running_job_survives_upgrade_and_rollback(user: User) -> None:
    result = user.new_dataset_id("upgraded")
    release = ("augmentation", "-n", SYSTEM)
    changed = ("--set=operator.replicas=2", "--set=gateway.replicas=2", "--set=gateway.requestsPerSecond=1000")
    with user.uploads_held(result, after=1):
        job_id = user.submit(augment_copies=4, parallelism=2, seed=11, output_dataset_id=result)
        user.wait(job_id, some_frames_done)
        began = user.resource(job_id)["status"]["startedAt"]
        user.kubectl.helm("upgrade", release[0], CHART, *release[1:], "--reuse-values", *changed, "--wait")
        try:
            assert len(program_pods(user, "operator")) == 2
            assert user.status(job_id)["status"] == "running"
        finally:
            user.kubectl.helm("rollback", *release, "--wait")
        assert user.status(job_id)["status"] == "running"
    status = user.complete(job_id)
    assert user.resource(job_id)["status"]["startedAt"] == began
    assert user.resource(job_id)["status"].get("retryCount", 0) == 0
    assert user.owned(job_id, "jobs") == 3
    assert user.download(status["augmented_dataset_id"])


def test_hub_outage_during_publish_fails_job_without_publishing(user: User) -> None:
    result = user.new_dataset_id("hub-down")
    hub, token = user.access.hub_endpoint, user.access.hub_token
    inject_fault(hub, token, path_contains=f"{result}/commit/", status=503, count=None)
    try:
        job_id = user.apply(
            "hub-down",
            {
                "source": {"hub": {"repoID": "demo/pusht"}},
                "output": {"hub": {"repoID": result}},
                "augmentation": {"copies": 1, "episodes": "0:2"},
                "backoffLimitPerShard": 0,
            },
        )
        status = user.wait(job_id)
    finally:
        clear_faults(hub, token)
    assert status["current_phase"] == "publish"
    publish = next(phase for phase in status["phases"] if phase["name"] == "publish")
    assert [event for event in publish["events"] if event["status"] == "retrying"]
    assert status["status"] == "failed"
    assert "503" in status["error"]
    reasons = {condition["type"]: condition["reason"] for condition in user.resource(job_id)["status"]["conditions"]}
    assert reasons["Failed"] == "HubUnavailable"
    files = user.hub.list_repo_files(result, repo_type="dataset")
    assert files in ([], [".gitattributes"])


def test_deleted_job_leaves_no_resources(user: User) -> None:
    result = user.new_dataset_id("never-published")
    spec = {"source": {"hub": {"repoID": "demo/pusht"}}, "output": {"hub": {"repoID": result}}}
    with user.uploads_held(result):
        job_id = user.apply("short-lived", spec)
        status = user.wait(job_id, lambda status: status["current_phase"] == "augment")
        assert status["status"] == "running"
        user.delete(job_id)
        user.wait_until_nothing_is_left(job_id)
