"""Routes of the native dialect that tell all of a job, and of the key that asks."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from augmentation_api.worker_contract import RESULT_PREVIEW
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.access import find_job, require
from augmentation_gateway.credentials.keys import Right
from augmentation_gateway.dialects.native.described import KEY_PATH, NO_READ, NOT_FOUND, NOT_READ_YET, JobId, errors
from augmentation_gateway.dialects.native.key_view import KeyView, key_view
from augmentation_gateway.dialects.native.resource_view import ResourceView, encode_request, encode_resource
from augmentation_gateway.dialects.native.results import OutputsResponse, outputs_view
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.outputs import file_url, published
from augmentation_gateway.jobs.preview import SlicedResponse, fetch_picture, picture_address
from augmentation_gateway.middleware.route_key import key_of
from augmentation_gateway.middleware.until_answered import hold
from augmentation_gateway.problem import Problem
from augmentation_gateway.views.openapi import AGE_HEADERS, SECURITY

_NO_CLASS = "The class that this job ran as is gone, and with it the hub's address: open it there."


def readable(gateway: Gateway, job_id: UUID, request: Request) -> JobRecord:
    """The job, if the request's key may read it. Raises Problem."""
    key = key_of(request)
    require(key, Right.READ)
    return find_job(key, str(job_id), gateway.view)


def detail_router(gateway: Gateway, prefix: str) -> APIRouter:
    """`…/{job_id}/outputs`, `…/preview`, `…/picture`, `…/resource` and `…/request`."""
    router = APIRouter(prefix=prefix, tags=["augmentation"], dependencies=SECURITY)

    @router.get(
        "/{job_id}/outputs",
        summary="Get Augmentation Outputs",
        response_description="The published dataset and links to its files; empty until there is one",
        responses={
            200: {"headers": AGE_HEADERS},
            **errors(e403=NO_READ, e404=NOT_FOUND, e422="Validation error", e503=NOT_READ_YET),
        },
    )
    async def outputs(job_id: JobId, request: Request) -> OutputsResponse:
        """Get what a job has published. Links lead to the hub, which asks for rights of its own."""
        record = readable(gateway, job_id, request)
        return outputs_view(record, gateway.view.class_of(record))

    @router.get(
        "/{job_id}/preview",
        status_code=302,
        response_class=Response,
        summary="Get Augmentation Preview",
        response_description="The picture is at this address, on the hub",
        responses={
            302: {"headers": {"Location": {"description": "Of a PNG", "schema": {"type": "string", "format": "uri"}}}},
            **errors(
                e403=NO_READ,
                e404="Augmentation job not found, or without a picture: nothing is published yet, or it is on a volume",
                e422="Validation error",
                e503=NOT_READ_YET,
            ),
        },
    )
    async def preview(job_id: JobId, request: Request) -> Response:
        """Get a picture of the result: frames of the first episode, before and after, with what was drawn.

        It is a file of the published dataset, and the answer leads to it on the hub: the gateway touches no dataset.
        """
        record = readable(gateway, job_id, request)
        output, runs_as = published(record), gateway.view.class_of(record)
        if output is None:
            raise Problem(404, "There is no picture yet: it is published with the job's result.")
        if runs_as is None:
            raise Problem(404, _NO_CLASS)
        if (url := file_url(output, runs_as, RESULT_PREVIEW)) is None:
            raise Problem(404, "The result lies on a volume: look at meta/augmentation.png there.")
        return Response(status_code=302, headers={"Location": url})

    @router.get(
        "/{job_id}/picture",
        response_class=Response,
        summary="Get Augmentation Picture",
        response_description="The picture",
        responses={
            200: {"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}, "headers": AGE_HEADERS},
            **errors(
                e403=NO_READ,
                e404="Augmentation job not found, or without a picture that the hub shows to everybody",
                e422="Validation error",
                e502="The hub cannot be reached, or has no picture there",
                e503=NOT_READ_YET,
            ),
        },
    )
    async def picture(job_id: JobId, request: Request) -> Response:
        """Get the picture of `preview` itself, through the gateway: for what may not follow a link to the hub.

        The hub is asked without a token, so the picture of a private dataset is not to be had here.
        """
        record = readable(gateway, job_id, request)
        output, runs_as = published(record), gateway.view.class_of(record)
        if output is None:
            raise Problem(404, "There is no picture yet: it is published with the job's result.")
        if runs_as is None:
            raise Problem(404, _NO_CLASS)
        if (address := picture_address(output, runs_as.hub_endpoint)) is None:
            raise Problem(404, "The result lies on a volume: look at meta/augmentation.png there.")
        hold(request, gateway.capacity.pictures.take(key_of(request).id))
        # A revision's file never changes.
        kept = {"Cache-Control": "private, max-age=86400, immutable"}
        return SlicedResponse(await fetch_picture(address), media_type="image/png", headers=kept)

    @router.get(
        "/{job_id}/resource",
        response_model=ResourceView,
        summary="Get Augmentation Resource",
        response_description="The AugmentationJob",
        responses={
            200: {"headers": AGE_HEADERS},
            **errors(e403=NO_READ, e404=NOT_FOUND, e422="Validation error", e503=NOT_READ_YET),
        },
    )
    async def resource(job_id: JobId, request: Request) -> Response:
        """Get a job in full, as `kubectl get -o json` shows it: conditions, shards, placement, usage."""
        record = readable(gateway, job_id, request)
        body = record.encoded(
            "resource", lambda job: encode_resource(job, gateway.view.class_of(job)), gateway.view.classes.revision
        )
        return Response(body, media_type="application/json")

    @router.get(
        "/{job_id}/request",
        response_model=dict[str, Any],
        summary="Get Augmentation Request",
        response_description="The body of the request",
        responses={
            200: {"headers": AGE_HEADERS},
            **errors(e403=NO_READ, e404=NOT_FOUND, e422="Validation error", e503=NOT_READ_YET),
        },
    )
    async def asked(job_id: JobId, request: Request) -> Response:
        """Get the body of a `POST` that asks for the same again, with every default, also of a job made with kubectl.

        What this API has no field for (a volume, the encoding of videos) is not told.
        """
        return Response(encode_request(readable(gateway, job_id, request)), media_type="application/json")

    return router


def key_router() -> APIRouter:
    """`/v1/key`."""
    router = APIRouter(tags=["key"], dependencies=SECURITY)

    @router.get(
        KEY_PATH,
        summary="Get API Key",
        response_description="The key",
        responses={
            200: {"headers": AGE_HEADERS},
            **errors(e403="No grant is for this bearer token", e503="The issuer of bearer tokens is away"),
        },
    )
    async def own_key(request: Request) -> KeyView:
        """Get what the key of this request may do."""
        return key_view(key_of(request))

    return router
