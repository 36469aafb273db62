"""The hub as the worker uses it: a few verbs over huggingface_hub, each of which fails with a typed reason."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HfUriError, RevisionNotFoundError
from huggingface_hub.hf_api import GitRefs, RepoFile, RepoFolder
from huggingface_hub.utils._headers import build_hf_headers
from typing_extensions import override

from augmentation_api import FailureReason
from augmentation_worker import secrecy
from augmentation_worker.dataset_path import DatasetPath, PathRefused, checked_listing
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub import retry_budget, uploaded_files
from augmentation_worker.storage.hub.audience import Audience, audience_of
from augmentation_worker.storage.hub.commit import MAIN, Commit, make_commit
from augmentation_worker.storage.hub.download import download
from augmentation_worker.storage.hub.errors import HubAccess, Side, explained
from augmentation_worker.storage.hub.partial_file import RANGE_BYTES, PartialFile
from augmentation_worker.storage.hub.retry_budget import RetryBudget
from augmentation_worker.storage.hub.token import check_token
from augmentation_worker.storage.port import OnNotice, OnRetry, StoredFile

DATASET = "dataset"
_REFS_IN_MESSAGE = 8


@dataclass(frozen=True)
class RemoteFile:
    """A file at a commit.

    Attributes:
        path: path in the dataset.
        size: bytes.
        blob: identity of the content: equal at two commits when the file is.
        sha256: of the content if it is stored through LFS.
    """

    path: DatasetPath
    size: int
    blob: str
    sha256: str | None


class HubClient:
    """One hub, as one user. Every method raises WorkerFailure.

    Only one may be in use in a process: huggingface_hub's HTTP client is shared.

    Args:
        endpoint: base URL, no slash at its end.
        token: None: anonymous.
        secret: `name/key` of the Secret the token comes from, for messages.
        retry_seconds: how long requests are retried while the hub fails.
        on_retry: called before every retry.
        shards: pods of the job that may ask the hub at the same time, for its rate limits.
        on_notice: called with what people should know of.
    """

    def __init__(
        self,
        endpoint: str,
        token: str | None,
        secret: str,
        retry_seconds: float,
        on_retry: OnRetry,
        *,
        shards: int = 1,
        on_notice: OnNotice = lambda _status, _sentence: None,
    ) -> None:
        if token is not None:
            check_token(token.encode(errors="replace"), secret)
            secrecy.keep(token)
        self.access = HubAccess(endpoint, token is not None, secret)
        self.on_notice = on_notice
        self._api = _Api(endpoint=endpoint, token=token or False, library_name="augmentation-worker")
        self._retry_seconds, self._on_retry = retry_seconds, on_retry
        retry_budget.install(self._new_budget(), endpoint, token, shards, on_notice)

    def user(self) -> str:
        """Name of the token's user: the namespace they own. Not every hub can say it."""
        try:
            with explained(self.access, "output", "of the token's user"):
                return _text(self._api.whoami()["name"])
        except WorkerFailure as failure:
            cause = failure.__cause__
            if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (404, 405, 501):
                raise WorkerFailure(
                    FailureReason.SPEC_UNSUPPORTED,
                    f"the hub {self.access.endpoint} does not say whose token it is (GET /api/whoami-v2), so the "
                    "result has no owner: name the dataset in spec.output.hub.repoID, as owner/name",
                ) from failure
            raise

    def require_token(self) -> None:
        """Fail if there is none: what is published is somebody's."""
        if not self.access.authenticated:
            raise WorkerFailure(
                FailureReason.CREDENTIALS_INVALID,
                f"publishing on {self.access.endpoint} needs a token, and there is none ({self.access.caller}): create "
                "the Secret, or name another one in spec.credentialsSecretRef",
            )

    def refs(self, dataset: str, side: Side) -> GitRefs:
        """Branches and tags."""
        with explained(self.access, side, dataset):
            return _named_refs(self._api.list_repo_refs(dataset, repo_type=DATASET))

    def commit_of(self, dataset: str, revision: str, side: Side) -> str:
        """The commit that a branch, tag or commit id names."""
        try:
            with explained(self.access, side, dataset):
                sha = _text(self._api.dataset_info(dataset, revision=revision).sha or "")
        except WorkerFailure as failure:
            if not isinstance(failure.__cause__, RevisionNotFoundError):
                raise
            raise self._unknown_revision(dataset, revision, side) from failure
        if not sha and revision != MAIN:
            raise self._unknown_revision(dataset, revision, side)  # matrixhub's hfd says it so
        if not sha:
            raise WorkerFailure(
                FailureReason.INTERNAL_ERROR,
                f"the hub {self.access.endpoint} does not say at which commit {dataset} is: it cannot be pinned",
            )
        return self._commit_id(sha)

    def head(self, dataset: str, branch: str | None = None) -> str | None:
        """The commit that main, or another branch, is at; None where a dataset was created without one."""
        revision = branch if branch != MAIN else None
        with explained(self.access, "output", dataset):
            sha = _text(self._api.dataset_info(dataset, revision=revision).sha or "")
        return self._commit_id(sha) if sha else None

    def audience(self, dataset: str, side: Side) -> Audience:
        """Who may read a dataset now. An answer that leaves it open counts against publishing."""
        with explained(self.access, side, dataset):
            info = self._api.dataset_info(dataset)
        unknown = Audience.PRIVATE if side == "source" else Audience.PUBLIC
        return audience_of(info.private, info.gated, unknown=unknown)

    def files(
        self, dataset: str, commit: str, side: Side, folder: DatasetPath | None = None
    ) -> dict[DatasetPath, RemoteFile]:
        """Every file at a commit, or below one of its folders, by its path in the dataset.

        Raises:
            EntryNotFoundError: there is no such folder.
            WorkerFailure: SOURCE_INVALID or OUTPUT_CONFLICT where the hub lists what cannot be a dataset's files.
        """
        with explained(self.access, side, dataset):
            tree = self._api.list_repo_tree(dataset, folder, recursive=True, revision=commit, repo_type=DATASET)
            entries = [_listed_file(entry) for entry in _until_repeated(tree) if isinstance(entry, RepoFile)]
        try:
            paths = checked_listing(entry.path for entry in entries)
        except PathRefused as error:
            raise self._unusable_listing(dataset, side, error) from error
        return {
            path: RemoteFile(path, entry.size, entry.blob_id, entry.lfs.sha256 if entry.lfs else None)
            for path, entry in zip(paths, entries, strict=True)
        }

    def download(
        self, dataset: str, commit: str, path: DatasetPath, size: int | None, target: Path, side: Side = "source"
    ) -> None:
        """Download one file, of `size` bytes if that is known, to `target`. Raises EntryNotFoundError."""
        url = hf_hub_url(dataset, path, repo_type=DATASET, revision=commit, endpoint=self._api.endpoint)
        with explained(self.access, side, dataset):
            download(url, self._headers(), size, target, self._new_budget())

    def open_partly(self, dataset: str, commit: str, file: RemoteFile, side: Side = "source") -> BinaryIO:
        """A file of which only what is read is fetched."""
        partial = PartialFile(
            self._api, dataset, commit, file.path, file.size, lambda: explained(self.access, side, dataset)
        )
        return BufferedReader(partial, RANGE_BYTES)

    def read(self, dataset: str, commit: str, file: RemoteFile, side: Side) -> bytes:
        """Content of a small file. Raises EntryNotFoundError."""
        with TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            self.download(dataset, commit, file.path, file.size, target, side)
            return target.read_bytes()

    def create(self, dataset: str, *, private: bool | None) -> None:
        """Create an empty dataset; one that exists stays as it is. `private` None: as its namespace does by default."""
        # The answer's URL may name the hub as others reach it, which huggingface_hub does not take for one of its own.
        with explained(self.access, "output", dataset), suppress(HfUriError):
            self._api.create_repo(dataset, repo_type=DATASET, private=private, exist_ok=True)

    def check_writable(self, dataset: str) -> None:
        """Fail if this user may not write to the dataset. Asks how a file would be uploaded, and uploads nothing."""
        probe = CommitOperationAdd(path_in_repo=".gitattributes", path_or_fileobj=b"probe")
        with explained(self.access, "output", dataset):
            self._api.preupload_lfs_files(dataset, [probe], repo_type=DATASET)

    def upload(self, dataset: str, path: DatasetPath, content: Path | bytes) -> StoredFile:
        """Upload a blob without a commit."""
        try:
            with explained(self.access, "output", dataset):
                return uploaded_files.upload(self._api, dataset, path, content)
        except uploaded_files.TransferUnsupported as error:
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"the dataset {dataset} (spec.output.hub.repoID) on {self.access.endpoint} takes files by the transfer "
                f"{error} only, which this worker does not speak: name a dataset that takes uploads by Git LFS",
            ) from error

    def not_stored(self, dataset: str, files: Sequence[StoredFile]) -> list[StoredFile]:
        """Those files whose blobs are not on the hub."""
        with explained(self.access, "output", dataset):
            return uploaded_files.not_stored(self._api, dataset, files)

    def fetch_uploaded(self, dataset: str, file: StoredFile, target: Path) -> None:
        """Download a blob that no commit names yet. Raises FileNotFoundError where the hub does not have it."""
        with explained(self.access, "output", dataset):
            uploaded_files.fetch(self._api, dataset, file, target)

    def commit(self, commit: Commit) -> str:
        """Make a commit. Raises OutputMoved if its branch is not at its parent, or the answer is lost."""
        made = make_commit(
            commit, self._api, self.access, self._new_budget(), lambda: self.head(commit.dataset, commit.branch)
        )
        return self._commit_id(made)

    def create_branch(self, dataset: str, branch: str, commit: str) -> None:
        """Make a branch at a commit, unless there is one of this name."""
        with explained(self.access, "output", dataset):
            self._api.create_branch(dataset, branch=branch, revision=commit, repo_type=DATASET, exist_ok=True)

    def delete_branch(self, dataset: str, branch: str) -> None:
        """Remove a branch."""
        with explained(self.access, "output", dataset):
            self._api.delete_branch(dataset, branch=branch, repo_type=DATASET)

    def move_tag(self, dataset: str, tag: str, commit: str) -> None:
        """Make `tag` point at `commit`, whether or not it exists."""
        tags = {ref.name: ref.target_commit for ref in self.refs(dataset, "output").tags}
        if tags.get(tag) == commit:
            return
        with explained(self.access, "output", dataset):
            if tag in tags:
                self._api.delete_tag(dataset, tag=tag, repo_type=DATASET)
            self._api.create_tag(dataset, tag=tag, revision=commit, repo_type=DATASET, exist_ok=True)

    def _new_budget(self) -> RetryBudget:
        return RetryBudget(self._retry_seconds, self._on_retry)

    def _headers(self) -> dict[str, str]:
        api = self._api
        return dict(
            build_hf_headers(token=api.token, library_name=api.library_name, library_version=api.library_version)
        )

    def _commit_id(self, text: str) -> str:
        """A commit as the hub names it. It is read back by programs, so it is in the status as it is, or not at all."""
        if secrecy.redacted(text) != text:
            raise WorkerFailure(
                FailureReason.HUB_UNAVAILABLE,
                f"the hub {self.access.endpoint} is unavailable: what it names as a commit holds a part of the "
                "token that it was asked with",
            )
        return text

    def _unusable_listing(self, dataset: str, side: Side, error: PathRefused) -> WorkerFailure:
        fix = {
            "source": (FailureReason.SOURCE_INVALID, "rename or delete that file there, or use another revision"),
            "output": (FailureReason.OUTPUT_CONFLICT, "rename or delete that file there, or name another dataset"),
        }
        reason, way = fix[side]
        return WorkerFailure(
            reason, f"no file of the dataset {dataset} on {self.access.endpoint} can be used: {error}; {way}"
        )

    def _unknown_revision(self, dataset: str, revision: str, side: Side) -> WorkerFailure:
        refs = self.refs(dataset, side)
        known = [ref.name for ref in (*refs.tags, *refs.branches)]
        listed = ", ".join(known[:_REFS_IN_MESSAGE]) + (", …" if len(known) > _REFS_IN_MESSAGE else "")
        return WorkerFailure(
            FailureReason.REVISION_NOT_FOUND,
            f"the dataset {dataset} on {self.access.endpoint} has no revision {revision!r} "
            f"(spec.source.hub.revision): name one of {listed or 'its commits'}, or leave the field out",
        )


