"""Variables of the environment by which users of the vendors' tools say where a store is, and as whom to ask it."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from augmentation_api import FailureReason
from augmentation_api.object_store import STORE_ENDPOINT_PATTERN, STORE_FORMS
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.failure import WorkerFailure

ENDPOINTS: Final = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gcs": ("GOOGLE_BASE_URL",),
    "azure": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
CREDENTIALS: Final = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "gcs": ("GOOGLE_APPLICATION_CREDENTIALS",),
    "azure": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"),
}


def credentials_in_words(kind: str) -> str:
    """The variables of a vendor's credentials, for people."""
    return f"the environment ({', '.join(CREDENTIALS[kind])})"


def endpoint_of(access: StoreAccess, environment: Mapping[str, str]) -> str | None:
    """The URL of the store's API; None: the vendor's own. Raises WorkerFailure(SPEC_UNSUPPORTED) if it is none."""
    if access.endpoint is not None:
        named, url = "endpoint", access.endpoint
    else:
        named, url = next(
            ((f"${name}", environment[name]) for name in ENDPOINTS[access.kind] if environment.get(name)), ("", "")
        )
    if not url or _is_endpoint(url):
        return url or None
    # A URL with more than an address may have a password.
    value = "" if re.search("[@?#]", url) else f" ({url!r})"
    raise WorkerFailure(
        FailureReason.SPEC_UNSUPPORTED,
        f"{named}{value}, for {access.url}, has to be {STORE_FORMS[STORE_ENDPOINT_PATTERN]}",
    )


def _is_endpoint(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return re.match(STORE_ENDPOINT_PATTERN, url) is not None and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port
        return False
