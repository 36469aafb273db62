"""Object stores as a storage of jobs: which jobs they are for, and how a pod reaches them."""

from typing import Final

from pydantic import Field, ValidationError
from typing_extensions import override

from augmentation_api import FailureReason, worker_contract
from augmentation_api.status import SourceStatus
from augmentation_api.worker_contract import StoreAccess, output_store
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import WorkerSettings
from augmentation_worker.storage.object_store.client import StoreClient
from augmentation_worker.storage.object_store.credentials import Credentials
from augmentation_worker.storage.object_store.errors import Side
from augmentation_worker.storage.object_store.output import ObjectStoreOutput
from augmentation_worker.storage.object_store.source import ObjectStoreSource
from augmentation_worker.storage.port import SourceDataset, StorageBackend, StorageContext

ENV_RETRY_SECONDS: Final = "AUGMENTATION_STORE_RETRY_SECONDS"
"""How long a request to a store that fails in a transient way is retried before the pod fails."""
DEFAULT_RETRY_SECONDS: Final = 60.0


class ObjectStoreSettings(WorkerSettings):
    """A pod's object stores.

    Attributes:
        source, output: StoreAccess as JSON; empty: elsewhere.
        retry_seconds: how long a request is retried.
    """

    source: str = Field("", validation_alias=worker_contract.ENV_SOURCE_STORE)
    output: str = Field("", validation_alias=worker_contract.ENV_OUTPUT_STORE)
    retry_seconds: float = Field(DEFAULT_RETRY_SECONDS, ge=0, validation_alias=ENV_RETRY_SECONDS)


class ObjectStoreBackend(StorageBackend):
    """Datasets in buckets: spec.source.{s3,gcs,azure}, and the same of spec.output or none of it."""

    def __init__(self, context: StorageContext) -> None:
        self._context = context
        self._settings = ObjectStoreSettings.from_environment(context.environment)
        self._uid = context.job.metadata.uid
        spec = context.job.spec
        self._has_source = bool(self._settings.source) or spec.source.store is not None
        self._has_output = bool(self._settings.output) or output_store(spec, self._uid) is not None

    @override
    def has_source(self) -> bool:
        return self._has_source

    @override
    def has_output(self) -> bool:
        return self._has_output

    @override
    def read_secrets(self) -> None:
        for side, document in (("source", self._settings.source), ("output", self._settings.output)):
            if document:
                Credentials(_access(document, side), self._context.environment).keep_secret()

    @override
    def find_source(self) -> ObjectStoreSource:
        return ObjectStoreSource(self._client("source", self._settings.source), self._context.scratch)

    @override
    def open_source(self, pinned: SourceStatus) -> ObjectStoreSource:
        source = self.find_source()
        if source.revision != pinned.revision:
            raise WorkerFailure(
                FailureReason.SOURCE_INVALID,
                f"the dataset in {source.name} has changed since the job was resolved: let nobody write there while a "
                "job runs, and create the job again",
            )
        return source

    @override
    def new_output(self, source: SourceDataset) -> ObjectStoreOutput:
        return self._output()

    @override
    def open_output(self, dataset: str) -> ObjectStoreOutput:
        return self._output()

    def _output(self) -> ObjectStoreOutput:
        client = self._client("output", self._settings.output)
        return ObjectStoreOutput(client, self._uid, self._context.conventions, self._context.on_notice)

    def _client(self, side: Side, document: str) -> StoreClient:
        context = self._context
        access = _access(document, side)
        return StoreClient(access, context.environment, side, self._settings.retry_seconds, context.on_retry)


def _access(document: str, side: str) -> StoreAccess:
    variable = worker_contract.ENV_SOURCE_STORE if side == "source" else worker_contract.ENV_OUTPUT_STORE
    try:
        return StoreAccess.model_validate_json(document)
    except ValidationError as error:
        raise WorkerFailure(
            FailureReason.INTERNAL_ERROR,
            f"spec.{side}: ${variable} does not say how to reach the object store (is the operator of the same version "
            "as the worker?)",
        ) from error
