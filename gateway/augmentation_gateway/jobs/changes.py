"""Changing one AugmentationJob in Kubernetes: cancel, retry, parallelism, delete."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from augmentation_api.identifiers import FIELD_MANAGER_GATEWAY
from augmentation_api.spec import MAX_ATTEMPT
from augmentation_api.vocabulary import OnBadEpisode, State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import find_job
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.problem import DO_NOT_REPEAT, Problem, no_such_job, of_kubernetes
from augmentation_kube import KubeError, KubeUnavailable, Resource

WRITE_TIMEOUT_SECONDS: Final = 10.0
"""The client gets a 503 after this time, rather than wait for an API server that hangs."""


async def cancel_job(gateway: Gateway, key: ApiKey, uid: str) -> str:
    """Ask the operator to stop a job. Repeating it is fine. Returns what happened, in a sentence.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it has completed or failed, 503 the Kubernetes API is
            unavailable.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    if record.state is State.CANCELLED:
        return "The job is cancelled."
    refuse_unless(not record.state.is_final, f"The job has {record.state} already, so there is nothing left to cancel.")
    if not record.cancel_requested:
        await _patch_spec(gateway, record, {"cancel": True})
    return "The job is being cancelled."


async def retry_job(gateway: Gateway, key: ApiKey, uid: str, on_bad_episode: OnBadEpisode | None = None) -> JobRecord:
    """Ask the operator to retry a job that failed or was cancelled, by raising spec.attempt. Returns the job then.

    `on_bad_episode` is what becomes of episodes that cannot be used from now on; None: what the job says.

    Repeating it before the operator has begun is fine, and two requests at once come to one: both write the same
    number.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it has not failed and was not cancelled, 503 the
            Kubernetes API is unavailable.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    refuse_unless(
        record.state in (State.FAILED, State.CANCELLED),
        f"The job is {record.state}. Only a job that failed or was cancelled can be retried.",
    )
    if not record.retry_requested:
        refuse_unless(
            record.attempt < MAX_ATTEMPT, f"The job was retried {record.attempt} times, the maximum", "create a new one"
        )
        # The API server accepts that a cancel is taken back in this change only, and no attempt that is cancelled.
        uncancel = {"cancel": False} if record.cancel_requested else {}
        choice = {} if on_bad_episode is None else {"onBadEpisode": on_bad_episode.value}
        await _patch_spec(gateway, record, {"attempt": record.attempt + 1, **uncancel, **choice})
    return find_job(key, uid, gateway.view)


async def change_parallelism(gateway: Gateway, key: ApiKey, uid: str, parallelism: int | None) -> None:
    """Change how many shards of a job that is not finished run concurrently. None: all, within its class's limits.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it is finished, 503 the Kubernetes API is unavailable.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    refuse_unless(not record.state.is_final, f"The job is {record.state}, so there is nothing left to change")
    if record.raw["spec"].get("parallelism") != parallelism:
        await _patch_spec(gateway, record, {"parallelism": parallelism})


async def delete_job(gateway: Gateway, key: ApiKey, uid: str, *, even_unfinished: bool = False) -> None:
    """Delete a job and what its resource owns; the very next read does not find it. The dataset that it made stays.

    Args:
        gateway: where.
        key: who asks.
        uid: of which job.
        even_unfinished: stop a job that runs, rather than refuse.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it is not finished, 503 the Kubernetes API is
            unavailable.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    refuse_unless(
        even_unfinished or record.state.is_final,
        f"The job is {record.state}",
        "cancel it first, and delete it when it is finished",
    )
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            # Gone already is fine.
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
        raise Problem(409, cause, fix, headers=DO_NOT_REPEAT)


async def _patch_spec(gateway: Gateway, record: JobRecord, spec: Mapping[str, Any]) -> None:
    """Set fields of a job's spec, and make the change readable here at once.

    Raises:
        Problem: 403 or 422 Kubernetes refused it, 404 the job is gone, 503 the Kubernetes API is unavailable.
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
        if isinstance(error, KubeError) and (error.status in (404, 409) or "metadata.uid" in error.message):
            raise no_such_job(record.uid) from error
        raise of_kubernetes(error) from error
    if (jobs := gateway.view.jobs_in(record.namespace)) is not None:
        jobs.insert(patched)
