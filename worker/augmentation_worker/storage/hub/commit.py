"""One commit on a hub, made once: where its answer is lost, what became of it is found out before it is repeated.

A commit of many files may take longer than the gateway in front of a hub waits: the answer is then 504 after a minute,
and the commit is made all the same (https://github.com/huggingface/huggingface_hub/issues/2375).
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError

from augmentation_api import FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.errors import HubAccess, explained
from augmentation_worker.storage.hub.retry_budget import CommitUnanswered, RetryBudget
from augmentation_worker.storage.hub.uploaded_files import addition_of
from augmentation_worker.storage.port import OutputMoved, StoredFile

MAIN: Final = "main"
_LOOKS: Final = 5
"""How often it is looked whether a commit was made that the hub may be at work on, within about 15 s."""
_MOVED_STATUSES: Final = (409, 412)
_LOST_OBJECT: Final = re.compile(r"LFS pointer.* file that (was not uploaded|does not exist)", re.IGNORECASE)


@dataclass(frozen=True)
class Commit:
    """What is to be committed.

    Attributes:
        dataset, branch: where.
        message: for people.
        parent: the commit that the branch has to be at; None: it has none.
        uploaded: files whose blobs are uploaded.
        written: small files, by path.
        deleted: paths.
    """

    dataset: str
    message: str
    parent: str | None
    uploaded: Sequence[StoredFile] = ()
    written: Mapping[DatasetPath, bytes] = field(default_factory=dict)
    deleted: Sequence[DatasetPath] = ()
    branch: str = MAIN

    def send(self, api: HfApi) -> str:
        """Make it. Returns the new commit's id."""
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(addition_of(file) for file in self.uploaded),
            *(CommitOperationAdd(path_in_repo=path, path_or_fileobj=data) for path, data in self.written.items()),
            *(CommitOperationDelete(path_in_repo=path) for path in self.deleted),
        ]
        done = api.create_commit(
            self.dataset,
            operations,
            commit_message=self.message,
            repo_type="dataset",
            revision=self.branch,
            parent_commit=self.parent,
        )
        return str(done.oid)


def make_commit(
    commit: Commit, api: HfApi, access: HubAccess, budget: RetryBudget, head: Callable[[], str | None]
) -> str:
    """Make a commit.

    Args:
        commit: which.
        api, access: of the hub.
        budget: of the retries, for this commit alone.
        head: asks which commit the branch is at.

    Returns:
        The new commit's id.

    Raises:
        OutputMoved: the branch is not at the parent (any more). A commit whose answer was lost ends so too, with the
            commit made: the caller knows what it has to look for.
        WorkerFailure: the hub refuses it, or the budget is spent.
    """
    for attempt in count(1):
        try:
            with explained(access, "output", commit.dataset):
                return commit.send(api)
        except CommitUnanswered as unanswered:
            # It can be repeated without harm even if the hub is at work on it: it is made on its parent or not at all.
            for look in range(1, _LOOKS + 1) if unanswered.at_work else (attempt,):
                if head() != commit.parent:
                    raise OutputMoved(commit.dataset) from unanswered
                with explained(access, "output", commit.dataset):
                    wait = budget.spend(look, str(unanswered))
                time.sleep(wait)
        except WorkerFailure as failure:
            refusal = failure.__cause__
            if not isinstance(refusal, HfHubHTTPError):
                raise
            if refusal.response.status_code in _MOVED_STATUSES:
                raise OutputMoved(commit.dataset) from failure
            if _LOST_OBJECT.search(refusal.server_message or ""):
                raise _lost_object(commit.dataset, access) from failure
            raise
    raise AssertionError("counting does not end")


def _lost_object(dataset: str, access: HubAccess) -> WorkerFailure:
    # https://github.com/huggingface/huggingface_hub/issues/3829
    return WorkerFailure(
        FailureReason.OUTPUT_CONFLICT,
        f"the hub {access.endpoint} takes files of the dataset {dataset} for uploaded and then says that they do not "
        "exist, as it does where a dataset of this name was deleted and made again: publish under another name "
        "(spec.output.hub.repoID)",
    )
