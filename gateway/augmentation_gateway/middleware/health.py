"""Liveness and readiness probes."""

from typing import Final

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from augmentation_gateway.views.dependencies import CurrentGateway

PROBE_PATHS: Final = frozenset({"/healthz", "/readyz"})

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The health of the gateway."""

    status: str = Field(description="ok, or what the gateway waits for")
    cache_age_seconds: int | None = Field(
        None, description="Seconds since the jobs were last known to be current; null while they are"
    )


@router.get("/healthz", summary="Liveness")
async def healthz() -> Health:
    """Whether the process responds; a restart would fix nothing else."""
    return Health(status="ok")


@router.get("/readyz", summary="Readiness", responses={503: {"model": Health, "description": "Not ready yet"}})
async def readyz(response: Response, gateway: CurrentGateway) -> Health:
    """Whether jobs, classes and API keys have been read once.

    Stays so while the Kubernetes API is unavailable: then every replica is as old as this one, and an old response with
    its age is worth more to a client than none.
    """
    age = gateway.view.age
    if not gateway.view.synced:
        response.status_code = 503
        return Health(status="waiting for the first list from the Kubernetes API")
    if not gateway.keys.synced:
        response.status_code = 503
        return Health(status="waiting for the API keys")
    return Health(status="ok", cache_age_seconds=None if age is None else int(age))
