"""A job over REST may name no Secret, claim or PriorityClass of its namespace."""

from typing import Any

import httpx
import pytest

from augmentation_api.spec import AugmentationJobSpec
from augmentation_gateway.credentials.keys import ApiKey, Principal
from augmentation_gateway.jobs.create import require_nothing_named
from augmentation_gateway.problem import Problem
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, writes

KEY = ApiKey(id="ci", sha256="0" * 64, principal=Principal(id="ci"), namespace="robots", projects=("*",))
HUB = {"hub": {"repoID": "lab/kitchen"}}
NAMED: list[tuple[str, dict[str, Any]]] = [
    ("credentialsSecretRef.name", {"credentialsSecretRef": {"name": "foreign"}}),
    ("source.volume.claimName", {"source": {"volume": {"claimName": "foreign"}}}),
    ("output.volume.claimName", {"output": {"volume": {"claimName": "foreign"}}}),
    ("priorityClassName", {"priorityClassName": "foreign"}),
    (
        "source.s3.credentialsSecretRef.name",
        {"source": {"s3": {"bucket": "robots", "path": "a", "credentialsSecretRef": {"name": "foreign"}}}},
    ),
    (
        "output.gcs.credentialsSecretRef.name",
        {"output": {"gcs": {"bucket": "robots", "path": "a", "credentialsSecretRef": {"name": "foreign"}}}},
    ),
]


@pytest.mark.parametrize(("field", "spec"), NAMED)
def test_key_cannot_reference_objects_of_namespace(field: str, spec: dict[str, Any]) -> None:
    with pytest.raises(Problem) as caught:
        require_nothing_named(KEY, AugmentationJobSpec.model_validate({"source": HUB, **spec}))
    assert caught.value.status == 403
    assert caught.value.detail.startswith(f"{field} is 'foreign', and key 'ci' may name none: leave it out")


def test_key_cannot_say_where_credentials_are_sent() -> None:
    place = {"bucket": "robots", "path": "a", "endpoint": "https://evil.example"}
    with pytest.raises(Problem) as caught:
        require_nothing_named(KEY, AugmentationJobSpec.model_validate({"source": {"s3": place}}))
    assert caught.value.detail.startswith("source.s3.endpoint is 'https://evil.example', and key 'ci' may name none")


def test_job_on_hub_references_no_object_of_namespace() -> None:
    require_nothing_named(KEY, AugmentationJobSpec.model_validate({"source": HUB, "output": HUB}))


@pytest.mark.parametrize(
    "field",
    ["credentialsSecretRef", "credentials_secret_ref", "priorityClassName", "priority_class_name", "source", "output"],
)
async def test_request_has_no_field_for_objects_of_namespace(
    http: httpx.AsyncClient, kube: InMemoryKube, field: str
) -> None:
    batch = {"name": "a", "pipeline_type": "batch", "pipeline_key": "augmentation-deterministic"}
    for path, body, status in (
        ("/v1/augmentation", {**BODY, field: "foreign"}, 422),
        ("/v0.5/batch/jobs", {**batch, "parameters": {**BODY, field: "foreign"}}, 400),
    ):
        answer = await http.post(path, json=body)
        assert answer.status_code == status
        assert f"{field} is not a field of this request" in answer.text
    assert not writes(kube)
