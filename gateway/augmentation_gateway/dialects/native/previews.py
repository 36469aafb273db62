"""The route of the native dialect that draws what a job would do. The image is read at the job's `picture`."""

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES
from augmentation_gateway.dialects.native.documents import AugmentationResponse
from augmentation_gateway.dialects.native.routes import PREFIX
from augmentation_gateway.jobs.create import create_job
from augmentation_gateway.jobs.preview_request import preview_spec
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.job_spec import to_job_spec
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_gateway.views.responses import WRITE, detail_errors

PREVIEWS_PATH: Final = "/v1/previews"

router = APIRouter(tags=["augmentation"])


@router.post(
    PREVIEWS_PATH,
    status_code=201,
    response_model=AugmentationResponse,
    summary="Preview Augmentation Job",
    response_description="The preview is requested",
    responses={
        200: {
            "model": AugmentationResponse,
            "description": "This Idempotency-Key and body have requested this preview before",
        },
        **detail_errors(400, 422, *WRITE, words={409: "The Idempotency-Key was used for another request"}),
    },
)
async def request_preview(
    body: AugmentationRequest,
    response: Response,
    gateway: CurrentGateway,
    key: CurrentKey,
    episode: Annotated[
        int | None, Query(ge=0, le=MAX_DATASET_FRAMES, description="Episode to show; default: the first selected one")
    ] = None,
    frame: Annotated[
        int | None, Query(ge=0, le=MAX_DATASET_FRAMES, description="Frame of the episode; default: the middle one")
    ] = None,
    idempotency_key: Annotated[
        str | None,
        Header(min_length=1, max_length=255, description="Makes it safe to repeat the request: it is drawn once"),
    ] = None,
) -> AugmentationResponse:
    """Draw what a job would do, and run nothing: a frame of each camera and of each copy, as the result would have it.

    `GET /v1/augmentation/{job_id}` says when it is drawn (`status` completed), or why it cannot be. The image is then
    at `/v1/augmentation/{job_id}/picture`. A preview is in no list, and is removed ten minutes after it ended.
    """
    spec = preview_spec(to_job_spec(body), episode, frame)
    creation = await create_job(gateway, key, spec, idempotency_key=idempotency_key)
    job_id = UUID(creation.record.uid)
    response.headers["Location"] = f"{PREFIX}/{job_id}"
    if not creation.created:
        response.status_code = 200
    return AugmentationResponse(job_id=job_id, status=creation.record.state, message="The preview is being drawn.")
