"""The native dialect: paths, documents and error shape of `/v1/augmentation`."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Request, Response, Security
from fastapi.security import APIKeyHeader, HTTPBearer

from augmentation_gateway.cancel_job import cancel_job
from augmentation_gateway.create_job import create_job
from augmentation_gateway.dialect import Dialect
from augmentation_gateway.front import SCOPE_KEY
from augmentation_gateway.gateway import AGE_HEADER, Gateway
from augmentation_gateway.keys import ApiKey
from augmentation_gateway.native.answer import (
    AugmentationResponse,
    AugmentationStatusResponse,
    CancelResponse,
    ErrorResponse,
    ValidationErrorResponse,
    encode_status,
)
from augmentation_gateway.native.job_spec import to_job_spec
from augmentation_gateway.native.request import AugmentationRequest
from augmentation_gateway.problem import FieldProblem, Problem, invalid

PREFIX = "/v1/augmentation"
_STATUS_PATH = re.compile(rf"{PREFIX}/([^/]+)")
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)

# For the OpenAPI document; keys are checked before a request gets to a route.
_SECURITY = [
    Security(APIKeyHeader(name="x-api-key", auto_error=False, description="An API key: `aug_…`")),
    Security(HTTPBearer(auto_error=False, description="The same API key")),
]
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}
_AGE = {
    AGE_HEADER: {
        "description": "Only while the Kubernetes API is away: seconds since this was last known to be current",
        "schema": {"type": "integer"},
    }
}
_JobId = Annotated[UUID, Path(description="Unique job identifier; upper and lower case are the same")]


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    """OpenAPI responses, e.g. `_errors(e404="Augmentation job not found")`."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code, description in {"e401": "Invalid or missing API key", **described}.items():
        status = int(code[1:])
        model = ValidationErrorResponse if status == 422 else ErrorResponse
        responses[status] = {"model": model, "description": description}
        if status == 503:
            responses[status]["headers"] = _RETRY_AFTER
    return responses


def parse_id(text: str) -> str:
    """A job id as the cache has it. Raises Problem 422 for what is no UUID."""
    if _UUID.fullmatch(text) is None:
        message = f"job_id is {json.dumps(text[:60])}, but has to be a UUID, e.g. 2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"
        raise invalid([FieldProblem(("path", "job_id"), message, "uuid_parsing")])
    return str(UUID(text))


def encode_problem(problem: Problem) -> bytes:
    """`{"detail": "…"}`; of a 422 a list of `{loc, msg, type}`."""
    fields = [{"loc": field.loc, "msg": field.msg, "type": field.type} for field in problem.fields]
    return json.dumps({"detail": fields or problem.detail}).encode()


def _status_id(path: str) -> str | None:
    match = _STATUS_PATH.fullmatch(path)
    return match.group(1) if match else None


def _router(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["augmentation"], dependencies=_SECURITY)

    @router.post(
        "",
        status_code=201,
        summary="Create Augmentation Job",
        response_description="Augmentation job created successfully",
        responses={
            200: {
                "model": AugmentationResponse,
                "description": "This Idempotency-Key and body have created this job before",
            },
            **_errors(
                e400="Invalid request parameters: the body cannot be read, or no class serves this augmentation type",
                e403="The key has no write right, may not use this project, or Kubernetes refused the job by policy",
                e409="The Idempotency-Key was used for another request",
                e413="The body is larger than 64 KiB",
                e422="Validation error",
                e503="The Kubernetes API is away",
            ),
        },
    )
    async def create(
        body: AugmentationRequest,
        request: Request,
        response: Response,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1, max_length=255, description="Makes it safe to send the request again: one job comes of it"
            ),
        ] = None,
    ) -> AugmentationResponse:
        """Start a new dataset augmentation job.

        Applies deterministic transforms (lighting, noise, blur, occlusion and more) to a HuggingFace dataset and
        uploads the augmented result. The GPU instance is auto-selected based on the augmentation type.
        """
        creation = await create_job(gateway, _key(request), to_job_spec(body), idempotency_key=idempotency_key)
        job_id = UUID(creation.record.uid)
        response.headers["Location"] = f"{PREFIX}/{job_id}"
        if not creation.created:
            response.status_code = 200
        return AugmentationResponse(
            job_id=job_id,
            status=creation.record.state,
            message=f"Augmentation job {creation.record.metadata.name} "
            f"{'created' if creation.created else 'was created by an earlier request'}.",
        )

    @router.get(
        "/{job_id}",
        response_model=AugmentationStatusResponse,
        summary="Get Augmentation Status",
        response_description="Job status retrieved successfully",
        responses={
            200: {"headers": _AGE},
            **_errors(
                e403="The key has no read right",
                e404="Augmentation job not found, or of another project or namespace",
                e422="Validation error",
                e503="The gateway has just started and has not read the jobs yet",
            ),
        },
    )
    async def status(job_id: _JobId, request: Request) -> Response:
        """Get the status of an augmentation job.

        Returns the current phase, phase history, and augmented dataset ID (once the job has completed). Goes on while
        the Kubernetes API is away.
        """
        body = gateway.read_status(_key(request), NATIVE, str(job_id))
        return Response(body, media_type="application/json", headers=gateway.age_headers())

    @router.post(
        "/{job_id}/cancel",
        summary="Cancel Augmentation Job",
        response_description="The job is cancelled, or being cancelled",
        responses=_errors(
            e403="The key has no write right, or Kubernetes refused the change by policy",
            e404="Augmentation job not found, or of another project or namespace",
            e409="The job has completed or failed already",
            e413="The body is larger than 64 KiB; this request needs none",
            e422="Validation error",
            e503="The Kubernetes API is away",
        ),
    )
    async def cancel(job_id: _JobId, request: Request) -> CancelResponse:
        """Cancel an augmentation job. Cancelling it again is fine."""
        message = await cancel_job(gateway, _key(request), str(job_id))
        return CancelResponse(job_id=job_id, cancelled=True, message=message)

    return router


def _key(request: Request) -> ApiKey:
    key: ApiKey = request.scope[SCOPE_KEY]
    return key


NATIVE = Dialect(
    name="native",
    prefix=PREFIX,
    status_id=_status_id,
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
)
