"""Details of one job in the native dialect, and of the request's key."""

from typing import Any, Final

from fastapi import APIRouter, Response

from augmentation_api.status import OutputStatus
from augmentation_api.worker_contract import RESULT_PREVIEW
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.credentials.job_access import read_job
from augmentation_gateway.dialects.native.documents import (
    KeyView,
    OutputsResponse,
    ResourceView,
    encode_request,
    encode_resource,
    key_view,
    outputs_view,
)
from augmentation_gateway.dialects.native.routes import PREFIX
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.outputs import file_url, published
from augmentation_gateway.jobs.preview import SlicedResponse, fetch_preview, preview_url
from augmentation_gateway.jobs.preview_request import drawn_preview
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey, RequestShares
from augmentation_gateway.views.job_id import JobId
from augmentation_gateway.views.responses import AGE_HEADERS, OK_WITH_AGE, ONE_JOB, READ, detail_errors

KEY_PATH: Final = "/v1/key"
_READ_JOB: Final = detail_errors(*ONE_JOB, *READ)
_READ_PICTURE: Final = {404: "Job not found, or without a preview that is available here"}

router = APIRouter(prefix=PREFIX, tags=["augmentation"])
key_router = APIRouter(tags=["key"])


@router.get(
    "/{job_id}/outputs",
    summary="Get Augmentation Outputs",
    response_description="The published dataset and links to its files; empty until there is one",
    responses={**OK_WITH_AGE, **_READ_JOB},
)
async def outputs(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> OutputsResponse:
    """Get what a job has published. Links lead to the hub, which checks access itself."""
    record = read_job(key, str(job_id), gateway.view)
    return outputs_view(record, gateway.view.class_of(record))


@router.get(
    "/{job_id}/preview",
    status_code=302,
    response_class=Response,
    summary="Get Augmentation Preview",
    response_description="The preview is at this address, on the hub",
    responses={
        302: {"headers": {"Location": {"description": "URL of a PNG", "schema": {"type": "string", "format": "uri"}}}},
        **detail_errors(*ONE_JOB, *READ, words=_READ_PICTURE),
    },
)
async def preview(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Get a preview of the result: frames of the first episode, before and after, with the sampled parameters.

    It is a file of the published dataset, and the response redirects to it on the hub.
    """
    output, runs_as = _published(read_job(key, str(job_id), gateway.view), gateway)
    if (url := file_url(output, runs_as, RESULT_PREVIEW)) is None:
        raise Problem(
            404, "The result is on a volume or in an object store, and not on a hub", f"open {RESULT_PREVIEW} there"
        )
    return Response(status_code=302, headers={"Location": url})


@router.get(
    "/{job_id}/picture",
    response_class=Response,
    summary="Get Augmentation Picture",
    response_description="The preview",
    responses={
        200: {
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/png", "image/jpeg")
            },
            "headers": AGE_HEADERS,
        },
        **detail_errors(502, *ONE_JOB, *READ, words=_READ_PICTURE),
    },
)
async def picture(job_id: JobId, gateway: CurrentGateway, key: CurrentKey, shares: RequestShares) -> Response:
    """Get the preview itself, through the gateway: for clients that may not follow a link to the hub.

    The gateway asks the hub without a token, so previews of private datasets are not available here. One that was
    requested by `POST /v1/previews` always is.
    """
    record = read_job(key, str(job_id), gateway.view)
    # An image of a published revision, or of a preview, never changes.
    headers = {"Cache-Control": "private, max-age=86400, immutable"}
    if record.is_preview:
        media_type, image = drawn_preview(record)
        return SlicedResponse(image, media_type=media_type, headers=headers)
    output, runs_as = _published(record, gateway)
    if (address := preview_url(output, runs_as.hub_endpoint)) is None:
        raise Problem(
            404, "The result is on a volume or in an object store, and not on a hub", f"open {RESULT_PREVIEW} there"
        )
    shares.enter_context(gateway.capacity.pictures.take(key.id))
    return SlicedResponse(await fetch_preview(address), media_type="image/png", headers=headers)


def _published(record: JobRecord, gateway: Gateway) -> tuple[OutputStatus, ClassRecord]:
    """The result of a job and the class that names its hub. Raises Problem 404 if one of them is missing."""
    output, runs_as = published(record), gateway.view.class_of(record)
    if output is None:
        raise Problem(404, "There is no preview yet. It is published with the job's result.")
    if runs_as is None:
        raise Problem(404, "The class that this job ran as is gone, and with it the hub's address", "open it there")
    return output, runs_as


@router.get(
    "/{job_id}/resource",
    response_model=ResourceView,
    summary="Get Augmentation Resource",
    response_description="The AugmentationJob",
    responses={**OK_WITH_AGE, **_READ_JOB},
)
async def resource(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Get a job in full, as `kubectl get -o json` shows it: conditions, shards, placement, usage."""
    view = gateway.view
    body = read_job(key, str(job_id), view).encoded(
        "resource", lambda job: encode_resource(job, view.class_of(job)), view.classes.revision
    )
    return Response(body, media_type="application/json")


@router.get(
    "/{job_id}/request",
    response_model=dict[str, Any],
    summary="Get Augmentation Request",
    response_description="The body of the request",
    responses={**OK_WITH_AGE, **_READ_JOB},
)
async def request_body(job_id: JobId, gateway: CurrentGateway, key: CurrentKey) -> Response:
    """Get the body of a `POST` that requests the same again, with every default, also of a job created with kubectl.

    What this API has no field for (a volume, the encoding of videos) is left out.
    """
    return Response(encode_request(read_job(key, str(job_id), gateway.view)), media_type="application/json")


@key_router.get(
    KEY_PATH,
    name="current",
    summary="Get API Key",
    response_description="The key",
    responses={
        **OK_WITH_AGE,
        **detail_errors(
            words={
                403: "No grant matches this bearer token",
                503: "The issuer of bearer tokens is unavailable",
            }
        ),
    },
)
async def own_key(key: CurrentKey) -> KeyView:
    """Get what the key of this request may do."""
    return key_view(key)
