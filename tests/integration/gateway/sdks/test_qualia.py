"""`qualia-sdk` 0.3.6 and its newest pre-release, and their `qualia` commands, unmodified."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from augmentation_api.identifiers import API_VERSION
from devcluster.settings import CHECKOUT
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.jobs import eventually
from tests.integration.gateway.sdks.conftest import Service
from tests.integration.gateway.sdks.vendor_client import VendorClient, VendorError, run_command

STARTED, DONE = "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"
CLASS = {
    "apiVersion": API_VERSION,
    "kind": "AugmentationClass",
    "metadata": {"name": "sdks"},
    "spec": {
        "default": True,
        "image": "worker:test",
        "placements": [
            {
                "name": "gpu",
                "nodeSelector": {"nvidia.com/gpu.product": "L4", "topology.kubernetes.io/region": "eu-north1"},
                "resources": {"requests": {"cpu": "3500m", "memory": "7Gi"}, "limits": {"nvidia.com/gpu": 1}},
                "pricePerHour": 1.25,
            }
        ],
    },
}
COMPLETED: dict[str, Any] = {
    "state": "completed",
    "currentPhase": "publish",
    "startedAt": STARTED,
    "completedAt": DONE,
    "phases": [{"name": "resolve", "status": "completed", "startedAt": STARTED, "completedAt": DONE, "events": []}],
    "source": {"revision": "abc", "format": "LeRobot v3.0", "cameras": ["observation.images.top"], "episodes": 2},
    "output": {"datasetID": "me/pusht-augmented", "revision": "abc"},
    "usage": {"price": 1.5},
}


@pytest.fixture(scope="module", params=["qualia", "qualia_next"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def qualia(vendor: str, start_client: Callable[..., VendorClient]) -> VendorClient:
    return start_client(vendor)


@pytest.fixture(scope="module")
def older(start_client: Callable[..., VendorClient]) -> VendorClient:
    """Release 0.3.6, for what the newer one has not."""
    return start_client("qualia")


@pytest.fixture(scope="module", autouse=True)
def _default_class(service: Service) -> Iterator[None]:
    if service.plane is None:
        yield
        return
    service.plane.kubectl("apply", "-f", "-", manifest=CLASS)
    yield
    service.plane.kubectl("delete", "augmentationclass", "sdks")


@pytest.fixture(scope="module")
def project() -> str:
    """A project of this file's jobs."""
    return str(uuid4())


@pytest.fixture(scope="module")
def job_id(service: Service, project: str) -> str:
    return service.job_in("completed", COMPLETED, project_id=project, name="for qualia", dataset_id=service.dataset_id)


@pytest.fixture(scope="module")
def output(service: Service, job_id: str) -> str:
    """The dataset that this job has published."""
    return str(service.shown(job_id)["augmented_dataset_id"])


def call(client: VendorClient, method: str, **arguments: Any) -> Any:
    return client("call", method=method, **arguments)


def items(page: Any, **wanted: Any) -> list[Any]:
    return [item for item in page["items"] if all(item[name] == value for name, value in wanted.items())]


def test_jobs_are_listed_in_pages(qualia: VendorClient, job_id: str, project: str, service: Service) -> None:
    second = service.new_job(project_id=project, name="the second")
    pages = [call(qualia, "jobs.list", project_id=project, limit=1, sort="oldest")]
    while cursor := pages[-1]["page_info"]["end_cursor"]:
        pages.append(call(qualia, "jobs.list", project_id=project, limit=1, sort="oldest", cursor=cursor))
    listed = [job["job_id"] for page in pages for job in page["items"]]
    assert listed == sorted(set(listed), key=listed.index)
    assert {job_id, second} <= set(listed)
    (job,) = items(call(qualia, "jobs.list", search="FOR QUALIA", project_id=project), job_id=job_id)
    assert (job["status"], job["project_id"]) == ("completed", project)
    assert job.get("current_phase", job.get("current_op")) == "publish"
    assert job.get("job_desc", job.get("metadata", {}).get("job_desc")) == "for qualia"
    assert call(qualia, "jobs.list", vla_type="act")["items"] == []


def test_projects_are_those_of_jobs(qualia: VendorClient, job_id: str, project: str) -> None:
    assert items(call(qualia, "projects.list", search=project), project_id=project, name=project)
    (legacy,) = (each for each in call(qualia, "projects.list_legacy") if each["project_id"] == project)
    assert job_id in [job["job_id"] for job in legacy["jobs"]]
    with pytest.raises(VendorError, match="delete them first") as error:
        call(qualia, "projects.delete", project_id=project)
    assert error.value.fields["status_code"] == 409


def test_project_is_created_used_and_deleted(qualia: VendorClient, service: Service) -> None:
    name = f"My Robot Project {uuid4()}"
    created = call(qualia, "projects.create", name=name, description="the first")
    assert created["created"] is True
    project_id = created["project_id"]
    assert call(qualia, "projects.delete", project_id=project_id) == {"deleted": True, "project_id": project_id}
    service.new_job(project_id=project_id)
    assert call(qualia, "projects.create", name=name) == {"created": False, "project_id": project_id}


def test_datasets_are_those_of_jobs(qualia: VendorClient, vendor: str, project: str, output: str) -> None:
    if vendor == "qualia_next":
        page = call(qualia, "data.list", search=output)
    else:
        page = call(qualia, "datasets.list", project_id=project, flow="output", search=output)
    (dataset,) = items(page, path=output)
    assert dataset["subtype"] == "lerobot_v3"
    assert {link["direction"] for link in dataset["jobs"]} == {"output"}


