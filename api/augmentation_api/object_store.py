"""Places in object stores: S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.

Names follow the vendors' own rules, so that a wrong one is refused before a pod asks for it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.config import JsonDict

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.pod_volume import ResourceName

STORE_KINDS: Final = ("s3", "gcs", "azure")
"""Fields of spec.source and spec.output that name an object store."""

S3_BUCKET_PATTERN: Final = r"^[a-z0-9](\.?[a-z0-9-])*\.?[a-z0-9]$"
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, without the prefixes and suffixes that
AWS reserves: an alias of an access point is a name that is read by, and other stores reserve others."""
GCS_BUCKET_PATTERN: Final = r"^[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,63})*$"
"""https://cloud.google.com/storage/docs/buckets#naming; that it ends with a letter or digit is a rule of its own."""
AZURE_ACCOUNT_PATTERN: Final = r"^[a-z0-9]{3,24}$"
"""https://learn.microsoft.com/azure/storage/common/storage-account-overview#storage-account-name"""
AZURE_CONTAINER_PATTERN: Final = r"^[a-z0-9](-?[a-z0-9])*$"
"""https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""
STORE_ENDPOINT_PATTERN: Final = r"^https?://[^\s/?#@\\]+(/[^\s/?#\\]+)*/?$"
REGION_PATTERN: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_STEP: Final = r"([^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*|\.[^./\x00-\x1f\x7f][^/\x00-\x1f\x7f]*|\.\.[^/\x00-\x1f\x7f]+)"
STORE_PATH_PATTERN: Final = rf"^({_STEP}(/{_STEP})*)?$"
"""A prefix of keys as a relative path: no slash at either end, no empty step, none that is `.` or `..`."""
MAX_STORE_PATH: Final = 512
"""Characters: half of the longest key of all three vendors (1,024), which is for the files' own paths."""

STORE_FORMS: Final = {
    S3_BUCKET_PATTERN: "the name of an S3 bucket: 3 to 63 lowercase letters, digits, hyphens and single periods, the "
    "first and last a letter or digit, e.g. robot-data",
    GCS_BUCKET_PATTERN: "the name of a Google Cloud Storage bucket: 3 to 63 (with periods up to 222) lowercase "
    "letters, digits, hyphens, underscores and single periods, the first and last a letter or digit, e.g. robot-data",
    AZURE_ACCOUNT_PATTERN: "the name of a storage account: 3 to 24 lowercase letters and digits, e.g. robotdata",
    AZURE_CONTAINER_PATTERN: "the name of a blob container: 3 to 63 lowercase letters, digits and single hyphens, the "
    "first and last a letter or digit, e.g. robot-data",
    STORE_ENDPOINT_PATTERN: "the URL of a store without user, query and fragment, e.g. https://minio.example:9000",
    REGION_PATTERN: "a region in lowercase letters, digits and hyphens, e.g. eu-central-1",
    STORE_PATH_PATTERN: "a folder in the bucket without a slash at either end, empty steps, . and .., e.g. "
    "datasets/pusht",
}
"""What texts look like that match these patterns, for messages."""

S3Bucket = Annotated[str, StringConstraints(pattern=S3_BUCKET_PATTERN, min_length=3, max_length=63)]
GcsBucket = Annotated[str, StringConstraints(pattern=GCS_BUCKET_PATTERN, min_length=3, max_length=222)]
AzureAccount = Annotated[str, StringConstraints(pattern=AZURE_ACCOUNT_PATTERN, max_length=24)]
AzureContainer = Annotated[str, StringConstraints(pattern=AZURE_CONTAINER_PATTERN, min_length=3, max_length=63)]
StoreEndpoint = Annotated[str, StringConstraints(pattern=STORE_ENDPOINT_PATTERN, max_length=512)]
Region = Annotated[str, StringConstraints(pattern=REGION_PATTERN, max_length=63)]
StorePath = Annotated[str, StringConstraints(pattern=STORE_PATH_PATTERN, max_length=MAX_STORE_PATH)]
Addressing = Literal["path", "virtualHost"]

