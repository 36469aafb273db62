"""A store's errors as typed reasons of a job's failure, in messages that name the cause and the fix.

obstore's texts quote the request and the whole answer, which may be a signature's parts: only the status, the store's
own code and its sentence are taken from them.
"""

import html
import re
from dataclasses import dataclass
from typing import Final, Literal

from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    InvalidPathError,
    NotSupportedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from augmentation_api import FailureReason
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker import secrecy
from augmentation_worker.dataset_path import shown
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.variables import ENDPOINTS, credentials_in_words

Side = Literal["source", "output"]
STORE_ERRORS: Final = (BaseError, FileNotFoundError, ValueError, TypeError)
"""What obstore raises, FileNotFoundError for 404."""
_QUOTE_LIMIT: Final = 300
_STATUS: Final = re.compile(r"non-2xx status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>\s*([A-Za-z0-9.]{1,64})\s*</Code>")
_SENTENCE: Final = re.compile(r"<Message>([^<]{1,500})|\"message\":\s*\"([^\"]{1,500})")
_RETRYABLE_STATUSES: Final = frozenset({408, 429})
_LASTING_STATUSES: Final = frozenset({501, 505})
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"})
_EXPIRED: Final = frozenset({"ExpiredToken", "TokenRefreshRequired", "RequestExpired"})
_BAD_CREDENTIALS: Final = _EXPIRED | {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidToken",
    "AuthenticationFailed",
    "InvalidAuthenticationInfo",
    "InvalidSecurity",
    "RequestTimeTooSkewed",
    "XAdminUserNotFound",
}
_OTHER_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException"}
)
"""What S3 answers where a request is signed for another region than the bucket's."""
_MISPLACED_STATUSES: Final = frozenset({301, 302, 307, 308, 400, 404, 405})
"""Of a request that is right: an address has answered that is none of a store's API, or only of a part of it."""
_RETRYABLE_CODES: Final = frozenset({"SlowDown", "ServerBusy", "InternalError", "RequestTimeout", "OperationAborted"})
_FULL: Final = frozenset({"QuotaExceeded", "EntityTooLarge", "InsufficientStorage", "XMinioStorageFull"})
_BROKEN_OFF: Final = (
    ("proxyauthrequired", "the proxy in between refuses: check its user and password"),
    ("tunnelun", "the proxy in between does not get through to it"),
    ("error decoding response body", "the connection broke off in the middle of an answer"),
    ("request or response body", "the connection broke off in the middle of an answer"),
    ("end of file before message length", "the connection broke off in the middle of an answer"),
    ("error reading a body", "the connection broke off in the middle of an answer"),
    ("timedout", "it did not answer in time"),
    ("timed out", "it did not answer in time"),
    ("dns error", "its name cannot be resolved"),
    ("connection refused", "the connection was refused"),
    ("connection reset", "the connection broke off"),
    ("connection closed", "the connection broke off"),
    ("error sending request", "it cannot be connected to, or the connection broke off"),
    ("http error", "the connection broke off"),
)


