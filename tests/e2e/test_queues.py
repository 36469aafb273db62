"""Queues of the real Kueue: jobs wait for quota and show their position, priority goes first, no work is lost."""

from collections.abc import Iterator

import pytest
import yaml

from devcluster import kueue
from devcluster import settings as devcluster_settings
from devcluster.demo.access import Access
from devcluster.demo.installation import Installation
from devcluster.settings import CHECKOUT
from tests.e2e.user import Json, User

KUEUE = "kueue.x-k8s.io/v1beta2"
# Quota for one pod; other resources are plentiful.
QUOTA = [{"name": "cpu", "nominalQuota": "100"}, {"name": "memory", "nominalQuota": "100Gi"}]
PATCH = '{"spec": {"parallelism": 2}}'
QUOTA_OF_ONE_POD = [*QUOTA, {"name": "pods", "nominalQuota": "1"}]


@pytest.fixture(scope="module")
def queue(installation: Installation, access: Access) -> Iterator[str]:
    """A LocalQueue of the real Kueue, installed for these tests only: its webhooks see every Job of the cluster."""
    settings = devcluster_settings.from_environment()
    kueue.up(settings)
    try:
        installation.kubectl.apply(
            {"apiVersion": KUEUE, "kind": "ResourceFlavor", "metadata": {"name": "any-node"}},
            {
                "apiVersion": KUEUE,
                "kind": "ClusterQueue",
                "metadata": {"name": "one-pod"},
                "spec": {
                    "namespaceSelector": {},
                    "preemption": {"withinClusterQueue": "LowerPriority"},
                    "resourceGroups": [
                        {
                            "coveredResources": [quota["name"] for quota in QUOTA_OF_ONE_POD],
                            "flavors": [{"name": "any-node", "resources": QUOTA_OF_ONE_POD}],
                        }
                    ],
                },
            },
            local_queue("team-a", access.namespace),
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": "e2e-urgent"},
                "value": 1000,
                "preemptionPolicy": "Never",
            },
        )
        standard = installation.kubectl.get("augmentationclass", "cpu")
        assert standard is not None
        installation.kubectl.apply(
            {
                "apiVersion": standard["apiVersion"],
                "kind": "AugmentationClass",
                "metadata": {"name": "e2e-all-at-once"},
                "spec": {**standard["spec"], "default": False, "minParallelism": 1000},
            }
        )
        yield "team-a"
    finally:
        installation.kubectl.run("delete", "augmentationjobs", "--all", "--namespace", access.namespace)
        installation.kubectl.run("delete", "augmentationclass", "e2e-all-at-once", "--ignore-not-found")
        kueue.down(settings)


def local_queue(name: str, namespace: str, cluster_queue: str = "one-pod") -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": KUEUE, "kind": "LocalQueue", "metadata": metadata, "spec": {"clusterQueue": cluster_queue}}


def spec_of(queue: str, *, copies: int, priority: str | None = None, **augmentation: object) -> Json:
    return {
        "source": {"hub": {"repoID": "demo/pusht"}},
        "output": {"hub": {"repoID": User.new_dataset_id("queued")}},
        "augmentation": {"copies": copies, **augmentation},
        "parallelism": 1,
        "queueName": queue,
        **({"priorityClassName": priority} if priority else {}),
    }


def admission(user: User, job_id: str) -> tuple[str, str]:
    conditions = user.resource(job_id).get("status", {}).get("conditions", [])
    return next(
        ((condition["status"], condition["reason"]) for condition in conditions if condition["type"] == "Admitted"),
        ("", ""),
    )


def admission_message(user: User, job_id: str) -> str:
    conditions = user.resource(job_id)["status"]["conditions"]
    return next((str(each["message"]) for each in conditions if each["type"] == "Admitted"), "")


def place(user: User, job_id: str) -> Json | None:
    position: Json | None = user.resource(job_id).get("status", {}).get("queue")
    return position


