"""A client of the augmentation gateway.

>>> from augmentation_client import Client
>>> with Client("https://augmentation.example", key="aug_…") as client:
...     job = client.submit(project_id="7a1c9e9e-1f0a-4f0e-9b6e-0c7b6f6f2b11", dataset_id="lerobot/pusht")
...     print(client.wait(job.job_id, progress=True).augmented_dataset_id)

`AsyncClient` has the same methods as coroutines. The `augmentation` command is this client for people.
"""

from augmentation_client.async_client import AsyncClient
from augmentation_client.client import Client
from augmentation_client.errors import (
    ApiError,
    Conflict,
    Forbidden,
    GatewayUnavailable,
    InvalidAnswer,
    InvalidField,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
)
from augmentation_client.models import Changed, Estimate, Event, JobStatus, JobSummary, Outputs, Retried, Submitted

__all__ = [
    "ApiError",
    "AsyncClient",
    "Changed",
    "Client",
    "Conflict",
    "Estimate",
    "Event",
    "Forbidden",
    "GatewayUnavailable",
    "InvalidAnswer",
    "InvalidField",
    "InvalidRequest",
    "JobStatus",
    "JobSummary",
    "NotFound",
    "Outputs",
    "RateLimited",
    "Retried",
    "Submitted",
    "Unauthorized",
]
