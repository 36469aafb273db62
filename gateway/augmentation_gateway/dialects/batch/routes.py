"""The routes of the batch dialect."""

import json
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Query, Response
from starlette.convertors import StringConvertor, register_url_convertor

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import find_job
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.dialects.batch.documents import (
    BatchJobList,
    BatchQuery,
    DeletedJob,
    ErrorList,
    encode_problem,
)
from augmentation_gateway.dialects.batch.events import EventList, EventQuery, events_view
from augmentation_gateway.dialects.batch.inputs import InputList, InputQuery, inputs_view
from augmentation_gateway.dialects.batch.outputs import OutputList, OutputQuery, outputs_view
from augmentation_gateway.dialects.batch.request import BatchJobRequest
from augmentation_gateway.dialects.batch.views import (
    BatchJob,
    QueueList,
    batch_status,
    encode_status,
    job_view,
    queue_view,
)
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.changes import cancel_job, delete_job, refuse_unless, retry_job
from augmentation_gateway.jobs.create import create_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.query import Filters, Order, matching, page_at
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job_id import BATCH_ID_PATTERN, batch_id, read_batch_id
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_gateway.views.responses import OK_WITH_AGE, ONE_JOB, READ, WRITE, ErrorResponses

PREFIX: Final = "/v0.5/batch"


class _JobIdConvertor(StringConvertor):
    """Any part of a path but `queue`, which is a collection and no job, whatever the method."""

    regex = "(?!queue(?:/|$))[^/]+"


register_url_convertor("batch_job", _JobIdConvertor())

BatchJobId = Annotated[
    str,
    Path(
        alias="id",
        description="`job_…`, or the job's UUID; upper and lower case are the same",
        # Documented and not checked twice: read_batch_id explains what is wrong in a better sentence.
        json_schema_extra={"pattern": BATCH_ID_PATTERN},
    ),
]
# 400 for an invalid field, too: clients of this API take 400 to 416 for the caller's mistake and try 422 three times.
errors: Final = ErrorResponses(ErrorList, invalid=400)
_READ_JOB: Final = {**OK_WITH_AGE, **errors(*ONE_JOB, *READ)}

router = APIRouter(prefix=f"{PREFIX}/jobs", tags=["batch"])


@router.post(
    "",
    status_code=201,
    summary="Create a batch job",
    responses={
        200: {"model": BatchJob, "description": "This Idempotency-Key and body have created this job before"},
        **errors(400, 422, *WRITE, words={409: "The Idempotency-Key was used for another request"}),
    },
)
async def create(
    body: BatchJobRequest,
    response: Response,
    gateway: CurrentGateway,
    key: CurrentKey,
    idempotency_key: Annotated[
        str | None, Header(min_length=1, max_length=255, description="Makes it safe to repeat the request")
    ] = None,
) -> BatchJob:
    """Create a job."""
    creation = await create_job(gateway, key, to_job_spec(body.parameters), idempotency_key=idempotency_key)
    if not creation.created:
        response.status_code = 200
    return job_view(creation.record, write=True)


@router.get(
    "",
    response_model=BatchJobList,
    summary="List batch jobs",
    responses={**OK_WITH_AGE, **errors(422, *READ)},
)
async def list_jobs(query: Annotated[BatchQuery, Query()], gateway: CurrentGateway, key: CurrentKey) -> Response:
    """List the jobs that the key may see, the newest first."""
    filters = Filters(
        name=query.q,
        accepts=lambda job: (
            query.pipeline_type != "training" and (query.status is None or batch_status(job) == query.status)
        ),
    )
    page = await page_at(gateway, key, filters, query.offset, query.limit, Order.NEWEST)
    jobs = await entries(page.jobs, lambda job: gateway.statuses.encode(job, DIALECT))
    rest = json.dumps({"total": page.total, "offset": query.offset, "limit": query.limit}).encode()
    return Response(b'{"jobs":[' + jobs + b"]," + rest[1:], media_type="application/json")


@router.get("/queue", summary="List the queue", responses={**OK_WITH_AGE, **errors(*READ)})
async def queue(gateway: CurrentGateway, key: CurrentKey) -> QueueList:
    """List the pending jobs that the key may see. Positions count all jobs."""
    pending = Filters(accepts=lambda job: batch_status(job) == "PENDING")
    return await queue_view(matching(gateway, key, pending))