def suspend(user: User, name: str, value: bool) -> None:
    spec = f'{{"spec":{{"suspend":{str(value).lower()}}}}}'
    user.kubectl.run("patch", "augmentationjob", name, "-n", user.namespace, "--type=merge", "--patch", spec)


def message(user: User, job_id: str) -> str:
    return str(user.resource(job_id).get("status", {}).get("message"))


def test_kueue_accepts_sample_manifests(user: User, queue: str) -> None:
    samples = list(yaml.safe_load_all((CHECKOUT / "deploy" / "samples" / "queues" / "kueue.yaml").read_text()))
    for manifest in samples:
        if "namespace" in manifest["metadata"]:
            manifest["metadata"]["namespace"] = user.namespace
        output = user.kubectl.run(
            "apply", "--dry-run=server", "--validate=strict", "--filename", "-", stdin=yaml.safe_dump(manifest)
        )
        assert "(server dry run)" in output


def test_quota_for_fewer_shards_starts_a_job_and_what_can_never_start_says_so(user: User, queue: str) -> None:
    """One pod of quota: three shards run one by one; a job that insists on two waits until the quota is raised."""
    spec = {**spec_of(queue, copies=1, episodes="0:3"), "parallelism": 3, "workloadPriorityClassName": "nobody-made-it"}
    whole = user.apply("queue-whole", {**spec, "className": "e2e-all-at-once"})
    user.wait(whole, lambda _: admission(user, whole) == ("False", "PriorityClassNotFound"))
    assert "there is no such WorkloadPriorityClass" in message(user, whole), message(user, whole)
    urgent = {"apiVersion": KUEUE, "kind": "WorkloadPriorityClass", "metadata": {"name": "nobody-made-it"}, "value": 10}
    user.kubectl.apply(urgent)
    user.wait(whole, lambda _: admission(user, whole) == ("False", "ExceedsQuota"))
    assert "(pods of flavor any-node: 3 for 3 pods, of 1 in all)" in message(user, whole), message(user, whole)

    spec = {**spec_of(queue, copies=1, episodes="0:3"), "parallelism": 3}
    with user.uploads_held(spec["output"]["hub"]["repoID"]):
        part = user.apply("queue-part", spec)
        user.wait(part, lambda _: admission(user, part) == ("True", "Admitted"))
        admitted = "admitted by Kueue from queue team-a with 1 concurrent shards; the job asks for"
        assert admission_message(user, part).startswith(f"{admitted} 3"), admission_message(user, part)
        # Kueue lets nobody change it while the Job runs: the job says so, and runs on.
        user.kubectl.run(
            "patch", "augmentationjob", "queue-part", "-n", user.namespace, "--type=merge", "--patch", PATCH
        )
        said = user.wait(part, lambda _: admission_message(user, part).startswith(f"{admitted} 2"))
        assert said["status"] == "running"
    status = user.complete(part)
    assert status["progress"]["episodes"]["done"] == status["progress"]["episodes"]["total"]
    assert user.resource(part)["status"]["shardCount"] == 3
    assert user.resource(part)["status"]["retryCount"] == 0

    # What waits takes a change at once, and then fits.
    user.kubectl.run(
        "patch", "augmentationjob", "queue-whole", "-n", user.namespace, "--type=merge", "--patch",
        '{"spec": {"parallelism": 1}}',
    )  # fmt: skip
    user.wait(whole, lambda _: admission(user, whole) == ("True", "Admitted"))


