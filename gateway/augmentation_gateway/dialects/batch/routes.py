"""`/v0.5/batch`: the batch job API, with a queue, inputs and outputs."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response
from starlette.convertors import StringConvertor, register_url_convertor

from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.credentials.access import find_job, require
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.dialects.batch.documents import (
    BatchJobList,
    BatchJobRequest,
    BatchQuery,
    ErrorList,
    EventList,
    InputList,
    OutputList,
    PageQuery,
    QueueList,
    encode_problem,
)
from augmentation_gateway.dialects.batch.queue import queue_view
from augmentation_gateway.dialects.batch.view import (
    BatchJob,
    batch_status,
    events_view,
    inputs_view,
    job_view,
    outputs_view,
)
from augmentation_gateway.dialects.dialect import Dialect
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.cancel import cancel_job
from augmentation_gateway.jobs.create import create_job
from augmentation_gateway.jobs.delete import delete_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.job_id import BATCH_ID_PATTERN, read_batch_id
from augmentation_gateway.jobs.query import Filters, Order, matching, page_at
from augmentation_gateway.jobs.retry import retry_job
from augmentation_gateway.jobs.write import refuse_unless
from augmentation_gateway.middleware.route_key import key_of
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.openapi import AGE_HEADERS, SECURITY, error_responses
from augmentation_gateway.views.request import AugmentationRequest

PREFIX = "/v0.5/batch"
_STATUS_PATH = re.compile(rf"{PREFIX}/jobs/(?!queue$)([^/]+)")


def encode_status(record: JobRecord, _: ClassRecord | None = None) -> bytes:
    """The body of a status answer."""
    return job_view(record).model_dump_json().encode()


def parse_id(text: str) -> str:
    """A job id as the cache has it. Raises Problem 422."""
    return read_batch_id(text, "id")


class _JobIdConvertor(StringConvertor):
    """Any part of a path but `queue`, which is a collection and no job, whatever the method."""

    regex = "(?!queue(?:/|$))[^/]+"


register_url_convertor("batch_job", _JobIdConvertor())


def _status_id(path: str) -> str | None:
    match = _STATUS_PATH.fullmatch(path)
    return match.group(1) if match else None


_Id = Annotated[
    str,
    Path(
        description="`job_…`, or the job's UUID; upper and lower case are the same",
        # Told, and not checked twice: parse_id says what is wrong in a better sentence.
        json_schema_extra={"pattern": BATCH_ID_PATTERN},
    ),
]
_READ = {"e403": "The key has no read right", "e503": "The gateway has just started and has not read the jobs yet"}
_WRITE = {
    "e403": "The key has no write right, or Kubernetes refused it by policy",
    "e413": "The body is larger than 64 KiB",
    "e503": "The Kubernetes API is away",
}
_ONE = {"e404": "There is no such job, or it is of another project or namespace", "e422": "Validation error"}


def _errors(**described: str) -> dict[int | str, dict[str, Any]]:
    return error_responses(ErrorList, None, **described)


def _router(gateway: Gateway) -> APIRouter:
    router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["batch"], dependencies=SECURITY)

    def found(id: str, request: Request) -> tuple[ApiKey, JobRecord]:  # noqa: A002 - this API's own name
        key = key_of(request)
        return key, find_job(key, parse_id(id), gateway.view)

    def readable(id: str, request: Request) -> JobRecord:  # noqa: A002 - this API's own name
        require(key_of(request), Right.READ)
        return found(id, request)[1]

    @router.post(
        "",
        status_code=201,
        summary="Create a batch job",
        responses={
            200: {"model": BatchJob, "description": "This Idempotency-Key and body have created this job before"},
            **_errors(
                e400="The body cannot be read, or no class serves this pipeline",
                e409="The Idempotency-Key was used for another request",
                e422="Validation error",
                **_WRITE,
            ),
        },
    )
    async def create(
        body: BatchJobRequest,
        request: Request,
        response: Response,
        idempotency_key: Annotated[
            str | None, Header(min_length=1, max_length=255, description="Makes it safe to send the request again")
        ] = None,
    ) -> BatchJob:
        """Create a job."""
        spec = to_job_spec(body.parameters)
        creation = await create_job(gateway, key_of(request), spec, idempotency_key=idempotency_key)
        if not creation.created:
            response.status_code = 200
        return job_view(creation.record, write=True)

    @router.get(
        "",
        response_model=BatchJobList,
        summary="List batch jobs",
        responses={200: {"headers": AGE_HEADERS}, **_errors(e422="Validation error", **_READ)},
    )
    async def list_jobs(query: Annotated[BatchQuery, Query()], request: Request) -> Response:
        """List the jobs that the key may see, the newest first."""
        filters = Filters(
            name=query.q,
            accepts=lambda job: (
                query.pipeline_type != "training" and (query.status is None or batch_status(job) == query.status)
            ),
        )
        page = await page_at(gateway, key_of(request), filters, query.offset, query.limit, Order.NEWEST)
        jobs = await entries(page.jobs, lambda job: gateway.encoded(BATCH, job))
        rest = json.dumps({"total": page.total, "offset": query.offset, "limit": query.limit}).encode()
        return Response(b'{"jobs":[' + jobs + b"]," + rest[1:], media_type="application/json")

    @router.get("/queue", summary="List the queue", responses={200: {"headers": AGE_HEADERS}, **_errors(**_READ)})
    async def queue(request: Request) -> QueueList:
        """List the jobs that wait, of those that the key may see. Positions count all jobs."""
        pending = Filters(accepts=lambda job: batch_status(job) == "PENDING")
        return await queue_view(matching(gateway, key_of(request), pending))

    @router.get(
        "/{id:batch_job}",
        response_model=BatchJob,
        summary="Get a batch job",
        responses={200: {"headers": AGE_HEADERS}, **_errors(**_ONE, **_READ)},
    )
    async def job(id: _Id, request: Request) -> Response:  # noqa: A002 - this API's own name
        """Get the full details of a job, including its current status, parameters, and timestamps."""
        return Response(gateway.read_status(key_of(request), BATCH, id), media_type="application/json")

    @router.delete(
        "/{id:batch_job}",
        status_code=204,
        response_model=None,
        summary="Delete a batch job",
        responses=_errors(e409="The job has not finished", **_ONE, **_WRITE),
    )
    async def delete(id: _Id, request: Request) -> Response:  # noqa: A002 - this API's own name
        """Delete a job that has finished."""
        await delete_job(gateway, key_of(request), parse_id(id))
        return Response(status_code=204)

    @router.post(
        "/{id:batch_job}/cancel",
        summary="Cancel a batch job",
        responses=_errors(e409="The job is not PENDING, ADMITTED or RUNNING", **_ONE, **_WRITE),
    )
    async def cancel(id: _Id, request: Request) -> BatchJob:  # noqa: A002 - this API's own name
        """Cancel a job; it is CANCELLED when its pods have stopped."""
        require(key_of(request), Right.WRITE)
        key, record = found(id, request)
        status = batch_status(record)
        refuse_unless(
            status in ("PENDING", "ADMITTED", "RUNNING"),
            f"The job is {status}: only one that is PENDING, ADMITTED or RUNNING can be cancelled.",
        )
        await cancel_job(gateway, key, record.uid)
        return job_view(found(id, request)[1], write=True)

    @router.post(
        "/{id:batch_job}/retry",
        summary="Retry a batch job",
        responses=_errors(e409="The job is not FAILED or CANCELLED", **_ONE, **_WRITE),
    )
    async def retry(id: _Id, request: Request) -> BatchJob:  # noqa: A002 - this API's own name
        """Start a job again that has failed or was cancelled."""
        return job_view(await retry_job(gateway, key_of(request), parse_id(id)), write=True)

    @router.get(
        "/{id:batch_job}/events",
        summary="List the events of a batch job",
        responses={200: {"headers": AGE_HEADERS}, **_errors(**_ONE, **_READ)},
    )
    async def events(id: _Id, request: Request) -> EventList:  # noqa: A002 - this API's own name
        """List what happened, the oldest first."""
        happened = events_view(readable(id, request))
        return EventList(events=happened, total=len(happened))

    @router.get(
        "/{id:batch_job}/inputs",
        summary="List the inputs of a batch job",
        responses={200: {"headers": AGE_HEADERS}, **_errors(**_ONE, **_READ)},
    )
    async def inputs(id: _Id, query: Annotated[PageQuery, Query()], request: Request) -> InputList:  # noqa: A002
        """List the source's episodes that are augmented, and how far each is; none until the source was resolved."""
        page, total = inputs_view(readable(id, request), query.offset, query.limit)
        return InputList(inputs=page, total=total, offset=query.offset, limit=query.limit)

    @router.get(
        "/{id:batch_job}/outputs",
        summary="List the outputs of a batch job",
        responses={200: {"headers": AGE_HEADERS}, **_errors(**_ONE, **_READ)},
    )
    async def outputs(id: _Id, request: Request) -> OutputList:  # noqa: A002 - this API's own name
        """List files of the published dataset, as links to its hub; none until there is one."""
        record = readable(id, request)
        files = outputs_view(record, gateway.view.class_of(record))
        return OutputList(outputs=files, total=len(files))

    return router


BATCH = Dialect(
    name="batch",
    prefix=PREFIX,
    status_route=f"{PREFIX}/jobs/{{id}}",
    status_id=_status_id,
    parse_id=parse_id,
    encode_status=encode_status,
    encode_problem=encode_problem,
    router=_router,
    fields={
        "body": (*BatchJobRequest.model_fields, *AugmentationRequest.model_fields),
        "query": tuple(BatchQuery.model_fields),
    },
)