_IP_ADDRESS: Final = r"^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$"
_NO_ADDRESS: Final = "bucket may not look like an IP address: the vendor makes no such bucket, so correct the name"
_GCS_ENDS: Final = "bucket has to begin and end with a letter or digit, as every bucket of the vendor does"
_PERIODS_NEED_PATHS: Final = (
    "bucket has a period, so with addressing virtualHost no certificate is for its host: leave addressing out, or use "
    "path"
)
_ONE_WAY: Final = (
    "anonymous and credentialsSecretRef are both given: leave one of them out, as whoever is anonymous has none"
)
_ENDPOINT: Final = (
    "Default: that of the class, else the vendor's own. Credentials of the class are sent to the endpoint of the class "
    "alone: an endpoint of the job's own is asked with the Secret of credentialsSecretRef, or without credentials."
)
_PATH: Final = "Folder of the dataset in the {bucket}, e.g. datasets/pusht. Default for a source: the whole {bucket}."
_IDENTITY: Final = (
    "Default: the Secret of the class, else the identity that the cloud gives the job's pods (workload identity)."
)


def store_url(kind: str, bucket: str, path: str, account: str = "") -> str:
    """A place as the vendor's tools write it; without the endpoint.

    >>> store_url("azure", "robots", "pusht", "lab")
    'abfss://robots@lab.dfs.core.windows.net/pusht'
    """
    roots = {
        "s3": f"s3://{bucket}",
        "gcs": f"gs://{bucket}",
        "azure": f"abfss://{bucket}@{account}.dfs.core.windows.net",
    }
    return f"{roots[kind]}/{path}" if path else roots[kind]


class StoreSecretRef(Model):
    """A Secret with credentials of an object store."""

    name: ResourceName = Field(
        description="Secret in the job's namespace. If a job names it, its creator needs the verb get or use on it, "
        "or the right to create pods; with an endpoint of the job's own, get or the right to create pods."
    )


def _location_rules(*rules: JsonDict) -> JsonDict:
    both = kubernetes_rule("!self.anonymous || !has(self.credentialsSecretRef)", _ONE_WAY)
    return {"x-kubernetes-validations": [both, *rules]}


class _Location(Model):
    """What all three have. Not for use by itself."""

    KIND: ClassVar[str]
    """The field of spec.source and spec.output that names such a place."""

    path: StorePath = ""
    endpoint: StoreEndpoint | None = Field(None, description=f"URL of the store's API. {_ENDPOINT}")
    credentials_secret_ref: StoreSecretRef | None = None
    anonymous: bool = Field(False, description="Read without credentials, as from a public bucket.")

    @property
    def root(self) -> tuple[str, ...]:
        """What its path is relative to: account and bucket."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The place as the vendor's tools write it; without the endpoint."""
        raise NotImplementedError

    def overlaps(self, other: "_Location") -> bool:
        """Whether a file could lie in both places. Endpoints are compared as they are written."""
        if (type(self), self.root, self.endpoint) != (type(other), other.root, other.endpoint):
            return False
        one, another = (f"{path}/" if path else "" for path in (self.path, other.path))
        return one.startswith(another) or another.startswith(one)

    @model_validator(mode="after")
    def _one_way_to_ask(self) -> Self:
        if self.anonymous and self.credentials_secret_ref is not None:
            raise ValueError(_ONE_WAY)
        return self


class S3Location(_Location):
    """A folder in a bucket of Amazon S3 or of a store that speaks its protocol."""

    KIND: ClassVar[str] = "s3"
    model_config = ConfigDict(
        json_schema_extra=_location_rules(
            kubernetes_rule(f"!self.bucket.matches(r'{_IP_ADDRESS}')", _NO_ADDRESS),
            kubernetes_rule(
                "!has(self.addressing) || self.addressing != 'virtualHost' || !self.bucket.contains('.')",
                _PERIODS_NEED_PATHS,
            ),
        )
    )

    bucket: S3Bucket = Field(description="Bucket.")
    path: StorePath = Field("", description=_PATH.format(bucket="bucket"))
    region: Region | None = Field(
        None,
        description="Region of the bucket, e.g. eu-central-1. Default: that of the class, else the bucket is asked.",
    )
    addressing: Addressing | None = Field(
        None,
        description="Where the bucket stands in URLs: path (https://host/bucket/key) or virtualHost "
        "(https://bucket.host/key). Default: that of the class, else virtualHost at Amazon "
        "and path at an endpoint, and for a bucket with a period.",
    )
    credentials_secret_ref: StoreSecretRef | None = Field(
        None,
        description=f"Secret with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps AWS_SESSION_TOKEN. {_IDENTITY}",
    )

    @property
    def root(self) -> tuple[str, ...]:
        """The bucket."""
        return (self.bucket,)

    @property
    def url(self) -> str:
        """`s3://bucket/path`."""
        return store_url("s3", self.bucket, self.path)

    @model_validator(mode="after")
    def _names_a_bucket(self) -> Self:
        if re.match(_IP_ADDRESS, self.bucket):
            raise ValueError(_NO_ADDRESS)
        if self.addressing == "virtualHost" and "." in self.bucket:
            raise ValueError(_PERIODS_NEED_PATHS)
        return self


