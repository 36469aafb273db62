"""Changing one AugmentationJob in Kubernetes, and nothing but that one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from augmentation_api.identifiers import FIELD_MANAGER_GATEWAY
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.problem import Problem, no_such_job, of_kubernetes
from augmentation_kube import KubeError, KubeUnavailable, Resource

WRITE_TIMEOUT_SECONDS = 10.0
"""The client gets a 503 after this time, rather than wait for an API server that hangs."""


async def patch_spec(gateway: Gateway, record: JobRecord, spec: Mapping[str, Any]) -> None:
    """Set fields of a job's spec, and make the change readable here at once.

    Raises:
        Problem: 403 or 422 Kubernetes refused it, 404 the job is gone, 503 the Kubernetes API is away.
    """
    # With the uid in the patch the API server refuses to touch another job that got the same name in the meantime.
    patch = {"metadata": {"uid": record.uid}, "spec": spec}
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            patched = await gateway.api.merge_patch(
                Resource.AUGMENTATION_JOBS,
                record.name,
                patch,
                namespace=record.namespace,
                field_manager=FIELD_MANAGER_GATEWAY,
            )
    except TimeoutError as error:
        raise of_kubernetes(KubeUnavailable("no answer in time")) from error
    except (KubeError, KubeUnavailable) as error:
        if isinstance(error, KubeError) and error.status in (404, 409):
            raise no_such_job(record.uid) from error
        raise of_kubernetes(error) from error
    if (jobs := gateway.view.jobs_in(record.namespace)) is not None:
        jobs.insert(patched)


async def delete(gateway: Gateway, record: JobRecord) -> None:
    """Delete a job's resource, and what it owns with it; the very next read does not find it. Gone already is fine.

    Raises:
        Problem: 403 Kubernetes refused it, 503 the Kubernetes API is away.
    """
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            await gateway.api.delete(Resource.AUGMENTATION_JOBS, record.name, record.namespace, uid=record.uid)
    except TimeoutError as error:
        raise of_kubernetes(KubeUnavailable("no answer in time")) from error
    except (KubeError, KubeUnavailable) as error:
        raise of_kubernetes(error) from error
    if (jobs := gateway.view.jobs_in(record.namespace)) is not None:
        jobs.discard(record.uid)


def refuse_unless(condition: bool, cause: str, fix: str | None = None) -> None:
    """Raise Problem 409 where the job's state does not allow the request."""
    if not condition:
        raise Problem(409, cause, fix)
