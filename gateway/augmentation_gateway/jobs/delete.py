"""Deleting an AugmentationJob. The dataset that it made stays."""

from __future__ import annotations

from augmentation_gateway.credentials.access import find_job, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.write import delete, refuse_unless


async def delete_job(gateway: Gateway, key: ApiKey, uid: str, *, even_unfinished: bool = False) -> None:
    """Delete a job, with all that Kubernetes keeps of it.

    Args:
        gateway: where.
        key: who asks.
        uid: of which job.
        even_unfinished: stop a job that runs, rather than refuse.

    Raises:
        Problem: 403 the key may not write, 404 no such job, 409 it has not ended, 503 the Kubernetes API is away.
    """
    require(key, Right.WRITE)
    record = find_job(key, uid, gateway.view)
    refuse_unless(
        even_unfinished or record.state.is_final,
        f"The job is {record.state}",
        "cancel it first, and delete it when it has ended",
    )
    await delete(gateway, record)
