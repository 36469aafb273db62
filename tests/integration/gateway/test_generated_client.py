"""A client that openapi-python-client generates from the OpenAPI document calls every operation of it.

The document has to be complete enough for that: there is no hand-written request here, and a part of the document that
the generator cannot read fails the generation.
"""

import importlib
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import httpx
import pytest

from augmentation_gateway.views.job_id import batch_id
from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import PROJECT_ID, GatewayProcess
from tests.integration.gateway.jobs import eventually, object_of, set_status

NAME = "generated_augmentation_client"
SETTINGS = {
    # The package is not formatted: nobody reads it.
    "post_hooks": [],
    "project_name_override": NAME,
    # Images are bytes, which the generator knows under this name alone.
    "content_type_overrides": {"image/png": "application/octet-stream", "image/jpeg": "application/octet-stream"},
}
AT = "2026-11-20T10:00:00Z"
COMPLETED: dict[str, Any] = {
    "state": "completed",
    "currentPhase": "publish",
    "startedAt": AT,
    "completedAt": AT,
    "phases": [
        {
            "name": "resolve",
            "status": "completed",
            "startedAt": AT,
            "completedAt": AT,
            "events": [{"id": "resolve/1", "status": "completed", "message": "read", "timestamp": AT}],
        }
    ],
    "source": {"revision": "abc", "episodes": 2, "selectedEpisodes": 2, "cameras": ["observation.images.top"]},
    "output": {"datasetID": "me/out", "revision": "abc", "files": ["README.md"]},
}


@dataclass(frozen=True)
class Generated:
    """The generated package.

    Attributes:
        client: with an API key.
        models: of requests and responses.
    """

    client: Any
    models: ModuleType

    def operations(self, tag: str) -> set[str]:
        """The operations of the document with this tag."""
        return {module.name for module in pkgutil.iter_modules(importlib.import_module(f"{NAME}.api.{tag}").__path__)}

    def call(self, tag: str, operation: str, **arguments: Any) -> Any:
        """The response to an operation, with its body parsed."""
        module = importlib.import_module(f"{NAME}.api.{tag}.{operation}")
        return module.sync_detailed(client=self.client, **arguments)


