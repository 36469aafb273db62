"""Notifications of the real process: with the chart's rights, across a restart, and recorded where it was delivered."""

import base64
import json
import secrets
import threading
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from tests.integration.control_plane import ControlPlane
from tests.integration.listener import Listener, listening
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, OperatorProcess, path_of, rendered, until
from tests.integration.operator.jobs import Job

SECRET = "augmentation-webhook"
KEY = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
CLASS = "announced"


@pytest.fixture
def accepts() -> threading.Event:
    """Whether the receiver takes events."""
    return threading.Event()


@pytest.fixture
def answers() -> list[int]:
    """Statuses that the receiver has answered."""
    return []


@pytest.fixture
def receiver(plane: ControlPlane, cluster: Cluster, accepts: threading.Event, answers: list[int]) -> Iterator[Listener]:
    """A receiver that refuses events until it `accepts`, and what the operator needs to notify it of jobs."""

    def answer(_method: str, _path: str) -> tuple[int, dict[str, str], bytes]:
        answers.append(204 if accepts.is_set() else 503)
        return answers[-1], {}, b""

    with listening(answer) as listener:
        data = {"secret": base64.b64encode(KEY.encode()).decode()}
        cluster.post(path_of("secrets", SYSTEM_NAMESPACE), {"metadata": {"name": SECRET}, "data": data})
        notify = {"url": f"{listener.url}/hook", "insecure": True, "secretRef": {"name": SECRET}}
        spec = {**cluster.get(path_of("augmentationclasses", name="cpu"))["spec"], "default": False, "notify": notify}
        kind = {"apiVersion": "augmentation.dev/v1alpha1", "kind": "AugmentationClass", "metadata": {"name": CLASS}}
        cluster.post(path_of("augmentationclasses"), {**kind, "spec": spec})
        template = "templates/operator-rbac.yaml"
        with_right, without = rendered(template, **{"notifications.secrets": f"{{{SECRET}}}"}), rendered(template)
        plane.kubectl("apply", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": with_right})
        try:
            yield listener
        finally:
            plane.kubectl("apply", "-f", "-", manifest={"apiVersion": "v1", "kind": "List", "items": without})
            cluster.delete(path_of("augmentationclasses", name=CLASS))


def test_end_of_a_job_is_announced_under_the_same_id_also_by_the_next_process(
    operator: OperatorProcess, cluster: Cluster, receiver: Listener, accepts: threading.Event, answers: list[int]
) -> None:
    job = Job(cluster, className=CLASS, cancel=True)
    until(lambda: bool(receiver.bodies), lambda: operator.log[-3000:])
    job.until(lambda job: job.status["notification"].get("message"))
    assert job.status["notification"]["state"] == "pending"
    operator.kill()
    accepts.set()
    operator.restart()
    job.until(lambda job: job.status["notification"]["state"] == "delivered")
    assert job.status["notification"] == {"id": f"{job.uid}-0-cancelled", "state": "delivered"}
    assert answers.count(204) == 1
    assert len(receiver.bodies) == len(answers) >= 2
    for headers, body in zip(receiver.headers, receiver.bodies, strict=True):
        assert Webhook(KEY).verify(body, headers) == json.loads(body)
        assert headers["webhook-id"] == f"{job.uid}-0-cancelled"
        assert json.loads(body)["data"]["name"] == job.name
    delivered = 'augmentation_notifications_total{result="delivered"}'
    until(lambda: operator.metrics().get(delivered) == 1, operator.metrics)
    assert "whsec_" not in operator.log
    assert "/hook" not in operator.log
