"""Previews before anything runs: a job with spec.preview, and the image that its resolve pod draws into its status."""

import binascii
from base64 import b64decode
from typing import Final

from augmentation_api.spec import AugmentationJobSpec, Preview
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.problem import Problem

PREVIEW_SECONDS: Final = 600
"""How long a preview is kept once it is drawn or has failed, in seconds."""
PREVIEW_DEADLINE_SECONDS: Final = 300
"""How long it may take from the start of its pod, in seconds: a large video has to be downloaded first."""
PREVIEW_PENDING_SECONDS: Final = 600
"""How long it may wait for its pod, in seconds: without an end it would never be removed."""


def preview_spec(spec: AugmentationJobSpec, episode: int | None, frame: int | None) -> AugmentationJobSpec:
    """The spec of a preview of a job. It is removed by itself; None: the defaults of spec.preview."""
    chosen = {name: value for name, value in (("episode", episode), ("frame", frame)) if value is not None}
    return spec.model_copy(
        update={
            "preview": Preview.model_validate(chosen),
            "ttl_seconds_after_finished": PREVIEW_SECONDS,
            "active_deadline_seconds": PREVIEW_DEADLINE_SECONDS,
            "pending_deadline_seconds": PREVIEW_PENDING_SECONDS,
        }
    )


def drawn_preview(record: JobRecord) -> tuple[str, bytes]:
    """The media type and the bytes of a preview. Raises Problem 404 while there is none."""
    preview = record.status.preview
    if preview is None:
        raise Problem(404, "The preview is not drawn", f"GET /v1/augmentation/{record.uid} says why, or how far it is")
    try:
        return preview.media_type, b64decode(preview.image, validate=True)
    except binascii.Error as error:
        raise Problem(404, "The preview in the job's status is damaged", "request another one") from error