class _Api(HfApi):
    """huggingface_hub's client, which asks nobody for an opinion on a card: a hub without one could not be used."""

    @override
    def _validate_yaml(self, content: str, **_: object) -> None:
        return


def _text(value: object) -> str:
    """A text. Raises TypeError: huggingface_hub hands over whatever is in the JSON, typed as what it should be."""
    if not isinstance(value, str):
        raise TypeError(f"a text is {type(value).__name__}")
    return value


def _until_repeated(tree: Iterable[RepoFile | RepoFolder]) -> Iterator[RepoFile | RepoFolder]:
    """The entries of a tree up to a file that is listed twice, as by pages that lead back to one that was there.

    Raises ValueError for a folder.
    """
    listed: set[str] = set()
    for entry in tree:
        is_repeated = _text(entry.path) in listed
        if is_repeated and not isinstance(entry, RepoFile):
            raise ValueError("a folder is listed twice")
        yield entry
        if is_repeated:
            return
        listed.add(entry.path)


def _listed_file(file: RepoFile) -> RepoFile:
    """A listed file whose path, identities and size have the right types. Raises TypeError."""
    for value in (file.path, file.blob_id, *((file.lfs.sha256,) if file.lfs else ())):
        _text(value)
    if not isinstance(file.size, int) or isinstance(file.size, bool) or file.size < 0:
        raise TypeError(f"a size is {type(file.size).__name__}")
    return file


def _named_refs(refs: GitRefs) -> GitRefs:
    """Branches and tags that all have a name and a commit. Raises TypeError."""
    for ref in (*refs.branches, *refs.tags):
        _text(ref.name)
        _text(ref.target_commit)
    return refs