class GcsLocation(_Location):
    """A folder in a bucket of Google Cloud Storage."""

    KIND: ClassVar[str] = "gcs"
    model_config = ConfigDict(
        json_schema_extra=_location_rules(
            kubernetes_rule(f"!self.bucket.matches(r'{_IP_ADDRESS}')", _NO_ADDRESS),
            kubernetes_rule("!self.bucket.endsWith('-') && !self.bucket.endsWith('_')", _GCS_ENDS),
        )
    )

    bucket: GcsBucket = Field(description="Bucket.")
    path: StorePath = Field("", description=_PATH.format(bucket="bucket"))
    credentials_secret_ref: StoreSecretRef | None = Field(
        None, description=f"Secret with the key of a service account in service-account.json. {_IDENTITY}"
    )

    @property
    def root(self) -> tuple[str, ...]:
        """The bucket."""
        return (self.bucket,)

    @property
    def url(self) -> str:
        """`gs://bucket/path`."""
        return store_url("gcs", self.bucket, self.path)

    @model_validator(mode="after")
    def _names_a_bucket(self) -> Self:
        if re.match(_IP_ADDRESS, self.bucket):
            raise ValueError(_NO_ADDRESS)
        if self.bucket.endswith(("-", "_")):
            raise ValueError(_GCS_ENDS)
        return self


class AzureLocation(_Location):
    """A folder in a container of Azure Blob Storage."""

    KIND: ClassVar[str] = "azure"
    model_config = ConfigDict(json_schema_extra=_location_rules())

    account: AzureAccount = Field(description="Storage account.")
    container: AzureContainer = Field(description="Blob container.")
    path: StorePath = Field("", description=_PATH.format(bucket="container"))
    credentials_secret_ref: StoreSecretRef | None = Field(
        None,
        description="Secret with AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN (a shared access signature), "
        f"or AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET. {_IDENTITY}",
    )

    @property
    def root(self) -> tuple[str, ...]:
        """Account and container."""
        return (self.account, self.container)

    @property
    def url(self) -> str:
        """`abfss://container@account.dfs.core.windows.net/path`, as Azure's own tools, Spark and fsspec write it."""
        return store_url("azure", self.container, self.path, self.account)


StoreLocation = S3Location | GcsLocation | AzureLocation

_URL_FORMS: Final = (
    "s3://bucket/path, gs://bucket/path, abfss://container@account.dfs.core.windows.net/path or "
    "https://account.blob.core.windows.net/container/path"
)
_PASSWORD: Final = re.compile(r"(?<=://)[^/@]*:[^/]*@")
"""Of abfss:// what stands there without a colon is a container."""
_AZURE_HOST: Final = re.compile(r"(?P<account>[^.@/]+)\.(?:blob|dfs)\.core\.windows\.net")


def url_without_secrets(url: str) -> str:
    """What somebody wrote as a URL, for a message: a password in it is left out, and what follows its path.

    >>> url_without_secrets("https://key:secret@lab.blob.core.windows.net/robots?sig=secret")
    'https://…@lab.blob.core.windows.net/robots?…'
    """
    return _PASSWORD.sub("…@", re.sub(r"[?#].*", "?…", url, count=1, flags=re.DOTALL))


