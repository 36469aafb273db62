"""The native dialect, `/v1/augmentation`: every field of a request, every detail of a job."""

from typing import Final

from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.dialects.native import details, previews, routes
from augmentation_gateway.dialects.native.documents import ListQuery
from augmentation_gateway.dialects.native.estimates import CreateQuery
from augmentation_gateway.dialects.native.status import AugmentationStatusResponse, encode_status
from augmentation_gateway.views.request import AugmentationRequest

DIALECT: Final = Dialect(
    name="native",
    prefix=routes.PREFIX,
    status_path=f"{routes.PREFIX}/{{job_id}}",
    status_operation=StatusOperation(
        summary="Get Augmentation Status",
        description="Get the status of an augmentation job.\n\nReturns the current phase, the history of phases and, "
        "once the job has completed, the id of the augmented dataset. Still answers while the Kubernetes API is "
        "unavailable.",
        model=AugmentationStatusResponse,
    ),
    encode_status=encode_status,
    routers=(routes.router, previews.router, details.router, details.key_router),
    other_paths=frozenset({details.KEY_PATH, previews.PREVIEWS_PATH}),
    is_stream=lambda path: path.endswith("/events"),
    fields={
        "body": tuple(AugmentationRequest.model_fields),
        "query": (*ListQuery.model_fields, *CreateQuery.model_fields),
    },
)
