"""A job in full: the AugmentationJob behind it, as kubectl shows it, and the request that asks for it."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel, Field

from augmentation_api.identifiers import API_VERSION, JOB_KIND
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.jobs.outputs import page_url
from augmentation_gateway.views.job_spec import request_of

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ResourceView(BaseModel):
    """The AugmentationJob; its fields are those of `kubectl explain augmentationjob`."""

    api_version: str = Field(alias="apiVersion")
    kind: str
    metadata: dict[str, Any] = Field(description="name, namespace, uid and the like")
    spec: dict[str, Any] = Field(description="What was asked for, with every default")
    status: dict[str, Any] = Field(description="What has become of it; empty until the operator has seen the job")


class DryRunResponse(BaseModel):
    """What a request that was only tried would have made."""

    dry_run: bool = True
    message: str
    manifest: dict[str, Any] = Field(description="The AugmentationJob, for `kubectl apply -f`")


def encode_resource(record: JobRecord, runs_as: ClassRecord | None) -> bytes:
    """The body of GET …/{job_id}/resource: the object, and in place of its result's address the one that is true."""
    metadata = dict(record.raw["metadata"])
    annotations = {name: text for name, text in metadata.get("annotations", {}).items() if name != _LAST_APPLIED}
    metadata = {**metadata, "annotations": annotations}
    whole = {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "spec": record.raw["spec"]}
    status = dict(record.raw.get("status") or {})
    if isinstance(output := status.get("output"), dict) and "url" in output:
        url = page_url(record.status.output, runs_as) if record.status.output else None
        status["output"] = {name: value for name, value in output.items() if name != "url"} | (
            {"url": url} if url else {}
        )
    return json.dumps({**whole, "status": status}, separators=(",", ":")).encode()


def encode_request(record: JobRecord) -> bytes:
    """The body of GET …/{job_id}/request."""
    return json.dumps(request_of(record)).encode()