def parse_url(url: str) -> StoreLocation:
    """The place that a URL of a vendor names.

    Raises:
        ValueError: it is none, or names what cannot exist; the sentence says which.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(f"this is no URL of an object store: write {_URL_FORMS}") from None
    if parts.scheme in ("s3", "s3a", "gs") and not parts.netloc:
        raise ValueError(f"this names no bucket: write {'gs' if parts.scheme == 'gs' else 's3'}://bucket/path")
    path = unquote(parts.path) if parts.scheme == "https" else parts.path
    steps = path.removeprefix("/").removesuffix("/")
    if not (parts.query or parts.fragment):
        match parts.scheme:
            case "s3" | "s3a":
                return S3Location(bucket=parts.netloc, path=steps)
            case "gs":
                return GcsLocation(bucket=parts.netloc, path=steps)
            case "abfss" | "abfs" | "az":
                container, _, host = parts.netloc.partition("@")
                if account := _AZURE_HOST.fullmatch(host):
                    return AzureLocation(account=account["account"], container=container, path=steps)
            case "https":
                container, _, rest = steps.partition("/")
                if account := _AZURE_HOST.fullmatch(parts.netloc):
                    return AzureLocation(account=account["account"], container=container, path=rest)
    raise ValueError(f"this is no URL of an object store: write {_URL_FORMS}")


class S3Defaults(Model):
    """What jobs on S3 have that say nothing else."""

    endpoint: StoreEndpoint | None = Field(
        None, description="URL of the store's API, as pods reach it. Default: Amazon's of the region."
    )
    region: Region | None = Field(None, description="Region of the buckets. Default: each bucket is asked.")
    addressing: Addressing | None = Field(
        None,
        description="path or virtualHost. Default: virtualHost at Amazon, else path; path for a name with a period.",
    )
    credentials_secret_ref: StoreSecretRef | None = Field(
        None,
        description="Secret in the job's namespace with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps "
        "AWS_SESSION_TOKEN. Default: the identity that the cloud gives the pods.",
    )


class GcsDefaults(Model):
    """What jobs on Google Cloud Storage have that say nothing else."""

    endpoint: StoreEndpoint | None = Field(
        None, description="URL of the store's API, as pods reach it. Default: Google's."
    )
    credentials_secret_ref: StoreSecretRef | None = Field(
        None,
        description="Secret in the job's namespace with the key of a service account in service-account.json. Default: "
        "the identity that the cloud gives the pods.",
    )


_SECRET_OF_AN_ACCOUNT: Final = (
    "credentialsSecretRef holds the key of one storage account: name it in account, so that it is used for no other"
)


class AzureDefaults(Model):
    """What jobs on Azure Blob Storage have that say nothing else."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule("!has(self.credentialsSecretRef) || has(self.account)", _SECRET_OF_AN_ACCOUNT)
            ]
        }
    )

    endpoint: StoreEndpoint | None = Field(
        None, description="URL of the store's API, as pods reach it. Default: Azure's of the account."
    )
    account: AzureAccount | None = Field(
        None, description="Storage account that credentialsSecretRef is for. Jobs on another one do not get it."
    )
    credentials_secret_ref: StoreSecretRef | None = Field(
        None,
        description="Secret in the job's namespace with AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN, or "
        "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET. Default: the identity that the cloud gives pods.",
    )

    @model_validator(mode="after")
    def _is_of_an_account(self) -> Self:
        if self.credentials_secret_ref is not None and self.account is None:
            raise ValueError(_SECRET_OF_AN_ACCOUNT)
        return self


class ObjectStores(Model):
    """Object stores of the jobs of a class: endpoints and credentials for jobs that name none."""

    s3: S3Defaults | None = Field(None, description="Amazon S3, or a store that speaks its protocol.")
    gcs: GcsDefaults | None = Field(None, description="Google Cloud Storage.")
    azure: AzureDefaults | None = Field(None, description="Azure Blob Storage.")


def overlap_rules(message: str) -> list[JsonDict]:
    """CEL rules of a job's spec: its source and its output overlap in no store."""
    roots = {"s3": ("bucket",), "gcs": ("bucket",), "azure": ("account", "container")}
    return [kubernetes_rule(_apart(kind, root), message.format(kind=kind)) for kind, root in roots.items()]


def _apart(kind: str, root: Sequence[str]) -> str:
    one, other = f"self.source.{kind}", f"self.output.{kind}"
    elsewhere = [f"{one}.{field} != {other}.{field}" for field in root]
    endpoints = [f"(has({side}.endpoint) ? {side}.endpoint : '')" for side in (one, other)]
    return " || ".join(
        [
            f"!has({one}) || !has({other})",
            *elsewhere,
            " != ".join(endpoints),
            f"!({one}.path == '' || {other}.path == '' || ({one}.path + '/').startsWith({other}.path + '/') || "
            f"({other}.path + '/').startsWith({one}.path + '/'))",
        ]
    )


def location_of(owner: Any) -> StoreLocation | None:
    """The object store that a source or output names; None if it names none."""
    locations: list[StoreLocation] = [place for kind in STORE_KINDS if (place := getattr(owner, kind)) is not None]
    return locations[0] if locations else None


def stored_url(owner: Mapping[str, Any]) -> str | None:
    """The URL of the object store that a source or output names, as the API server keeps it; None if it names none."""
    for kind in STORE_KINDS:
        if place := owner.get(kind):
            bucket, path = place.get("bucket") or place.get("container", ""), place.get("path", "")
            return store_url(kind, str(bucket), str(path), str(place.get("account", "")))
    return None
