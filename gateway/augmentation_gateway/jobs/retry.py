"""Starting an AugmentationJob again that failed or was cancelled."""

from __future__ import annotations

from augmentation_api.spec import MAX_ATTEMPT
from augmentation_api.vocabulary import State
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.access import find_job, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.write import patch_spec, refuse_unless


async def retry_job(gateway: Gateway, key: ApiKey, uid: str) -> JobRecord:
    """Ask for a job to be started again, by raising spec.attempt; the operator does it. Returns the job as it is then.

    Asking again before the operator has begun is fine, and two requests at once come to one: both write the same
    number.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it has not failed and was not cancelled, 503 the
            Kubernetes API is away.
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
        # The API server takes a cancel back in this change only, and refuses an attempt that is cancelled already.
        uncancel = {"cancel": False} if record.cancel_requested else {}
        await patch_spec(gateway, record, {"attempt": record.attempt + 1, **uncancel})
    return find_job(key, uid, gateway.view)
