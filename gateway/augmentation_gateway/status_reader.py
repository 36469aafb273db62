"""Reading the status of one job: nearly all requests do only this, so it touches memory alone."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.records import ClassRecord, JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import find_job, find_removed
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.problem import Problem


class StatusEncoding(Protocol):
    """How a job is shown, in one form of several."""

    @property
    def name(self) -> str:
        """Names the form among the encoded bytes that a record keeps."""

    @property
    def encode_status(self) -> Callable[[JobRecord, ClassRecord | None], bytes]:
        """The body of a status response: a pure function of the job and of the class it runs as, if any."""

    @property
    def encode_removed(self) -> Callable[[JobRecord, datetime], bytes | None] | None:
        """The body for a job that was removed at this time, in its last version; None: it is answered 404."""


class StatusReader:
    """Reads jobs from the cache, each encoded once per version and form.

    Args:
        view: the cache.
    """

    def __init__(self, view: ClusterView) -> None:
        self._view = view

    def read(self, key: ApiKey, uid: str, encoding: StatusEncoding) -> bytes:
        """The body of a status response. Raises Problem 403, 404 or 503."""
        require(key, Right.READ)
        try:
            return self.encode(find_job(key, uid, self._view), encoding)
        except Problem as problem:
            if problem.status == 404 and (body := self._encode_removed(key, uid, encoding)) is not None:
                return body
            raise

    def encode(self, record: JobRecord, encoding: StatusEncoding) -> bytes:
        """A job in one form."""
        view = self._view
        return record.encoded(
            encoding.name, lambda job: encoding.encode_status(job, view.class_of(job)), view.classes.revision
        )

    def _encode_removed(self, key: ApiKey, uid: str, encoding: StatusEncoding) -> bytes | None:
        removed, encode = find_removed(key, uid, self._view), encoding.encode_removed
        return None if removed is None or encode is None else encode(removed.record, removed.at)
