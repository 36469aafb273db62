"""The native dialect: paths, documents and error shape of `/v1/augmentation`."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response

from augmentation_gateway.access import find_job, require
from augmentation_gateway.cancel_job import cancel_job
from augmentation_gateway.create_job import create_job
from augmentation_gateway.delete_job import delete_job
from augmentation_gateway.dialect import Dialect
from augmentation_gateway.event_stream import EventStream, has_seen_the_end, job_stream
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.job_events import Bookmark
from augmentation_gateway.job_id import read_uuid
from augmentation_gateway.job_list import page_after
from augmentation_gateway.keys import Right
from augmentation_gateway.native.answer import (
    AugmentationResponse,
    AugmentationStatusResponse,
    CancelResponse,
    ErrorResponse,
    RetryResponse,
    ValidationErrorResponse,
    encode_status,
)
from augmentation_gateway.native.job_spec import to_job_spec
from augmentation_gateway.native.list_query import ListQuery
from augmentation_gateway.native.request import AugmentationRequest
from augmentation_gateway.native.results import OutputsResponse, outputs_view
from augmentation_gateway.native.summary import AugmentationList, encode_event, encode_summary
from augmentation_gateway.openapi import AGE_HEADERS, SECURITY, error_responses
from augmentation_gateway.outputs import picture_url, published
from augmentation_gateway.problem import Problem
from augmentation_gateway.records import JobRecord
from augmentation_gateway.retry_job import retry_job
from augmentation_gateway.route_key import key_of

PREFIX = "/v1/augmentation"
_STATUS_PATH = re.compile(rf"{PREFIX}/([^/]+)")

_NO_READ = "The key has no read right"
_NO_WRITE = "The key has no write right, or Kubernetes refused the change by policy"
_NOT_FOUND = "Augmentation job not found, or of another project or namespace"
_NO_BODY = "The body is larger than 64 KiB; this request needs none"
_NOT_READ_YET = "The gateway has just started and has not read the jobs yet"
_AWAY = "The Kubernetes API is away"

_JobId = Annotated[UUID, Path(description="Unique job identifier; upper and lower case are the same")]


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    return error_responses(ErrorResponse, ValidationErrorResponse, **described)


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
            200: {"headers": AGE_HEADERS},
            **_errors(e403=_NO_READ, e422="Validation error", e503=_NOT_READ_YET),
        },
    )
    async def list_jobs(query: Annotated[ListQuery, Query()], request: Request) -> Response:
        """List the jobs that the key may see, the newest first.

        Pages are stable: however many jobs are made or deleted in between, none is shown twice and none that stays is
        left out. Goes on while the Kubernetes API is away.
        """
        page = page_after(gateway, key_of(request), query.filters, query.sort, query.limit, query.cursor)
        jobs = b",".join(job.encoded("native summary", encode_summary) for job in page.jobs)
        rest = json.dumps({"total": page.total, "next_cursor": page.next_cursor}).encode()
        return Response(b'{"jobs":[' + jobs + b"]," + rest[1:], media_type="application/json")

    @router.get(
        "/{job_id}",
        response_model=AugmentationStatusResponse,
        summary="Get Augmentation Status",
        response_description="Job status retrieved successfully",
        responses={
            200: {"headers": AGE_HEADERS},
            **_errors(
                e403=_NO_READ,
                e404=_NOT_FOUND,
                e422="Validation error",
                e503=_NOT_READ_YET,
            ),
        },
    )
    async def status(job_id: _JobId, request: Request) -> Response:
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
        responses=_errors(
            e403=_NO_WRITE,
            e404=_NOT_FOUND,
            e409="The job has completed or failed already",
            e413=_NO_BODY,
            e422="Validation error",
            e503=_AWAY,
        ),
    )
    async def cancel(job_id: _JobId, request: Request) -> CancelResponse:
        """Cancel an augmentation job. Cancelling it again is fine."""
        message = await cancel_job(gateway, key_of(request), str(job_id))
        return CancelResponse(job_id=job_id, cancelled=True, message=message)

    @router.post(
        "/{job_id}/retry",
        summary="Retry Augmentation Job",
        response_description="The job is tried again",
        responses=_errors(
            e403=_NO_WRITE,
            e404=_NOT_FOUND,
            e409="The job has not failed and was not cancelled",
            e413=_NO_BODY,
            e422="Validation error",
            e503=_AWAY,
        ),
    )
    async def retry(job_id: _JobId, request: Request) -> RetryResponse:
        """Start a job again that failed or was cancelled. What it had finished is kept."""
        record = await retry_job(gateway, key_of(request), str(job_id))
        return RetryResponse(job_id=job_id, attempt=record.attempt, message="The job is being tried again.")

    @router.delete(
        "/{job_id}",
        status_code=204,
        response_model=None,
        summary="Delete Augmentation Job",
        response_description="The job is deleted",
        responses=_errors(
            e403=_NO_WRITE,
            e404=_NOT_FOUND,
            e409="The job has not ended: cancel it first",
            e413=_NO_BODY,
            e422="Validation error",
            e503=_AWAY,
        ),
    )
    async def delete(job_id: _JobId, request: Request) -> Response:
        """Delete a job that has ended. The dataset that it published stays."""
        await delete_job(gateway, key_of(request), str(job_id))
        return Response(status_code=204)

    @router.get(
        "/{job_id}/outputs",
        summary="Get Augmentation Outputs",
        response_description="The published dataset and links to its files; empty until there is one",
        responses={
            200: {"headers": AGE_HEADERS},
            **_errors(e403=_NO_READ, e404=_NOT_FOUND, e422="Validation error", e503=_NOT_READ_YET),
        },
    )
    async def outputs(job_id: _JobId, request: Request) -> OutputsResponse:
        """Get what a job has published. Links lead to the hub, which asks for rights of its own."""
        return outputs_view(readable(job_id, request))

    @router.get(
        "/{job_id}/preview",
        status_code=302,
        response_class=Response,
        summary="Get Augmentation Preview",
        response_description="The picture is at this address, on the hub",
        responses={
            302: {"headers": {"Location": {"description": "Of a PNG", "schema": {"type": "string", "format": "uri"}}}},
            **_errors(
                e403=_NO_READ,
                e404="Augmentation job not found, or without a picture: nothing is published yet, or it is on a volume",
                e422="Validation error",
                e503=_NOT_READ_YET,
            ),
        },
    )
    async def preview(job_id: _JobId, request: Request) -> Response:
        """Get a picture of the result: frames of the first episode, before and after, with what was drawn.

        It is a file of the published dataset, and the answer leads to it on the hub: the gateway touches no dataset.
        """
        output = published(readable(job_id, request))
        if output is None:
            raise Problem(404, "There is no picture yet: it is published with the job's result.")
        if (url := picture_url(output)) is None:
            raise Problem(404, "The result lies on a volume: look at meta/augmentation.png there.")
        return Response(status_code=302, headers={"Location": url})

    @router.get(
        "/{job_id}/events",
        response_class=EventStream,
        summary="Follow Augmentation Job",
        response_description="Server-sent events: `phase` for what happens, `status` for how the job is, one line of "
        "JSON each; `removed` where the job is deleted. The stream ends when the job has ended.",
        responses={
            204: {"description": "The job has ended, and the client has seen that: there is no need to come again"},
            **_errors(e403=_NO_READ, e404=_NOT_FOUND, e422="Validation error", e503=_NOT_READ_YET),
        },
    )
    async def events(
        job_id: _JobId,
        request: Request,
        last_event_id: Annotated[
            str | None,
            Header(max_length=16384, description="Where to go on: the id of the last event that was seen"),
        ] = None,
    ) -> Response:
        """Follow a job live. With Last-Event-ID, as every EventSource sends it, only what is new is sent."""
        record, bookmark = readable(job_id, request), Bookmark.read(last_event_id)
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

    def readable(job_id: UUID, request: Request) -> JobRecord:
        key = key_of(request)
        require(key, Right.READ)
        return find_job(key, str(job_id), gateway.view)

    return router


NATIVE = Dialect(
    name="native",
    prefix=PREFIX,
    status_route=f"{PREFIX}/{{job_id}}",
    status_id=_status_id,
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
    fields={"body": tuple(AugmentationRequest.model_fields), "query": tuple(ListQuery.model_fields)},
)
