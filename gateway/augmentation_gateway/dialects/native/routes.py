"""Routes of the native dialect that create, list, change and follow jobs."""

import hashlib
import json
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse

from augmentation_api.vocabulary import OnBadEpisode, State
from augmentation_gateway.credentials.job_access import read_job
from augmentation_gateway.dialects.native.documents import (
    AugmentationResponse,
    CancelResponse,
    Change,
    ChangeResponse,
    DryRunResponse,
    ListQuery,
    RetryResponse,
)
from augmentation_gateway.dialects.native.estimates import CreateQuery, estimate_of
from augmentation_gateway.dialects.native.summary import AugmentationList, encode_event, encode_summary
from augmentation_gateway.jobs.changes import cancel_job, change_parallelism, delete_job, retry_job
from augmentation_gateway.jobs.create import create_job, try_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.event_stream import EventStream, has_seen_the_end, job_stream
from augmentation_gateway.jobs.events import Bookmark
from augmentation_gateway.jobs.query import page_after
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job_id import JobId
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_gateway.views.responses import AGE_HEADERS, ONE_JOB, READ, WRITE, detail_errors

PREFIX: Final = "/v1/augmentation"
_PAGE_HEADERS: Final = {
    **AGE_HEADERS,
    "ETag": {"description": "Tag of this page, for If-None-Match", "schema": {"type": "string"}},
}

router = APIRouter(prefix=PREFIX, tags=["augmentation"])


@router.post(
    "",
    status_code=201,
    response_model=AugmentationResponse,
    summary="Create Augmentation Job",
    response_description="Augmentation job created successfully",
    responses={
        200: {
            "model": AugmentationResponse | DryRunResponse,
            "description": "This Idempotency-Key and body have created this job before; with `dry_run`: the dry run "
            "succeeded, and nothing was created",
        },
        **detail_errors(400, 422, *WRITE, words={409: "The Idempotency-Key was used for another request"}),
    },
)
async def create(
    body: AugmentationRequest,
    response: Response,
    gateway: CurrentGateway,
    key: CurrentKey,
    query: Annotated[CreateQuery, Query()],
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1, max_length=255, description="Makes it safe to repeat the request: only one job is created"
        ),
    ] = None,
) -> AugmentationResponse | Response:
    """Start a new dataset augmentation job.

    Applies deterministic transforms (lighting, noise, blur, occlusion and more) to a HuggingFace dataset and
    uploads the augmented result. The GPU instance is auto-selected based on the augmentation type.
    """
    query.check()
    if query.dry_run:
        spec = to_job_spec(body)
        manifest = await try_job(gateway, key, spec)
        found, missing = await estimate_of(gateway, key, spec, query) if query.estimate else (None, None)
        message = "Dry run succeeded; nothing was created."
        answer = DryRunResponse(message=message, manifest=manifest, estimate=found, estimate_missing=missing)
        return JSONResponse(answer.model_dump())
    creation = await create_job(gateway, key, to_job_spec(body), idempotency_key=idempotency_key)
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
        200: {"headers": _PAGE_HEADERS},
        304: {
            "description": "The page has not changed since the one with the tag in If-None-Match",
            "headers": _PAGE_HEADERS,
        },
        **detail_errors(422, *READ),
    },
)
async def list_jobs(
    query: Annotated[ListQuery, Query()],
    gateway: CurrentGateway,
    key: CurrentKey,
    if_none_match: Annotated[
        str | None, Header(max_length=1024, description="ETag of the page that the client has")
    ] = None,
) -> Response:
    """List the jobs that the key may see, the newest first.

    Pages are stable: no job is listed twice or left out when jobs are created or deleted in between. Still answers
    while the Kubernetes API is unavailable.
    """
    page = await page_after(gateway, key, query.filters, query.sort, query.limit, query.cursor)
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


@router.patch(
    "/{job_id}",
    summary="Change Augmentation Job",
    response_description="The job is changed",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job is finished"}),
)
async def change(job_id: JobId, body: Change, gateway: CurrentGateway, key: CurrentKey) -> ChangeResponse:
    """Change how many shards of a job run concurrently, while it waits or runs. Nothing else can be changed."""
    await change_parallelism(gateway, key, str(job_id), body.parallelism)
    return ChangeResponse(job_id=job_id, parallelism=body.parallelism, message="The job is changed.")


@router.post(
    "/{job_id}/cancel",
    summary="Cancel Augmentation Job",
    response_description="The job is cancelled, or being cancelled",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job has already completed or failed"}),
)
async def cancel(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> CancelResponse:
    """Cancel an augmentation job. Cancelling it again is fine."""
    message = await cancel_job(gateway, key, str(job_id))
    return CancelResponse(job_id=job_id, cancelled=True, message=message)


@router.post(
    "/{job_id}/retry",
    summary="Retry Augmentation Job",
    response_description="The job is retried",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job has neither failed nor been cancelled"}),
)
async def retry(
    job_id: JobId,
    gateway: CurrentGateway,
    key: CurrentKey,
    on_bad_episode: Annotated[
        OnBadEpisode | None,
        Query(description="skip: leave out what cannot be used (bad_episodes), for which the job failed"),
    ] = None,
) -> RetryResponse:
    """Retry a job that failed or was cancelled. What it had finished is kept."""
    record = await retry_job(gateway, key, str(job_id), on_bad_episode)
    return RetryResponse(job_id=job_id, attempt=record.attempt, message="The job is being retried.")


@router.delete(
    "/{job_id}",
    status_code=204,
    response_model=None,
    summary="Delete Augmentation Job",
    response_description="The job is deleted",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job is not finished: cancel it first"}),
)
async def delete(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Delete a finished job. The dataset that it published stays."""
    await delete_job(gateway, key, str(job_id))
    return Response(status_code=204)


@router.get(
    "/{job_id}/events",
    response_class=EventStream,
    summary="Follow Augmentation Job",
    response_description="Server-sent events: `phase` for what happens, `status` for the job's state, one line of JSON "
    "each; `removed` when the job is deleted. The stream ends when the job is finished.",
    responses={
        204: {"description": "The job is finished, and the client has received all of its events: do not reconnect"},
        **detail_errors(*ONE_JOB, *READ),
    },
)
async def events(
    job_id: JobId,
    gateway: CurrentGateway,
    key: CurrentKey,
    last_event_id: Annotated[
        str | None, Header(max_length=16384, description="Where to resume: the id of the last event received")
    ] = None,
) -> Response:
    """Follow a job live. With Last-Event-ID, as every EventSource sends it, only what is new is sent."""
    record, bookmark = read_job(key, str(job_id), gateway.view), Bookmark.read(last_event_id)
    if has_seen_the_end(record, bookmark):
        return Response(status_code=204)
    stream = job_stream(
        gateway,
        key,
        record.uid,
        bookmark,
        status_data=lambda job: job.encoded("native summary", encode_summary),
        event_data=encode_event,
    )
    return EventStream(stream)