@dataclass(frozen=True)
class StoreError:
    """What can be known of an error of obstore.

    Attributes:
        status: of the answer; None: there was none.
        code: the store's own word for it.
        sentence: the store's own sentence.
        text: all of obstore's text, for nothing but to be searched.
    """

    status: int | None
    code: str | None
    sentence: str
    text: str

    @classmethod
    def of(cls, error: BaseException) -> "StoreError":
        """Read an error."""
        text = str(error)
        status, code, sentence = _STATUS.search(text), _CODE.search(text), _SENTENCE.search(text)
        said = next((group for group in sentence.groups() if group), "") if sentence else ""
        said = html.unescape(" ".join(said.split()))
        return cls(int(status[1]) if status else None, code[1] if code else None, said, text)

    @property
    def is_untrusted(self) -> bool:
        """Whether the store's certificate cannot be verified: no retry changes that."""
        return self.status is None and "certificate" in self.text.lower()

    @property
    def transient(self) -> str | None:
        """What is wrong, if a retry may help; else None."""
        if self.is_untrusted:
            return None
        if self.status is not None:
            lasting = self.is_full or self.status in _LASTING_STATUSES
            again = self.status in _RETRYABLE_STATUSES or self.status >= 500 or self.code in _RETRYABLE_CODES
            again = again and not lasting
            return self._answered if again else None
        if self.code in _RETRYABLE_CODES:
            return self._answered
        lowered = self.text.lower()
        if "builder error" in lowered:
            return None  # no request was made: an address or a setting is none
        return next((words for part, words in _BROKEN_OFF if part in lowered), None)

    @property
    def is_not_implemented(self) -> bool:
        """Whether the store does not know what was asked for."""
        return self.status == 501 or self.code == "NotImplemented" or "notimplemented" in self.text.lower()

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be stored."""
        return self.code in _FULL or self.status in (413, 507)

    @property
    def is_without_bucket(self) -> bool:
        """Whether there is no such bucket."""
        return self.code in _NO_BUCKET

    @property
    def _answered(self) -> str:
        return f"it answered with {self.status or 200}{self.quote}"

    @property
    def quote(self) -> str:
        """The store's own words, for a message; empty if it had none."""
        said = ": ".join(part for part in (self.code, self.sentence) if part)
        return f" (it says: {secrecy.fit(said, _QUOTE_LIMIT)})" if said else ""


def is_transient(error: BaseException) -> str | None:
    """What is wrong, if a retry of the request may help; else None."""
    if isinstance(
        error, (FileNotFoundError, AlreadyExistsError, PreconditionError, NotSupportedError, InvalidPathError)
    ):
        return None
    return StoreError.of(error).transient if isinstance(error, BaseError) else None


def failure_of(  # noqa: PLR0911 - a table of cases
    error: BaseException, access: StoreAccess, side: Side, what: str
) -> WorkerFailure:
    """The job's failure.

    Args:
        error: obstore's.
        access: to which store, and as whom.
        side: for what the store was asked.
        what: the request, as a noun, e.g. `the list of its files`.
    """
    found = StoreError.of(error)
    if found.is_untrusted:
        return WorkerFailure(
            FailureReason.STORE_UNTRUSTED,
            f"the certificate of {_endpoint(access)} is not trusted: set caBundle of the AugmentationClass to the "
            "certificate of the authority that signed it",
        )
    if found.transient is not None:
        return unavailable(access, found.transient)
    if found.is_without_bucket:
        return _no_bucket(access, side)
    if found.status == 401 or found.code in _BAD_CREDENTIALS or isinstance(error, UnauthenticatedError):
        return _refused_credentials(found, access, side)
    if found.status == 403 or isinstance(error, PermissionDeniedError):
        return _refused(found, access, side, what)
    if found.is_full:
        return WorkerFailure(
            FailureReason.STORAGE_EXHAUSTED,
            f"{_where(access, side)} takes no more{found.quote}: make space there, raise its quota, or publish "
            f"somewhere else ({'--output' if access.named_by else 'spec.output'})",
        )
    if isinstance(error, InvalidPathError):
        return WorkerFailure(
            FailureReason.SOURCE_INVALID,
            f"{_where(access, side)} has a key that is no path: {shown(_key_of(found.text))}; "
            "rename or remove it, or name a folder without such keys",
        )
    if found.code in _OTHER_REGION or found.status in _MISPLACED_STATUSES:
        return _misplaced(found, access, side, what)
    return _unexpected(found, access, side, what)


def unavailable(access: StoreAccess, problem: str) -> WorkerFailure:
    """The store fails in a transient way, and longer than is waited for."""
    return WorkerFailure(FailureReason.STORE_UNAVAILABLE, f"{_endpoint(access)} is unavailable: {problem}")


def field_of(access: StoreAccess, side: Side, part: str = "") -> str:
    """What the user has to correct: the field of the spec, or the option of a command that names the store.

    `part` is a field of it, such as `path`: of an option, all is one URL.
    """
    if access.named_by == "command":
        return f"--{side}"
    return f"spec.{side}.{access.kind}" + (f".{part}" if part else "")


def _where(access: StoreAccess, side: Side) -> str:
    return f"{access.url} ({field_of(access, side)})"