@router.delete(
    "/{id:batch_job}",
    summary="Delete a batch job",
    responses=errors(*ONE_JOB, *WRITE, words={409: "The job is not finished"}),
)
async def delete(job_id: BatchJobId, gateway: CurrentGateway, key: CurrentKey) -> DeletedJob:
    """Delete a finished job."""
    uid = _uid(job_id)
    await delete_job(gateway, key, uid)
    # Not 204: clients of this API take 200 and 201 alone for success.
    return DeletedJob(id=batch_id(uid), deleted=True)


@router.post(
    "/{id:batch_job}/cancel",
    summary="Cancel a batch job",
    responses=errors(*ONE_JOB, *WRITE, words={409: "The job is not PENDING, ADMITTED or RUNNING"}),
)
async def cancel(job_id: BatchJobId, gateway: CurrentGateway, key: CurrentKey) -> BatchJob:
    """Cancel a job; it is CANCELLED when its pods have stopped."""
    require(key, Right.WRITE)
    record = find_job(key, _uid(job_id), gateway.view)
    status = batch_status(record)
    refuse_unless(
        status in ("PENDING", "ADMITTED", "RUNNING"),
        f"The job is {status}. Only a job that is PENDING, ADMITTED or RUNNING can be cancelled.",
    )
    await cancel_job(gateway, key, record.uid)
    return job_view(find_job(key, record.uid, gateway.view), write=True)


@router.post(
    "/{id:batch_job}/retry",
    summary="Retry a batch job",
    responses=errors(*ONE_JOB, *WRITE, words={409: "The job is not FAILED or CANCELLED"}),
)
async def retry(job_id: BatchJobId, gateway: CurrentGateway, key: CurrentKey) -> BatchJob:
    """Retry a job that has failed or was cancelled."""
    return job_view(await retry_job(gateway, key, _uid(job_id)), write=True)


@router.get("/{id:batch_job}/events", summary="List the events of a batch job", responses=_READ_JOB)
async def events(
    job_id: BatchJobId, query: Annotated[EventQuery, Query()], gateway: CurrentGateway, key: CurrentKey
) -> EventList:
    """List the events of a job, the newest first."""
    return events_view(_readable(job_id, gateway, key), query)


@router.get("/{id:batch_job}/inputs", summary="List the inputs of a batch job", responses=_READ_JOB)
async def inputs(
    job_id: BatchJobId, query: Annotated[InputQuery, Query()], gateway: CurrentGateway, key: CurrentKey
) -> InputList:
    """List the source's episodes that are augmented, and how far each is; none until the source was resolved."""
    record = _readable(job_id, gateway, key)
    return inputs_view(record, gateway.view.class_of(record), query)


@router.get("/{id:batch_job}/outputs", summary="List the outputs of a batch job", responses=_READ_JOB)
async def outputs(
    job_id: BatchJobId, query: Annotated[OutputQuery, Query()], gateway: CurrentGateway, key: CurrentKey
) -> OutputList:
    """List files of the published dataset, as links to its hub; none until there is one."""
    record = _readable(job_id, gateway, key)
    return outputs_view(record, gateway.view.class_of(record), query)


def _uid(text: str) -> str:
    return read_batch_id(text, "id")


def _readable(text: str, gateway: Gateway, key: ApiKey) -> JobRecord:
    require(key, Right.READ)
    return find_job(key, _uid(text), gateway.view)


DIALECT: Final = Dialect(
    name="batch",
    prefix=PREFIX,
    status_path=f"{PREFIX}/jobs/{{id:batch_job}}",
    status_operation=StatusOperation(
        summary="Get a batch job",
        description="Get the full details of a job, including its current status, parameters, and timestamps.",
        model=BatchJob,
        name="job",
        id_type=BatchJobId,
    ),
    encode_status=encode_status,
    routers=(router,),
    encode_problem=encode_problem,
    errors=errors,
    parse_id=read_batch_id,
    fields={
        "body": (*BatchJobRequest.model_fields, *AugmentationRequest.model_fields),
        "query": tuple(BatchQuery.model_fields),
    },
)
