"""Liveness and readiness."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from augmentation_gateway.gateway import Gateway


class Health(BaseModel):
    """How the gateway is."""

    status: str = Field(description="ok, or what is waited for")
    cache_age_seconds: int | None = Field(
        None, description="Seconds since the jobs were last known to be current; null while they are"
    )


def health_router(gateway: Gateway) -> APIRouter:
    """`/healthz`: the process answers. `/readyz`: it can be sent requests."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Liveness")
    async def healthz() -> Health:
        """Whether the process answers; a restart would mend nothing else."""
        return Health(status="ok")

    @router.get("/readyz", summary="Readiness", responses={503: {"model": Health, "description": "Not ready yet"}})
    async def readyz(response: Response) -> Health:
        """Whether jobs, classes and API keys have been read once.

        Stays so while the Kubernetes API is away: then every replica is as old as this one, and an old answer with
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

    return router
