"""The native dialect: paths, documents and error shape of `/v1/augmentation`."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import JSONResponse

from augmentation_api.vocabulary import State
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.dialects.native.answer import (
    AugmentationResponse,
    AugmentationStatusResponse,
    CancelResponse,
    RetryResponse,
    encode_status,
)
from augmentation_gateway.dialects.native.described import (
    AWAY,
    ETAG_HEADERS,
    KEY_PATH,
    NO_BODY,
    NO_READ,
    NO_WRITE,
    NOT_FOUND,
    NOT_READ_YET,
    PREFIX,
    JobId,
    errors,
)
from augmentation_gateway.dialects.native.detail_routes import detail_router, key_router, readable
from augmentation_gateway.dialects.native.list_query import ListQuery
from augmentation_gateway.dialects.native.resource_view import DryRunResponse
from augmentation_gateway.dialects.native.summary import AugmentationList, encode_event, encode_summary
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.cancel import cancel_job
from augmentation_gateway.jobs.create import create_job, try_job
from augmentation_gateway.jobs.delete import delete_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.event_stream import EventStream, has_seen_the_end, job_stream
from augmentation_gateway.jobs.events import Bookmark
from augmentation_gateway.jobs.job_id import read_uuid
from augmentation_gateway.jobs.query import page_after
from augmentation_gateway.jobs.retry import retry_job
from augmentation_gateway.middleware.route_key import key_of
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.openapi import AGE_HEADERS, SECURITY
from augmentation_gateway.views.request import AugmentationRequest

_STATUS_PATH = re.compile(rf"{PREFIX}/([^/]+)")


def parse_id(text: str) -> str:
    """A job id as the cache has it. Raises Problem 422 for what is no UUID."""
    return read_uuid(text, "job_id")


def encode_problem(problem: Problem) -> bytes:
    """`{"detail": "…"}`; of a 422 a list of `{loc, msg, type}`."""
    fields = [{"loc": field.loc, "msg": field.msg, "type": field.type} for field in problem.fields]
    return json.dumps({"detail": fields or problem.detail}).encode()


def _status_id(path: str) -> str | None:
    match = _STATUS_PATH.fullmatch(path)
    return match.group(1) if match else None


def _router(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=PREFIX, tags=["augmentation"], dependencies=SECURITY)

    @router.post(
        "",
        status_code=201,
        response_model=AugmentationResponse,
        summary="Create Augmentation Job",
        response_description="Augmentation job created successfully",
        responses={
            200: {
                "model": AugmentationResponse | DryRunResponse,
                "description": "This Idempotency-Key and body have created this job before, or with `dry_run`: the "
                "request could be made as it is",
            },
            **errors(
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
        dry_run: Annotated[
            bool, Query(description="Check everything, create nothing, and answer with the manifest (200)")
        ] = False,
        idempotency_key: Annotated[
            str | None,
            Header(
                min_length=1, max_length=255, description="Makes it safe to send the request again: one job comes of it"
            ),
        ] = None,
    ) -> AugmentationResponse | Response:
        """Start a new dataset augmentation job.

        Applies deterministic transforms (lighting, noise, blur, occlusion and more) to a HuggingFace dataset and
        uploads the augmented result. The GPU instance is auto-selected based on the augmentation type.
        """
        if dry_run:
            manifest = await try_job(gateway, key_of(request), to_job_spec(body))
            tried = DryRunResponse(message="This request could be made as it is.", manifest=manifest)
            return JSONResponse(tried.model_dump())
        creation = await create_job(gateway, key_of(request), to_job_spec(body), idempotency_key=idempotency_key)
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
        "",
        response_model=AugmentationList,
        summary="List Augmentation Jobs",
        response_description="A page of jobs",
        responses={
            200: {"headers": {**AGE_HEADERS, **ETAG_HEADERS}},
            304: {"description": "The page is the one of If-None-Match", "headers": {**AGE_HEADERS, **ETAG_HEADERS}},
            **errors(e403=NO_READ, e422="Validation error", e503=NOT_READ_YET),
        },
    )
    async def list_jobs(
        query: Annotated[ListQuery, Query()],
        request: Request,
        if_none_match: Annotated[
            str | None, Header(max_length=1024, description="ETag of the page that the client has")
        ] = None,
    ) -> Response:
        """List the jobs that the key may see, the newest first.

        Pages are stable: however many jobs are made or deleted in between, none is shown twice and none that stays is
        left out. Goes on while the Kubernetes API is away.
        """
        page = await page_after(gateway, key_of(request), query.filters, query.sort, query.limit, query.cursor)
        jobs = await entries(page.jobs, lambda job: job.encoded("native summary", encode_summary))
        counts = {state.value: page.counts.get(state, 0) for state in State}
        rest = json.dumps({"total": page.total, "next_cursor": page.next_cursor, "counts": counts}).encode()
        body = b'{"jobs":[' + jobs + b"]," + rest[1:]
        # Of the content, so that it means the same at every replica.
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag in (if_none_match or "") or if_none_match == "*":
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    @router.get(
        "/{job_id}",
        response_model=AugmentationStatusResponse,
        summary="Get Augmentation Status",
        response_description="Job status retrieved successfully",
        responses={
            200: {"headers": AGE_HEADERS},
            **errors(
                e403=NO_READ,
                e404=NOT_FOUND,
                e422="Validation error",
                e503=NOT_READ_YET,
            ),
        },
    )
    async def status(job_id: JobId, request: Request) -> Response:
        """Get the status of an augmentation job.

        Returns the current phase, phase history, and augmented dataset ID (once the job has completed). Goes on while
        the Kubernetes API is away.
        """
        body = gateway.read_status(key_of(request), NATIVE, str(job_id))
        return Response(body, media_type="application/json")

    @router.post(
        "/{job_id}/cancel",
        summary="Cancel Augmentation Job",
        response_description="The job is cancelled, or being cancelled",
        responses=errors(
            e403=NO_WRITE,
            e404=NOT_FOUND,
            e409="The job has completed or failed already",
            e413=NO_BODY,
            e422="Validation error",
            e503=AWAY,
        ),
    )
    async def cancel(job_id: JobId, request: Request) -> CancelResponse:
        """Cancel an augmentation job. Cancelling it again is fine."""
        message = await cancel_job(gateway, key_of(request), str(job_id))
        return CancelResponse(job_id=job_id, cancelled=True, message=message)

    @router.post(
        "/{job_id}/retry",
        summary="Retry Augmentation Job",
        response_description="The job is tried again",
        responses=errors(
            e403=NO_WRITE,
            e404=NOT_FOUND,
            e409="The job has not failed and was not cancelled",
            e413=NO_BODY,
            e422="Validation error",
            e503=AWAY,
        ),
    )
    async def retry(job_id: JobId, request: Request) -> RetryResponse:
        """Start a job again that failed or was cancelled. What it had finished is kept."""
        record = await retry_job(gateway, key_of(request), str(job_id))
        return RetryResponse(job_id=job_id, attempt=record.attempt, message="The job is being tried again.")

    @router.delete(
        "/{job_id}",
        status_code=204,
        response_model=None,
        summary="Delete Augmentation Job",
        response_description="The job is deleted",
        responses=errors(
            e403=NO_WRITE,
            e404=NOT_FOUND,
            e409="The job has not ended: cancel it first",
            e413=NO_BODY,
            e422="Validation error",
            e503=AWAY,
        ),
    )
    async def delete(job_id: JobId, request: Request) -> Response:
        """Delete a job that has ended. The dataset that it published stays."""
        await delete_job(gateway, key_of(request), str(job_id))
        return Response(status_code=204)

    @router.get(
        "/{job_id}/events",
        response_class=EventStream,
        summary="Follow Augmentation Job",
        response_description="Server-sent events: `phase` for what happens, `status` for how the job is, one line of "
        "JSON each; `removed` where the job is deleted. The stream ends when the job has ended.",
        responses={
            204: {"description": "The job has ended, and the client has seen that: there is no need to come again"},
            **errors(e403=NO_READ, e404=NOT_FOUND, e422="Validation error", e503=NOT_READ_YET),
        },
    )
    async def events(
        job_id: JobId,
        request: Request,
        last_event_id: Annotated[
            str | None,
            Header(max_length=16384, description="Where to go on: the id of the last event that was seen"),
        ] = None,
    ) -> Response:
        """Follow a job live. With Last-Event-ID, as every EventSource sends it, only what is new is sent."""
        record, bookmark = readable(gateway, job_id, request), Bookmark.read(last_event_id)
        if has_seen_the_end(record, bookmark):
            return Response(status_code=204)
        stream = job_stream(
            gateway,
            key_of(request),
            record.uid,
            bookmark,
            status_data=lambda job: job.encoded("native summary", encode_summary),
            event_data=encode_event,
        )
        return EventStream(stream)

    whole = APIRouter()
    whole.include_router(router)
    whole.include_router(detail_router(gateway, PREFIX))
    whole.include_router(key_router())
    return whole


NATIVE = Dialect(
    name="native",
    prefix=PREFIX,
    status_route=f"{PREFIX}/{{job_id}}",
    status_id=_status_id,
    is_stream=lambda path: path.endswith("/events"),
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
    other_paths=frozenset({KEY_PATH}),
    fields={"body": tuple(AugmentationRequest.model_fields), "query": tuple(ListQuery.model_fields)},
)
