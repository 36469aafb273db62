"""Connections to a bucket by obstore: address, certificates, proxies, time limits and obstore's own short retries."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2
from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from augmentation_api import FailureReason
from augmentation_api.worker_contract import ENV_CA_BUNDLE, StoreAccess
from augmentation_kube.outbound import BundleError, proxy_of, tls_context
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.credentials import Credentials
from augmentation_worker.storage.object_store.variables import credentials_in_words, endpoint_of

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_RETRIES: Final = 3
"""Of one request, by obstore: a part of a large upload is sent again, not all of it. Longer ones: StoreClient."""
_METADATA_SERVERS: Final = ("169.254.169.254", "169.254.169.252", "metadata.google.internal")
_QUOTE_LIMIT: Final = 200
_DEFAULT_REGION: Final = "us-east-1"


def connect(access: StoreAccess, environment: Mapping[str, str], *, checksums: bool = True) -> "ObjectStore":
    """The store of a bucket, of which nothing is asked yet. Raises WorkerFailure.

    `checksums`: of S3, whether SHA-256 goes along with what is uploaded.
    """
    try:
        return _store(access, environment, checksums)
    except (BaseError, ValueError) as error:  # a file that says where credentials come from, and is none
        words = secrecy.fit(str(error).strip().split("\n", 1)[0], _QUOTE_LIMIT)
        raise WorkerFailure(
            FailureReason.CREDENTIALS_INVALID,
            f"the credentials for {access.url} cannot be used: {words}; correct them"
            + (
                f" in {credentials_in_words(access.kind)}"
                if access.named_by
                else ", or name a Secret in credentialsSecretRef"
            ),
        ) from error


def _store(access: StoreAccess, environment: Mapping[str, str], checksums: bool) -> "ObjectStore":
    endpoint = endpoint_of(access, environment)
    credentials = Credentials(access, environment).options()
    config: dict[str, Any] = dict(credentials.pop("config", {}))
    client: ClientConfig = {
        **_time_limits(),
        "allow_http": endpoint is not None and endpoint.startswith("http://"),
        "user_agent": "augmentation-worker",
    }
    bundle = environment.get(ENV_CA_BUNDLE)
    if bundle:
        client["root_certificate"] = _certificates(Path(bundle))
    proxy = proxy_of(endpoint or _vendors_url(access), environment)
    if proxy:
        client["proxy_url"] = proxy
        client["proxy_excludes"] = ",".join(filter(None, _never_by_proxy(environment)))
    more: dict[str, Any] = {"client_options": client, "retry_config": _retries(), **credentials}
    if access.kind == "s3":
        config |= {
            "region": access.region or region_of(access, endpoint, environment),
            "virtual_hosted_style_request": access.addressing == "virtualHost",
        }
        if checksums:  # buckets with a lock on objects take nothing without
            config["checksum_algorithm"] = "SHA256"
        else:
            config["disable_bulk_delete"] = True  # its requests have one in any case
        if endpoint is not None:
            config["endpoint"] = _of_bucket(endpoint, access)
        return S3Store(access.bucket, config=config, **more)  # type: ignore[arg-type]
    if access.kind == "gcs":
        if endpoint is not None:
            config["base_url"] = endpoint
        return GCSStore(access.bucket, config=config, **more)  # type: ignore[arg-type]
    if endpoint is not None:
        config["endpoint"] = endpoint
    return AzureStore(access.bucket, account_name=access.account, config=config, **more)  # type: ignore[arg-type]


def region_of(access: StoreAccess, endpoint: str | None, environment: Mapping[str, str]) -> str:
    """The region of a bucket of S3, which Amazon's front door says without credentials; else that of the environment.

    In this order: EKS gives pods the region of the cluster.
    """
    otherwise = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or _DEFAULT_REGION
    if endpoint is not None:
        return otherwise
    url = (
        f"https://{access.bucket}.s3.amazonaws.com/"
        if "." not in access.bucket
        else f"https://s3.amazonaws.com/{access.bucket}"
    )
    try:
        with httpx2.Client(verify=tls_context(), proxy=proxy_of(url), timeout=10.0, trust_env=False) as client:
            return client.head(url).headers.get("x-amz-bucket-region", otherwise)
    except (httpx2.HTTPError, BundleError):
        return otherwise  # what is wrong with the connection, the first request says


def _never_by_proxy(environment: Mapping[str, str]) -> Iterator[str]:
    """What a proxy cannot reach: the clouds' metadata servers, which are asked by the same client."""
    yield environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    yield from _METADATA_SERVERS
    yield environment.get("GCE_METADATA_HOST", "").partition(":")[0]


def _time_limits() -> "ClientConfig":
    """A whole file may take as long as it takes; what matters is that something arrives."""
    return {"connect_timeout": "10s", "read_timeout": "120s", "timeout": "1h"}


def _retries() -> "RetryConfig":
    backoff = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2}
    return {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=60), "backoff": backoff}  # type: ignore[typeddict-item]


def _of_bucket(endpoint: str, access: StoreAccess) -> str:
    """The endpoint as obstore wants it: with the bucket's name as a part of the host, if that is how it is named."""
    if access.addressing != "virtualHost":
        return endpoint
    scheme, _, rest = endpoint.partition("://")
    return endpoint if rest.startswith(f"{access.bucket}.") else f"{scheme}://{access.bucket}.{rest}"


def _vendors_url(access: StoreAccess) -> str:
    hosts = {
        "s3": "s3.amazonaws.com",
        "gcs": "storage.googleapis.com",
        "azure": f"{access.account}.blob.core.windows.net",
    }
    return f"https://{hosts[access.kind]}/"


def _certificates(bundle: Path) -> bytes:
    try:
        return bundle.read_bytes()
    except OSError as error:
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR, f"the CA bundle {bundle} cannot be read ({error.strerror})"
        ) from error
