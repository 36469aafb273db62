"""How the pods of a job reach its object stores: what the job says, and the defaults of its class.

Whoever decides where a request goes sees what comes with it: a shared access signature, a session token, a bearer
token. So the class's Secret and the identity that the cloud gives its pods go to the endpoint of the class (or the
vendor's), and to no endpoint that a job names.
"""

from dataclasses import dataclass
from typing import Final

from augmentation_api import AugmentationClass, AugmentationJob, worker_contract
from augmentation_api.object_store import (
    Addressing,
    AzureDefaults,
    AzureLocation,
    GcsDefaults,
    GcsLocation,
    ObjectStores,
    S3Defaults,
    S3Location,
    StoreLocation,
    StoreSecretRef,
)
from augmentation_api.pod_volume import STORE_CREDENTIALS_FOLDER
from augmentation_api.worker_contract import StoreAccess

_SOURCE: Final = "source"
_OUTPUT: Final = "output"
_VARIABLES: Final = {_SOURCE: worker_contract.ENV_SOURCE_STORE, _OUTPUT: worker_contract.ENV_OUTPUT_STORE}
_Defaults = S3Defaults | GcsDefaults | AzureDefaults


@dataclass(frozen=True)
class StoreSide:
    """A job's source or output in an object store.

    Attributes:
        variable: the pod's variable that says so.
        volume: name of the pod's volume with credentials.
        access: how it is reached.
    """

    variable: str
    volume: str
    access: StoreAccess


def store_sides(job: AugmentationJob, augmentation_class: AugmentationClass) -> list[StoreSide]:
    """Those of source and output that are in an object store."""
    stores = augmentation_class.spec.object_stores or ObjectStores()
    places = {
        _SOURCE: job.spec.source.store,
        _OUTPUT: worker_contract.output_store(job.spec, job.metadata.uid),
    }
    return [
        StoreSide(_VARIABLES[side], f"{side}-store", store_access(place, stores, f"{STORE_CREDENTIALS_FOLDER}/{side}"))
        for side, place in places.items()
        if place is not None
    ]


def store_access(place: StoreLocation, stores: ObjectStores, credentials_folder: str) -> StoreAccess:
    """How a place is reached, with the defaults of a class.

    Args:
        place: as the job says it.
        stores: the defaults.
        credentials_folder: where the pod would have the credentials of a Secret.
    """
    region: str | None = None
    account: str | None = None
    match place:
        case S3Location():
            own = stores.s3 or S3Defaults()
            defaults: _Defaults = own
            bucket, region = place.bucket, place.region or own.region
        case GcsLocation():
            defaults = stores.gcs or GcsDefaults()
            bucket = place.bucket
        case AzureLocation():
            defaults = stores.azure or AzureDefaults()
            bucket, account = place.container, place.account
    secret = place.credentials_secret_ref or _shared_secret(place, defaults)
    return StoreAccess.model_validate(
        {
            "kind": place.KIND,
            "bucket": bucket,
            "account": account,
            "path": place.path,
            "endpoint": place.endpoint or defaults.endpoint,
            "region": region,
            "addressing": _addressing(place, defaults),
            "identity": "secret" if secret is not None else _identity(place, defaults),
            "secret": secret.name if secret is not None else None,
            "credentials_folder": credentials_folder if secret is not None else None,
        }
    )


def _is_elsewhere(place: StoreLocation, defaults: _Defaults) -> bool:
    return place.endpoint is not None and place.endpoint.rstrip("/") != (defaults.endpoint or "").rstrip("/")


def _shared_secret(place: StoreLocation, defaults: _Defaults) -> StoreSecretRef | None:
    """The Secret of the class, if it is for this place."""
    of_another = (
        isinstance(place, AzureLocation)
        and isinstance(defaults, AzureDefaults)
        and defaults.account not in (None, place.account)
    )
    return None if place.anonymous or of_another or _is_elsewhere(place, defaults) else defaults.credentials_secret_ref


def _identity(place: StoreLocation, defaults: _Defaults) -> str:
    return "anonymous" if place.anonymous or _is_elsewhere(place, defaults) else "workload"


def _addressing(place: StoreLocation, defaults: _Defaults) -> Addressing:
    if not isinstance(place, S3Location) or not isinstance(defaults, S3Defaults) or "." in place.bucket:
        return "path"
    at_amazon = place.endpoint is None and defaults.endpoint is None
    return place.addressing or defaults.addressing or ("virtualHost" if at_amazon else "path")