@pytest.fixture(scope="module")
def generated(gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generated]:
    folder: Path = tmp_path_factory.mktemp("generated")
    (folder / "openapi.json").write_bytes(httpx.get(f"{gateway.url}/openapi.json", timeout=60, trust_env=False).content)
    (folder / "settings.json").write_text(json.dumps(SETTINGS))
    done = subprocess.run(
        [
            Path(sys.executable).with_name("openapi-python-client"),
            *("generate", "--path", folder / "openapi.json", "--config", folder / "settings.json"),
            *("--meta", "none", "--output-path", folder / NAME, "--fail-on-warning"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    try:
        package = importlib.import_module(NAME)
        client = package.AuthenticatedClient(
            gateway.url, token=gateway.keys["full"], timeout=60, httpx_args={"trust_env": False}
        )
        yield Generated(client, importlib.import_module(f"{NAME}.models"))
    finally:
        sys.path.remove(str(folder))


@dataclass(frozen=True)
class Jobs:
    """Ids of jobs in three states, created by the generated client."""

    queued: UUID
    completed: UUID
    failed: UUID


@pytest.fixture
def jobs(generated: Generated, granted: ControlPlane) -> Jobs:
    body = request_body(generated)
    ids = [generated.call("augmentation", "augmentation_create", body=body).parsed.job_id for _ in range(3)]
    for job_id, status in ((ids[1], COMPLETED), (ids[2], {"state": "failed", "completedAt": AT})):
        set_status(granted, object_of(granted, str(job_id))["metadata"]["name"], status)
        eventually(partial(_is_in, generated, job_id, status["state"]))
    return Jobs(*ids)


def _is_in(generated: Generated, job_id: UUID, state: str) -> bool:
    return bool(generated.call("augmentation", "augmentation_status", job_id=job_id).parsed.status == state)


def request_body(generated: Generated) -> Any:
    return generated.models.AugmentationRequest(project_id=UUID(PROJECT_ID), dataset_id="lerobot/pusht")


Expected = dict[str, tuple[int, dict[str, Any]]]
"""By operation, the status of the response and the arguments; in the order in which they are called."""


def of_augmentation(generated: Generated, jobs: Jobs) -> Expected:
    body = request_body(generated)
    return {
        "augmentation_create": (201, {"body": body, "idempotency_key": "generated"}),
        "augmentation_request_preview": (201, {"body": body, "episode": 1}),
        "augmentation_list_jobs": (200, {"limit": 1, "sort": generated.models.Order("name")}),
        "augmentation_status": (200, {"job_id": jobs.completed}),
        "augmentation_events": (200, {"job_id": jobs.completed}),
        "augmentation_outputs": (200, {"job_id": jobs.completed}),
        "augmentation_preview": (404, {"job_id": jobs.queued}),
        "augmentation_picture": (404, {"job_id": jobs.queued}),
        "augmentation_resource": (200, {"job_id": jobs.completed}),
        "augmentation_request_body": (200, {"job_id": jobs.completed}),
        "augmentation_change": (200, {"job_id": jobs.queued, "body": generated.models.Change(parallelism=2)}),
        "augmentation_cancel": (200, {"job_id": jobs.queued}),
        "augmentation_retry": (200, {"job_id": jobs.failed}),
        "augmentation_delete": (204, {"job_id": jobs.completed}),
    }


def of_batch(generated: Generated, jobs: Jobs) -> Expected:
    body = generated.models.BatchJobRequest(parameters=request_body(generated), name="generated")
    queued, completed, failed = (batch_id(str(job)) for job in (jobs.queued, jobs.completed, jobs.failed))
    return {
        "batch_create": (201, {"body": body}),
        "batch_list_jobs": (200, {"limit": 1}),
        "batch_queue": (200, {}),
        "batch_job": (200, {"id": completed}),
        "batch_events": (200, {"id": completed}),
        "batch_inputs": (200, {"id": completed}),
        "batch_outputs": (200, {"id": completed}),
        "batch_cancel": (200, {"id": queued}),
        "batch_retry": (200, {"id": failed}),
        "batch_delete": (200, {"id": completed}),
    }


def of_genai(_: Generated, jobs: Jobs) -> Expected:
    return {
        "genai_version": (200, {}),
        "genai_list_statuses": (200, {"limit": 1}),
        "genai_status": (200, {"status_id": jobs.completed}),
        "genai_check": (303, {"status_id": jobs.completed}),
        "genai_delete": (204, {"status_id": jobs.queued}),
    }


def of_jobs(_: Generated, jobs: Jobs) -> Expected:
    return {
        "jobs_list_jobs": (200, {"limit": 1}),
        "jobs_job": (200, {"job_id": jobs.completed}),
        "jobs_results": (200, {"job_id": jobs.completed}),
        "jobs_cancel": (200, {"job_id": jobs.queued}),
        "jobs_retry": (200, {"job_id": jobs.failed}),
    }


def of_qualia(generated: Generated, jobs: Jobs) -> Expected:
    project = generated.models.ProjectRequest(name="generated")
    return {
        "qualia_create_project": (201, {"body": project}),
        "qualia_list_projects": (200, {"limit": 1}),
        "qualia_list_projects_with_jobs": (200, {}),
        "qualia_delete_project": (409, {"project_id": UUID(PROJECT_ID)}),
        "qualia_list_datasets": (200, {"flow": "output"}),
        "qualia_image_keys": (200, {"owner": "lerobot", "name": "pusht"}),
        "qualia_list_jobs": (200, {"search": "a"}),
        "qualia_list_instances": (200, {}),
        "qualia_list_model_types": (200, {}),
        "qualia_list_models": (200, {}),
        "qualia_get_credits": (200, {}),
        "qualia_finetune_status": (200, {"job_id": jobs.completed}),
        "qualia_cancel_finetune": (200, {"job_id": jobs.queued}),
    }


def of_key(_: Generated, __: Jobs) -> Expected:
    return {"key_current": (200, {})}


def of_health(_: Generated, __: Jobs) -> Expected:
    return {"health_healthz": (200, {}), "health_readyz": (200, {})}


TAGS = {
    "augmentation": of_augmentation,
    "batch": of_batch,
    "genai": of_genai,
    "jobs": of_jobs,
    "qualia": of_qualia,
    "key": of_key,
    "health": of_health,
}


@pytest.mark.parametrize("tag", TAGS)
def test_every_operation_is_called_by_generated_code(generated: Generated, jobs: Jobs, tag: str) -> None:
    expected = TAGS[tag](generated, jobs)
    assert set(expected) == generated.operations(tag)
    for operation, (status, arguments) in expected.items():
        response = generated.call(tag, operation, **arguments)
        assert response.status_code == status, f"{operation}: {response.content!r}"
        if response.content:
            assert response.parsed is not None, f"{operation}: a response that the document does not describe"


def test_document_has_no_other_operations(generated: Generated) -> None:
    package = importlib.import_module(f"{NAME}.api")
    assert {module.name for module in pkgutil.iter_modules(package.__path__)} == set(TAGS)
    assert generated.operations("augmentation")


def test_parsed_response_has_the_documented_fields(generated: Generated, jobs: Jobs) -> None:
    status = generated.call("augmentation", "augmentation_status", job_id=jobs.completed).parsed
    assert (status.job_id, status.augmented_dataset_id) == (jobs.completed, "me/out")
    assert status.phases[0].events[0].message == "read"
    error = generated.call("augmentation", "augmentation_status", job_id=UUID(int=1)).parsed
    assert error.detail.startswith("There is no augmentation job")
