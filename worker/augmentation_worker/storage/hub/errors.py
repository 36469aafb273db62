"""The hub's errors as typed reasons of a job's failure, in messages that name the cause and the fix."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import httpx2
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from augmentation_api import FailureReason
from augmentation_kube import connection_failure
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.disk import is_disk_full, scratch_full
from augmentation_worker.storage.hub.empty_pages import EndlessListing
from augmentation_worker.storage.hub.error_codes import INVALID_CREDENTIALS
from augmentation_worker.storage.hub.retry_budget import RETRYABLE_STATUSES, HubUnreachable, HubUntrusted

Side = Literal["source", "output"]
QUOTE_LIMIT = 300
"""Most characters that are quoted of a hub's message: it may be a whole page, or the request itself."""
_NO_ANSWER = (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError)
"""What httpx2 raises where there is no answer to read."""


@dataclass(frozen=True)
class HubAccess:
    """Which hub, and as whom.

    Attributes:
        endpoint: base URL.
        authenticated: whether there is a token.
        secret: `name/key` of the Secret the token comes from.
    """

    endpoint: str
    authenticated: bool
    secret: str

    @property
    def caller(self) -> str:
        """The caller for a message: with which token or without one."""
        if self.authenticated:
            return f"with the token of the Secret {self.secret}" if self.secret else "with a token"
        missing = f" (the Secret {self.secret} does not exist or is empty)" if self.secret else ""
        return f"without a token{missing}"


_UNEXPECTED_ANSWER = (TypeError, AttributeError, LookupError, RecursionError, OverflowError)
"""What huggingface_hub raises for an answer that does not have the form it expects."""


@contextmanager
def explained(access: HubAccess, side: Side, dataset: str) -> Iterator[None]:
    """Turn the hub's errors inside into WorkerFailure, but for a missing file: the caller knows what it means."""
    try:
        yield
    except LocalEntryNotFoundError as error:
        # What huggingface_hub makes of any answer to its HEAD that it does not know.
        cause = error.__cause__
        failure = failure_of(cause, access, side, dataset) if isinstance(cause, Exception) else None
        raise failure or _unavailable(access, "it does not say what the file is") from error
    except EntryNotFoundError:
        raise
    except EndlessListing as error:
        raise _unavailable(access, str(error)) from error
    except (HfHubHTTPError, *_NO_ANSWER, HubUnreachable, HubUntrusted, OSError, ValueError) as error:
        failure = failure_of(error, access, side, dataset)
        # An OSError without a number is huggingface_hub's word for a file of another size than was announced.
        if failure is None and isinstance(error, OSError) and (type(error) is not OSError or error.errno is not None):
            raise
        raise failure or _invalid_answer(access, error) from error
    except _UNEXPECTED_ANSWER as error:
        raise _invalid_answer(access, error) from error


def _invalid_answer(access: HubAccess, error: Exception) -> WorkerFailure:
    return _unavailable(access, f"its answer is not that of a hub ({type(error).__name__})")


def failure_of(error: Exception, access: HubAccess, side: Side, dataset: str) -> WorkerFailure | None:
    """The job's failure; None if the error is neither the hub's nor the disk's."""
    if isinstance(error, HfHubHTTPError):
        return _refused(error, access, side, dataset)
    if isinstance(error, (*_NO_ANSWER, HubUnreachable)):
        described = str(error) if isinstance(error, HubUnreachable) else connection_failure.describe(error)
        return _unavailable(access, described)
    if isinstance(error, HFValidationError):
        return WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            f"{_where(access, side, dataset)} has a name that hubs do not take: correct it "
            f"({secrecy.fit(str(error), QUOTE_LIMIT)})",
        )
    if isinstance(error, HubUntrusted):
        return WorkerFailure(
            FailureReason.HUB_UNTRUSTED,
            f"the certificate of the hub {access.endpoint} is not trusted ({error}): set caBundle of the "
            "AugmentationClass to the certificate of the authority that signed it",
        )
    return scratch_full() if is_disk_full(error) else None