def _endpoint(access: StoreAccess) -> str:
    return f"the store of {access.url}" + (f" at {access.endpoint}" if access.endpoint else "")


def _caller(access: StoreAccess) -> str:
    if access.identity == "anonymous":
        return "without credentials"
    if access.named_by == "command":
        return "with the credentials of the environment"
    return f"with the Secret {access.secret}" if access.secret else "with the identity of this pod"


def _valid_credentials(access: StoreAccess, side: Side) -> str:
    if access.named_by == "command":
        return f"set valid ones in {credentials_in_words(access.kind)}"
    return f"put valid ones into the Secret, or name another one in {field_of(access, side, 'credentialsSecretRef')}"


def _no_bucket(access: StoreAccess, side: Side) -> WorkerFailure:
    name = "container" if access.kind == "azure" else "bucket"
    reason = FailureReason.SOURCE_NOT_FOUND if side == "source" else FailureReason.OUTPUT_ACCESS_DENIED
    fix = "correct" if side == "source" else "create it, or correct"
    return WorkerFailure(
        reason, f"there is no {name} {access.bucket} at {_endpoint(access)}: {fix} {field_of(access, side, name)}"
    )


def _refused_credentials(found: StoreError, access: StoreAccess, side: Side) -> WorkerFailure:
    finding = "have expired" if found.code in _EXPIRED else "are not accepted"
    return WorkerFailure(
        FailureReason.CREDENTIALS_INVALID,
        f"the credentials for {_where(access, side)} {finding}, asked {_caller(access)}{found.quote}: "
        f"{_valid_credentials(access, side)}",
    )


def _refused(found: StoreError, access: StoreAccess, side: Side, what: str) -> WorkerFailure:
    reason = FailureReason.SOURCE_ACCESS_DENIED if side == "source" else FailureReason.OUTPUT_ACCESS_DENIED
    rights = (
        "listing the bucket and reading its objects"
        if side == "source"
        else ("listing the bucket, and reading, writing and deleting objects there")
    )
    return WorkerFailure(
        reason,
        f"{_where(access, side)} refuses {what}, asked {_caller(access)}{found.quote}: allow {rights}, or "
        + (
            f"set credentials that may in {credentials_in_words(access.kind)}"
            if access.named_by == "command"
            else f"name credentials that may in {field_of(access, side, 'credentialsSecretRef')}"
        ),
    )


def _misplaced(found: StoreError, access: StoreAccess, side: Side, what: str) -> WorkerFailure:
    """The address is wrong, or the region that requests are signed for: neither is there another time."""
    reason = FailureReason.SOURCE_NOT_FOUND if side == "source" else FailureReason.OUTPUT_ACCESS_DENIED
    is_local = access.named_by == "command"
    if found.code in _OTHER_REGION:
        fix = f"name the bucket's region in {'$AWS_REGION' if is_local else field_of(access, side, 'region')}"
    else:
        place = ENDPOINTS[access.kind][0] if is_local else field_of(access, side, "endpoint")
        name = "container" if access.kind == "azure" else "bucket"
        fix = (
            f"check {'$' if is_local else ''}{place}, which has to be the URL of the store's API without the {name}, "
            f"and {field_of(access, side, name)}"
        )
    said = f"{found.status or 200}{found.quote}"
    return WorkerFailure(reason, f"{_endpoint(access)} answers {what} with {said}: {fix}")


def _unexpected(found: StoreError, access: StoreAccess, side: Side, what: str) -> WorkerFailure:
    answer = (
        f"was answered with {found.status}{found.quote}"
        if found.status
        else "failed: " + shown(_first_line(found.text))
    )
    return WorkerFailure(FailureReason.INTERNAL_ERROR, f"{what} of {_where(access, side)} {answer}")


def _key_of(text: str) -> str:
    """The key in obstore's `Error parsing Path "key": …`, which may have any characters."""
    return text.partition('Path "')[2].rpartition('":')[0] or _first_line(text)


def _first_line(text: str) -> str:
    return secrecy.fit(text.strip().split("\n", 1)[0].partition(" in ")[0], _QUOTE_LIMIT)
