"""Where a run on this machine reads or writes: a folder, or a bucket by its URL."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from augmentation_api import worker_contract
from augmentation_api.model import findings_of
from augmentation_api.object_store import (
    STORE_FORMS,
    AzureLocation,
    S3Location,
    StoreLocation,
    parse_url,
    url_without_secrets,
)
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.registry import CONVENTIONS
from augmentation_worker.storage.folder.output import is_result_of, staging_of
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.object_store.backend import ObjectStoreSettings
from augmentation_worker.storage.object_store.client import StoreClient
from augmentation_worker.storage.object_store.credentials import Credentials
from augmentation_worker.storage.object_store.errors import Side
from augmentation_worker.storage.object_store.output import ObjectStoreOutput
from augmentation_worker.storage.object_store.publication import Publication
from augmentation_worker.storage.object_store.source import ObjectStoreSource
from augmentation_worker.storage.object_store.variables import endpoint_of
from augmentation_worker.storage.port import SourceDataset
from augmentation_worker.storage.provenance import PROVENANCE_PATH

Place = Path | StoreAccess

_UNSIGNED: Final = {
    "s3": ("AWS_SKIP_SIGNATURE", "AWS_NO_SIGN_REQUEST"),
    "gcs": ("GOOGLE_SKIP_SIGNATURE",),
    "azure": ("AZURE_SKIP_SIGNATURE",),
}
"""Variables by which users say that a bucket is public: obstore's, and the one of Amazon's tools."""
_ACCOUNTS: Final = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT")
_AZURE_FORM: Final = "abfss://container@account.dfs.core.windows.net/path"
_HUGGING_FACE: Final = re.compile(r"hf://buckets/([A-Za-z0-9][A-Za-z0-9._-]*)/([^/]+)(?:/(.*))?")
_ALMOST_A_URL: Final = re.compile(r"(s3a?|gs|gcs|az|abfss?|wasbs?|hf)(:/?|//)(.*)", re.IGNORECASE)
_OF_AMAZON: Final = re.compile(r"arn:aws[a-z-]*:s3:::(.*)")
_LONGEST_LABEL: Final = 80
_MOST_RECORD_BYTES: Final = 512 * 2**20


def place_of(text: str, environment: Mapping[str, str]) -> Place:
    """What the user names. Raises ValueError, with a sentence, for a URL that is none of an object store."""
    if "://" not in text:
        return _folder(text)
    location = _location(text, environment)
    kind = location.KIND
    is_public = any(environment.get(name, "").lower() in ("1", "true", "yes") for name in _UNSIGNED[kind])
    bucket = location.root[-1]
    access = StoreAccess(
        kind=kind,
        bucket=bucket,
        account=location.account if isinstance(location, AzureLocation) else None,
        path=location.path,
        endpoint=location.endpoint,
        region=location.region if isinstance(location, S3Location) else None,
        identity="anonymous" if is_public else "workload",
        named_by="command",
    )
    try:
        endpoint = endpoint_of(access, environment)
    except WorkerFailure as failure:
        raise ValueError(failure.message) from failure
    addressing = "path" if endpoint or "." in bucket else "virtualHost"
    return access.model_copy(update={"endpoint": endpoint, "addressing": addressing})


def resolved(place: Place) -> Place:
    """A folder by its path without links; what the user named may be one."""
    return place.resolve() if isinstance(place, Path) else place


def name_of(place: Place) -> str:
    """For people."""
    return str(place) if isinstance(place, Path) else place.url


def label_of(place: Place) -> str:
    """The last part of its name, of which a file's name can be made."""
    if isinstance(place, Path):
        return place.name
    return (place.path.rsplit("/", 1)[-1] or place.bucket)[:_LONGEST_LABEL]


def run_name(output: Place) -> str:
    """Name of the job that makes it."""
    return output.name if isinstance(output, Path) else output.url


def beside(place: Place, name: str) -> Path:
    """A path of this name next to a folder; for a bucket, in the working directory."""
    return place.with_name(name) if isinstance(place, Path) else Path.cwd() / name


def open_source(
    place: Place, follow_links: Path | None, scratch: Path, environment: Mapping[str, str]
) -> SourceDataset:
    """The dataset that is there. Raises WorkerFailure."""
    if isinstance(place, Path):
        return FolderSource(place, str(place), follow_links, CONVENTIONS)
    return ObjectStoreSource(client_of(place, environment, "source"), scratch)


def is_result(place: Place, job_uid: str, environment: Mapping[str, str]) -> bool:
    """Whether it holds the whole result of a job. Raises WorkerFailure."""
    if isinstance(place, Path):
        return is_result_of(place, job_uid)
    client = client_of(place, environment, "output")
    return ObjectStoreOutput(client, job_uid, CONVENTIONS).published() is not None