def _where(access: HubAccess, side: Side, dataset: str) -> str:
    field = "spec.source.hub.repoID" if side == "source" else "spec.output.hub.repoID"
    return f"the dataset {dataset} ({field}) on {access.endpoint}"


def _not_found(access: HubAccess, side: Side, dataset: str) -> WorkerFailure:
    if side == "source":
        return WorkerFailure(
            FailureReason.SOURCE_NOT_FOUND,
            f"{_where(access, side, dataset)} does not exist or is not visible {access.caller}: check the spelling, "
            "and for a private dataset name a Secret with a token that may read it in spec.credentialsSecretRef. A "
            "storage bucket (hf://buckets/…) is no such dataset: name it in spec.source.s3, by its S3 protocol",
        )
    return WorkerFailure(
        FailureReason.OUTPUT_ACCESS_DENIED,
        f"{_where(access, side, dataset)} does not exist or may not be written {access.caller}: name a Secret with a "
        "write token in spec.credentialsSecretRef",
    )


def _unavailable(access: HubAccess, problem: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.HUB_UNAVAILABLE, f"the hub {access.endpoint} is unavailable: {problem}")


def _refused(error: HfHubHTTPError, access: HubAccess, side: Side, dataset: str) -> WorkerFailure:
    if isinstance(error, GatedRepoError):
        return WorkerFailure(
            FailureReason.SOURCE_ACCESS_DENIED,
            f"{_where(access, side, dataset)} is gated, and access {access.caller} is not granted: ask its owner for "
            "access, or use the token of somebody who has it",
        )
    if isinstance(error, RepositoryNotFoundError):
        return _not_found(access, side, dataset)
    if isinstance(error, RevisionNotFoundError):
        return WorkerFailure(FailureReason.REVISION_NOT_FOUND, f"{_where(access, side, dataset)} lacks that revision")
    return _refused_status(error, access, side, dataset)


def _refused_status(error: HfHubHTTPError, access: HubAccess, side: Side, dataset: str) -> WorkerFailure:
    status = error.response.status_code if error.response is not None else 0
    request = _request_of(error)
    # Not what ErrorCodes may have added: the sentence says it, and the hub did not.
    said = (error.server_message or "").replace(INVALID_CREDENTIALS, "").strip()
    quote = f" (it says: {secrecy.fit(said, QUOTE_LIMIT)})" if said else ""
    if status == 401:
        return WorkerFailure(
            FailureReason.CREDENTIALS_INVALID,
            f"the hub {access.endpoint} does not accept {request} {access.caller}{quote}: put a valid token into the "
            "Secret, or name another one in spec.credentialsSecretRef",
        )
    if status == 403:
        reason = FailureReason.SOURCE_ACCESS_DENIED if side == "source" else FailureReason.OUTPUT_ACCESS_DENIED
        action = "read" if side == "source" else "written"
        return WorkerFailure(
            reason,
            f"{_where(access, side, dataset)} may not be {action} {access.caller}: {request} is refused{quote}; use a "
            "token with that right in spec.credentialsSecretRef, or name another dataset",
        )
    if status in RETRYABLE_STATUSES or status >= 500:
        return _unavailable(access, f"{request} was answered with {status}{quote}")
    return WorkerFailure(
        FailureReason.INTERNAL_ERROR, f"the hub {access.endpoint} refused {request} with status {status}{quote}"
    )


def _request_of(error: HfHubHTTPError) -> str:
    """Method and path of what was refused. Not the query: in the URLs of blobs it is a signature."""
    try:
        request = error.response.request
    except (AttributeError, RuntimeError):  # huggingface_hub makes some without
        return "a request"
    return secrecy.fit(f"{request.method} {request.url.path}", QUOTE_LIMIT)