def test_queue_that_sends_its_jobs_to_other_clusters_is_refused(user: User, queue: str) -> None:
    group = {"apiGroup": "kueue.x-k8s.io", "kind": "MultiKueueConfig", "name": "others"}
    user.kubectl.apply(
        {"apiVersion": KUEUE, "kind": "MultiKueueConfig", "metadata": {"name": "others"}, "spec": {"clusters": ["b"]}},
        {
            "apiVersion": KUEUE,
            "kind": "AdmissionCheck",
            "metadata": {"name": "elsewhere"},
            "spec": {"controllerName": "kueue.x-k8s.io/multikueue", "parameters": group},
        },
        {
            "apiVersion": KUEUE,
            "kind": "ClusterQueue",
            "metadata": {"name": "elsewhere"},
            "spec": {
                "namespaceSelector": {},
                "admissionChecksStrategy": {"admissionChecks": [{"name": "elsewhere"}]},
                "resourceGroups": [
                    {
                        "coveredResources": [quota["name"] for quota in QUOTA],
                        "flavors": [{"name": "any-node", "resources": QUOTA}],
                    }
                ],
            },
        },
        local_queue("elsewhere", user.namespace, "elsewhere"),
    )
    job = user.apply("queue-elsewhere", spec_of("elsewhere", copies=1, episodes="0:1"))
    status = user.wait(job)
    assert status["status"] == "failed", status
    assert "queue elsewhere sends its Jobs to other clusters (MultiKueue)" in status["error"], status


def test_higher_priority_job_preempts_and_finished_episodes_are_kept(user: User, queue: str, small_files: str) -> None:
    of_first = {**spec_of(queue, copies=2), "source": {"hub": {"repoID": small_files}}}
    of_urgent = spec_of("team-c", copies=1, episodes="0:1", priority="e2e-urgent")
    results = [spec["output"]["hub"]["repoID"] for spec in (of_first, of_urgent)]
    # The first runs on with some of its episodes stored, and the urgent one runs until all is seen.
    with user.uploads_held(results[0], after=4), user.uploads_held(results[1]):
        first = user.apply("queue-first", of_first)
        second = user.apply("queue-second", spec_of("team-b", copies=1, episodes="0:1"))
        urgent = user.apply("queue-urgent", of_urgent)
        # A missing queue is named, and the job waits for it.
        user.wait(second, lambda _: admission(user, second) == ("False", "QueueNotFound"))
        text = message(user, second)
        assert text.startswith(f"queueName 'team-b': there is no such LocalQueue in namespace '{user.namespace}'"), text

        user.wait(first, lambda _: admission(user, first) == ("True", "Admitted"))
        user.kubectl.apply(local_queue("team-b", user.namespace))
        user.wait(second, lambda _: "insufficient unused quota for pods" in message(user, second))
        text = message(user, second)
        assert text.startswith("waiting in queue team-b: 0 of 1 jobs are ahead"), text
        assert admission(user, second) == ("False", "Queued")
        assert place(user, second) == {"position": 0, "depth": 1}

        user.wait(first, lambda status: bool(status["progress"]) and status["progress"]["episodes"]["done"] >= 1)
        user.kubectl.apply(local_queue("team-c", user.namespace))
        user.wait(first, lambda _: admission(user, first) == ("False", "Preempted"))
        assert user.resource(first)["status"]["preemptionCount"] == 1
        text = message(user, first)
        assert text.startswith("preempted: Kueue gave the quota to another job"), text
        # A suspended job loses its position; otherwise Kueue would start it in its turn.
        suspend(user, "queue-second", True)
        user.wait(second, lambda _: admission(user, second) == ("False", "Suspended"))
        assert place(user, second) is None
    user.wait(first, lambda _: admission(user, first) == ("True", "Admitted"))
    assert admission(user, second) == ("False", "Suspended")
    suspend(user, "queue-second", False)

    status = user.complete(first)
    augment = next(phase for phase in status["phases"] if phase["name"] == "augment")
    assert [event["message"] for event in augment["events"] if event["status"] == "resumed"]
    assert user.resource(first)["status"]["retryCount"] == 0
    user.complete(urgent)
    user.wait(second, lambda _: admission(user, second) == ("True", "Admitted"))
    assert "preemptionCount" not in user.resource(second)["status"]
