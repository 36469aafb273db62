"""The hub as a storage of jobs: which jobs it is for, its variables, and the client that is made when one is needed."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from typing_extensions import override

from augmentation_api import FailureReason, worker_contract
from augmentation_api.identifiers import result_name
from augmentation_api.status import SourceStatus
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import WorkerSettings
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.file_list import Listing, decode
from augmentation_worker.storage.hub.output import HubOutput
from augmentation_worker.storage.hub.source import HubSource, open_source, pin
from augmentation_worker.storage.hub.token import read_token
from augmentation_worker.storage.port import SourceDataset, StorageBackend, StorageContext

ENV_RETRY_SECONDS: Final = "AUGMENTATION_HUB_PATIENCE_SECONDS"
"""How long requests to a hub that does not answer are retried before the pod fails."""
DEFAULT_RETRY_SECONDS: Final = 60.0
DEFAULT_ENDPOINT: Final = "https://huggingface.co"
_Url = Annotated[str, AfterValidator(lambda url: url.rstrip("/"))]


class HubSettings(WorkerSettings):
    """A pod's hub.

    Attributes:
        endpoint: base URL, no slash at its end.
        public_endpoint: the same for links that people follow; empty: the same as `endpoint`.
        token_file: file with the token; there is none where the Secret does not exist.
        credentials_secret: `name/key` of the Secret the token comes from, for messages.
        retry_seconds: how long requests are retried while the hub does not answer.
        shard_count: shards that share the hub's rate limits; there is none in resolve.
        shard_index: which of them this is; None in resolve and publish.
    """

    endpoint: _Url = Field(DEFAULT_ENDPOINT, validation_alias=worker_contract.ENV_HUB_ENDPOINT)
    public_endpoint: _Url = Field("", validation_alias=worker_contract.ENV_HUB_PUBLIC_ENDPOINT)
    token_file: Path | None = Field(None, validation_alias=worker_contract.ENV_HUB_TOKEN_FILE)
    credentials_secret: str = Field("", validation_alias=worker_contract.ENV_CREDENTIALS_SECRET)
    retry_seconds: float = Field(DEFAULT_RETRY_SECONDS, ge=0, validation_alias=ENV_RETRY_SECONDS)
    shard_count: int | None = Field(None, validation_alias=worker_contract.ENV_SHARD_COUNT)
    shard_index: int | None = Field(None, validation_alias=worker_contract.ENV_SHARD_INDEX)


class HubBackend(StorageBackend):
    """Datasets on a hub: spec.source.hub, and spec.output.hub or no output where the source is on the hub."""

    def __init__(self, context: StorageContext) -> None:
        self._context = context
        self._spec = context.job.spec

    @cached_property
    def settings(self) -> HubSettings:
        """The pod's hub. Raises WorkerFailure."""
        return HubSettings.from_environment(self._context.environment)

    @cached_property
    def client(self) -> HubClient:
        """The client, with the token that the pod has. Raises WorkerFailure."""
        settings, context = self.settings, self._context
        return HubClient(
            settings.endpoint,
            self._token,
            settings.credentials_secret,
            settings.retry_seconds,
            context.on_retry,
            shards=settings.shard_count or 1,
            on_notice=context.on_notice,
        )

    @cached_property
    def _token(self) -> str | None:
        file = self.settings.token_file
        return read_token(file, self.settings.credentials_secret) if file is not None else None

    @override
    def read_secrets(self) -> None:
        _ = self._token

    @override
    def has_source(self) -> bool:
        return self._spec.source.hub is not None

    @override
    def has_output(self) -> bool:
        return self._spec.output.hub is not None or (self.has_source() and not self._spec.output.is_named)

    @override
    def find_source(self) -> HubSource:
        wanted = self._spec.source.hub
        if wanted is None:
            raise WorkerFailure(FailureReason.INTERNAL_ERROR, "spec.source.hub is not set")
        commit = pin(self.client, wanted.repo_id, wanted.revision, self._context.conventions.version_tags)
        source = open_source(self.client, wanted.repo_id, commit, self._context.scratch, wanted.path)
        if self._context.listings is not None and self._spec.preview is None:
            files = {file.path: file for file in source.files.values()}
            text = Listing(wanted.repo_id, commit, wanted.path, files).encode()
            if text is not None:
                self._context.listings.keep_listing(text)
        return source

    @override
    def open_source(self, pinned: SourceStatus) -> HubSource:
        folder = self._spec.source.hub.path if self._spec.source.hub is not None else None
        dataset, commit, kept = pinned.repo_id or "", pinned.revision or "", None
        if self.settings.shard_index is not None and self._context.listings is not None:
            # Shards only: publish compares what it lists itself, and is one pod.
            text = self._context.listings.read_listing()
            kept = decode(text, dataset, commit, folder) if text else None
        return open_source(self.client, dataset, commit, self._context.scratch, folder, listed=kept)

    @override
    def new_output(self, source: SourceDataset) -> HubOutput:
        self.client.require_token()
        wanted = self._spec.output.hub
        named = wanted.repo_id if wanted is not None else None
        return self.open_output(named or self._default_name(source))

    def _default_name(self, source: SourceDataset) -> str:
        return f"{self.client.user()}/{result_name(source.name, self._context.job.metadata.uid)}"

    @override
    def open_output(self, dataset: str) -> HubOutput:
        wanted = self._spec.output.hub
        page = f"{self.settings.public_endpoint or self.settings.endpoint}/datasets/{dataset}"
        private = wanted.private if wanted is not None else None
        shard = self.settings.shard_index
        reader = f"shard-{shard}" if shard is not None else None
        return HubOutput(self.client, dataset, self._context.job.metadata.uid, page, private, reader)
