"""Cancelling an AugmentationJob."""

from __future__ import annotations

from augmentation_api.vocabulary import State
from augmentation_gateway.credentials.access import find_job, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.write import patch_spec, refuse_unless


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
    refuse_unless(not record.state.is_final, f"The job has {record.state} already, so there is nothing left to cancel.")
    if not record.cancel_requested:
        await patch_spec(gateway, record, {"cancel": True})
    return "The job is being cancelled."