def staged_at(place: Place, job_uid: str) -> str:
    """Where what is stored on the way lies, for people."""
    if isinstance(place, Path):
        return str(staging_of(place, job_uid))
    return f"{place.url}/{Publication.folder_of(job_uid)}"


def remove_staged(place: Place, job_uid: str, environment: Mapping[str, str]) -> None:
    """Remove what a run that did not end has stored on the way. Raises WorkerFailure."""
    if isinstance(place, Path):
        shutil.rmtree(staging_of(place, job_uid), ignore_errors=True)
    else:
        Publication(client_of(place, environment, "output"), job_uid).remove_staged()


def read_record(place: StoreAccess, path: DatasetPath, environment: Mapping[str, str]) -> bytes:
    """A file that says how a dataset in a bucket was made. Raises FileNotFoundError, WorkerFailure."""
    key = f"{place.path}/{path}" if place.path else str(path)
    content = client_of(place, environment, "source").read(key, _MOST_RECORD_BYTES)
    if content is None:
        raise FileNotFoundError(f"there is no {path}")
    return content


def without_record(place: Place) -> Place:
    """The dataset in a bucket whose record somebody names; any other place as it is."""
    if isinstance(place, Path):
        return place
    return place.model_copy(update={"path": f"/{place.path}".removesuffix(f"/{PROVENANCE_PATH}").removeprefix("/")})


def variables_of(source: Place, output: Place) -> Mapping[str, str]:
    """What a pod reads: the places, each in the variable of its kind."""

    def folder(place: Place) -> str:
        return str(place) if isinstance(place, Path) else ""

    def store(place: Place) -> str:
        return "" if isinstance(place, Path) else json.dumps(place.to_wire())

    return {
        worker_contract.ENV_SOURCE_FOLDER: folder(source),
        worker_contract.ENV_OUTPUT_FOLDER: folder(output),
        worker_contract.ENV_SOURCE_STORE: store(source),
        worker_contract.ENV_OUTPUT_STORE: store(output),
    }


def client_of(access: StoreAccess, environment: Mapping[str, str], side: Side) -> StoreClient:
    """Requests of this process to a bucket. Raises WorkerFailure."""
    Credentials(access, environment).keep_secret()
    seconds = ObjectStoreSettings.from_environment(environment).retry_seconds
    return StoreClient(access, environment, side, seconds, lambda _attempt, _problem: None)


def _location(text: str, environment: Mapping[str, str]) -> StoreLocation:
    scheme, _, rest = text.partition("://")
    container, _, path = rest.partition("/")
    if bucket := _HUGGING_FACE.fullmatch(text):
        # https://huggingface.co/docs/hub/storage-buckets-s3
        return _checked(
            text,
            lambda: S3Location(
                bucket=bucket[2],
                path=(bucket[3] or "").removesuffix("/"),
                endpoint=f"https://s3.hf.co/{bucket[1]}",
                region="us-east-1",
            ),
        )
    account = next((environment[name] for name in _ACCOUNTS if environment.get(name)), None)
    if scheme in ("az", "abfs", "abfss") and "@" not in container and account is not None:
        steps = path.removesuffix("/")
        return _checked(text, lambda: AzureLocation(account=account, container=container, path=steps))
    if scheme == "az" and "@" not in container:
        raise ValueError(
            f"{url_without_secrets(text)} names no storage account: set ${_ACCOUNTS[0]}, or write {_AZURE_FORM}"
        )
    return _checked(text, lambda: parse_url(text))


def _folder(text: str) -> Path:
    """A folder; not one that would be made by mistake, as a URL was meant. Raises ValueError."""
    path = Path(text)
    if not path.exists():
        if almost := _ALMOST_A_URL.match(text):
            scheme, _, rest = almost.groups()
            raise ValueError(
                f"{text} is no URL, as its :// is not complete: write {scheme.lower()}://{rest.lstrip('/')}, or "
                f"./{text} for a folder"
            )
        if name := _OF_AMAZON.match(text):
            raise ValueError(f"{text} is a name of Amazon's for policies: write s3://{name[1]}")
    return path


def _checked(text: str, location: Callable[[], StoreLocation]) -> StoreLocation:
    shown = url_without_secrets(text)
    try:
        return location()
    except ValidationError as error:
        raise ValueError(f"{shown}: {'; '.join(findings_of(error, STORE_FORMS))}") from error
    except ValueError as error:
        more = ", or hf://buckets/owner/bucket/path" if text.startswith("hf:") else ""
        raise ValueError(f"{shown}: {error}{more}") from error