@pytest.mark.usefixtures("job_id")
def test_image_keys_are_those_of_the_newest_job(older: VendorClient, service: Service) -> None:
    keys = call(older, "datasets.get_image_keys", dataset_id=service.dataset_id)
    assert (keys["dataset_id"], len(keys["image_keys"])) == (service.dataset_id, 1)
    if service.plane is not None:
        assert keys["image_keys"] == ["observation.images.top"]


def test_image_keys_of_an_unread_dataset_are_read_by_a_job(older: VendorClient, service: Service) -> None:
    if service.plane is None:
        pytest.skip("writes the status of the job that reads the dataset")
    plane, dataset = service.plane, f"someone/new-{uuid4().hex[:8]}"
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call, older, "datasets.get_image_keys", dataset_id=dataset)
        readers = eventually(lambda: _readers(plane, dataset))
        service.set_status(readers[0], {**COMPLETED, "state": "running"})
        assert asked.result()["image_keys"] == ["observation.images.top"]


def _readers(plane: ControlPlane, dataset: str) -> list[str]:
    jobs = json.loads(plane.kubectl("get", "augjob", "-n", "robots", "-o", "json"))["items"]
    return [job["metadata"]["uid"] for job in jobs if job["spec"].get("displayName") == f"cameras of {dataset}"]


def test_instances_are_the_placements_of_the_default_class(qualia: VendorClient, service: Service) -> None:
    instances = call(qualia, "instances.list")
    if service.plane is None:
        assert instances
        return
    (instance,) = (each for each in instances if each["id"] == "sdks.gpu")
    assert instance["credits_per_hour"] == 2, "rounded up from 1.25"
    assert (instance["gpu_description"], instance["regions"][0]["name"]) == ("1 of L4", "eu-north1")
    specs = instance["specs"]
    assert (specs["vcpus"], specs["memory_gib"], specs["gpu_count"], specs["gpu_type"]) == (4, 7, 1, "L4")


def test_there_are_no_models_and_no_limit_of_credits(qualia: VendorClient) -> None:
    assert call(qualia, "models.list") == call(qualia, "models.types") == []
    assert call(qualia, "models.list_trained", search="x", subtype="vla_model")["items"] == []
    assert call(qualia, "credits.get")["balance"] > 0


def test_job_is_created_read_and_cancelled(older: VendorClient, project: str) -> None:
    job = call(
        older,
        "augmentation.create",
        **{"project_id": project, "dataset_id": "lerobot/pusht", "transforms": "lighting,noise", "copies": 2},
        **{"brightness_range": [-20, 20], "name": "by the SDK"},
    )
    status = call(older, "augmentation.get", job_id=job["job_id"])
    assert (status["job_id"], status["status"], status["current_phase"]) == (job["job_id"], "queued", "resolve")
    assert call(older, "augmentation.cancel", job_id=job["job_id"])["cancelled"] is True
    with pytest.raises(VendorError, match="augment_copies is 21, but may be at most 20"):
        call(older, "augmentation.create", project_id=project, dataset_id="lerobot/pusht", copies=21)


def test_job_is_followed_as_a_finetune_job(qualia: VendorClient, job_id: str, service: Service) -> None:
    status = call(qualia, "finetune.get", job_id=job_id)
    assert status["status"] == "completed"
    assert [phase["name"] for phase in status.get("phases", status.get("ops"))][:1] == ["resolve"]
    assert call(qualia, "finetune.cancel", job_id=service.new_job())["cancelled"] is True


def test_training_is_refused_with_what_there_is(qualia: VendorClient) -> None:
    with pytest.raises(VendorError, match=r"There is no training here: .*use client\.augmentation\.create"):
        call(qualia, "finetune.get_hyperparams_defaults", vla_type="act")


def test_wrong_key_is_the_clients_authentication_error(vendor: str, start_client: Callable[..., VendorClient]) -> None:
    with pytest.raises(VendorError) as error:
        call(start_client(vendor, "wrong"), "jobs.list")
    assert error.value.kinds[0] == "AuthenticationError"


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["project", "list", "--json"], "page_info"),
        (["project", "create", "by the command"], "Created project"),
        (["dataset", "list"], "OUTPUT"),
        (["instance", "list"], "Credits/hr"),
        (["model", "types"], "Base Model"),
        (["model", "list"], "Model ID"),
        (["credit"], "Credits: "),
        (["job", "list", "--search", "for qualia"], "for qualia"),
        (["job", "get", "JOB"], "completed"),
    ],
    ids=lambda value: "-".join(value[:2]) if isinstance(value, list) else "",
)
def test_every_command_shows_what_there_is(
    qualia: VendorClient, job_id: str, output: str, command: list[str], shown: str
) -> None:
    answer = qualia("command", arguments=[job_id if part == "JOB" else part for part in command])
    assert answer["status"] == 0, answer["shown"]
    assert shown.replace("OUTPUT", output) in answer["shown"]


def test_installed_command_takes_base_url_and_shows_errors(vendor: str, service: Service, tmp_path: Path) -> None:
    variables = {"QUALIA_API_KEY": service.key, "HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    arguments = ["--base-url", service.url, "job", "get", str(uuid4())]
    done = run_command(vendor, "qualia", *arguments, **variables, COLUMNS="200")
    assert done.returncode == 1
    assert "There is no augmentation job" in done.stderr


def test_example_of_the_documentation_works(older: VendorClient, service: Service) -> None:
    section = (CHECKOUT / "docs" / "rest.md").read_text().partition("### qualia-sdk and qualia-cli\n")[2]
    source = section.partition("```python\n")[2].partition("```")[0]
    given = f"API_KEY = {service.key!r}\nGATEWAY_URL = {service.url!r}\n"
    assert older.run(given + source, "status")["status"] == "queued"
