"""Cancelling an AugmentationJob."""

from __future__ import annotations

import asyncio

from augmentation_api.identifiers import FIELD_MANAGER_GATEWAY
from augmentation_api.vocabulary import State
from augmentation_gateway.access import find_job, require
from augmentation_gateway.create_job import WRITE_TIMEOUT_SECONDS
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.keys import ApiKey, Right
from augmentation_gateway.problem import Problem, of_kubernetes
from augmentation_kube import KubeError, KubeUnavailable, Resource


async def cancel_job(gateway: Gateway, key: ApiKey, uid: str) -> str:
    """Ask for a job to be stopped; the operator does it. Asking again is fine. Returns what happened, in a sentence.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it has completed or failed, 503 the Kubernetes API is
            away.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    if record.state is State.CANCELLED:
        return "The job is cancelled."
    if record.state.is_final:
        raise Problem(409, f"The job has {record.state} already, so there is nothing left to cancel.")
    if record.cancel_requested:
        return "The job is being cancelled."
    metadata = record.metadata
    # With the uid in the patch the API server refuses to touch another job that got the same name in the meantime.
    patch = {"metadata": {"uid": uid}, "spec": {"cancel": True}}
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            patched = await gateway.api.merge_patch(
                Resource.AUGMENTATION_JOBS,
                metadata.name,
                patch,
                namespace=metadata.namespace,
                field_manager=FIELD_MANAGER_GATEWAY,
            )
    except TimeoutError as error:
        raise of_kubernetes(KubeUnavailable("no answer in time")) from error
    except (KubeError, KubeUnavailable) as error:
        if isinstance(error, KubeError) and error.status in (404, 409):
            raise Problem(404, f"There is no augmentation job {uid}.") from error
        raise of_kubernetes(error) from error
    if (jobs := gateway.view.jobs_in(key.namespace)) is not None:
        jobs.insert(patched)
    return "The job is being cancelled."
