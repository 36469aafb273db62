"""The routes of this dialect."""

import json
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.job_access import find_job, read_job
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.dialects.jobs.documents import JobDetail, JobList, JobResults, JobsQuery
from augmentation_gateway.dialects.jobs.views import (
    ITEMS,
    dataset_reference,
    encode_status,
    job_status,
    results_view,
)
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.changes import cancel_job, retry_job
from augmentation_gateway.jobs.entries import entries
from augmentation_gateway.jobs.query import Filters, Order, page_after, page_at
from augmentation_gateway.problem import FieldProblem, invalid
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job_id import JobId
from augmentation_gateway.views.responses import OK_WITH_AGE, ONE_JOB, READ, WRITE, detail_errors

PREFIX: Final = "/jobs"

router = APIRouter(prefix=PREFIX, tags=["jobs"])


@router.get("", response_model=JobList, summary="List Jobs", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_jobs(query: Annotated[JobsQuery, Query()], gateway: CurrentGateway, key: CurrentKey) -> Response:
    """List the jobs that the key may see, the newest first."""
    filters = _filters(query, gateway)
    if query.cursor is None:
        page = await page_at(gateway, key, filters, query.offset, query.limit, Order.NEWEST)
    elif query.offset:
        raise invalid([FieldProblem(("query", "offset"), "offset", "offset is given with a cursor", "send one")])
    else:
        page = await page_after(gateway, key, filters, Order.NEWEST, query.limit, query.cursor)
    items = await entries(page.jobs, lambda job: gateway.statuses.encode(job, ITEMS))
    jobs = await entries(page.jobs, lambda job: gateway.statuses.encode(job, DIALECT))
    cursor = json.dumps(page.next_cursor).encode()
    rest = json.dumps({"total": page.total, "limit": query.limit, "offset": query.offset}).encode()
    body = b'{"items":[' + items + b'],"next_cursor":' + cursor + b',"jobs":[' + jobs + b"]," + rest[1:]
    return Response(body, media_type="application/json")


def _filters(query: JobsQuery, gateway: Gateway) -> Filters:
    def accepts(job: JobRecord) -> bool:
        return (query.status is None or job_status(job) == query.status) and (
            query.dataset_version_id is None or _version_id(job, gateway) == query.dataset_version_id.lower()
        )

    values = (query.status, query.type, query.dataset_version_id, query.model_id, query.model_version_id)
    if query.type not in (None, "augmentation") or query.model_id or query.model_version_id:
        return Filters(accepts=lambda _: False, accepts_of=values)
    return Filters(accepts=accepts, accepts_of=values)


def _version_id(job: JobRecord, gateway: Gateway) -> str:
    return str(dataset_reference(job, gateway.view.class_of(job)).version_id)


@router.get("/{job_id}/results", summary="Get Job Results", responses={**OK_WITH_AGE, **detail_errors(*ONE_JOB, *READ)})
async def results(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> JobResults:
    """Get what a job has published. Links lead to the hub, which checks access itself."""
    record = read_job(key, str(job_id), gateway.view)
    return results_view(record, gateway.view.class_of(record))


@router.post(
    "/{job_id}/cancel",
    response_model=JobDetail,
    summary="Cancel Job",
    responses=detail_errors(*ONE_JOB, *WRITE, words={409: "The job has already succeeded, failed or been rejected"}),
)
async def cancel(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Cancel a job; it is canceled when its pods have stopped. Cancelling it again is fine."""
    await cancel_job(gateway, key, str(job_id))
    return _changed(job_id, gateway, key)


@router.post(
    "/{job_id}/retry",
    response_model=JobDetail,
    summary="Retry Job",
    responses=detail_errors(
        *ONE_JOB, *WRITE, words={409: "The job has not failed, and was neither rejected nor canceled"}
    ),
)
async def retry(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Retry a job that failed, or was rejected or canceled. It keeps its id."""
    await retry_job(gateway, key, str(job_id))
    return _changed(job_id, gateway, key)


def _changed(job_id: UUID, gateway: Gateway, key: ApiKey) -> Response:
    body = gateway.statuses.encode(find_job(key, str(job_id), gateway.view), DIALECT)
    return Response(body, media_type="application/json")


DIALECT: Final = Dialect(
    name="jobs",
    prefix=PREFIX,
    status_path=f"{PREFIX}/{{job_id}}",
    any_trailing_slash=True,
    status_operation=StatusOperation(
        summary="Get Job Detail",
        description="Get a job with its input, output, resources and errors.",
        model=JobDetail,
        name="job",
    ),
    encode_status=encode_status,
    routers=(router,),
    fields={"query": tuple(JobsQuery.model_fields)},
    clients=("woodwide/", "asyncwoodwide/"),
)
