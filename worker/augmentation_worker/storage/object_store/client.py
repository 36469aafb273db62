"""Requests to one bucket: obstore's, retried within a budget of time, with typed failures."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError

from augmentation_api.counted import counted
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.connection import connect
from augmentation_worker.storage.object_store.errors import (
    STORE_ERRORS,
    Side,
    StoreError,
    failure_of,
    is_transient,
    unavailable,
)
from augmentation_worker.storage.port import OnRetry

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ObjectStore

CONCURRENT_REQUESTS: Final = 16
"""Copies and deletions under way; a store that is asked for more slows down all of them."""
_PAGE: Final = 1000
_PART_BYTES: Final = 8 * 2**20
_MOST_PARTS: Final = 9_000
"""S3 takes 10,000."""
_CONCURRENT_PARTS: Final = 4
_LARGEST_COPY_BYTES: Final = 5 * 2**30
"""Of one request, https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html; the others copy any size."""
_CHUNK_BYTES: Final = 1 << 20
_FIRST_WAIT_SECONDS: Final = 0.5
_LONGEST_WAIT_SECONDS: Final = 10.0
_Result = TypeVar("_Result")
_Item = TypeVar("_Item")


class ObjectChanged(Exception):
    """An object is not as it was listed: replaced, cut short, or gone."""


@dataclass(frozen=True)
class StoredObject:
    """An object of a bucket.

    Attributes:
        key: its full name.
        size: bytes.
        tag: changes with its content: the ETag, without quotes (Azure lists it so).
    """

    key: str
    size: int
    tag: str


@dataclass(frozen=True)
class StoreClient:
    """One bucket. Every method may raise WorkerFailure.

    Attributes:
        access: which, and as whom.
        environment: of the pod.
        side: what the bucket is for, for messages.
        retry_seconds: how long a request is retried while the store fails in a transient way.
        on_retry: called before a retry.
        lacks: what the store turned out not to have: `checksums` of uploads, writes on `conditions`.
    """

    access: StoreAccess
    environment: Mapping[str, str] = field(repr=False)
    side: Side
    retry_seconds: float
    on_retry: OnRetry
    lacks: set[str] = field(default_factory=set, repr=False, compare=False)

    @cached_property
    def _store(self) -> "ObjectStore":
        return connect(self.access, self.environment, checksums="checksums" not in self.lacks)

    def list(self, folder: str) -> Iterator[StoredObject]:
        """The objects below a folder (empty: of the bucket), a page at a time, in the order of their keys."""
        last: str | None = None
        attempt, since = 0, time.monotonic()
        while True:
            pages = obstore.list(self._store, folder or None, offset=last, chunk_size=_PAGE)
            try:
                for page in pages:
                    attempt, since = 0, time.monotonic()
                    for meta in page:
                        yield StoredObject(meta["path"], meta["size"], tag_of(meta))
                        last = meta["path"]
                return
            except STORE_ERRORS as error:
                # It goes on after the last key that was listed.
                attempt += 1
                self._wait_or_fail(error, attempt, since, "the list of its files")

    def head(self, key: str) -> StoredObject | None:
        """An object; None if there is none."""
        try:
            meta = self._retried("a question for a file", lambda: obstore.head(self._store, key))
        except FileNotFoundError:
            return None
        except WorkerFailure as failure:
            if failure.reason.is_permanent:
                # An answer to HEAD has no words. A list is refused for the same reason, and its answer says which.
                self._retried("a question for a file", lambda: list(obstore.list(self._store, key)))
            raise
        return StoredObject(key, meta["size"], tag_of(meta))

    def read(self, key: str, most_bytes: int) -> bytes | None:
        """Content of a small object; None if there is none, or if it is larger."""
        found = self.head(key)
        if found is None or found.size > most_bytes:
            return None
        try:
            return self._retried("the content of a file", lambda: bytes(obstore.get(self._store, key).bytes()))
        except FileNotFoundError:
            return None

    def read_range(self, wanted: StoredObject, start: int, end: int) -> bytes:
        """Bytes of an object, from `start` up to `end`. Raises ObjectChanged."""
        content = self._of_version(
            wanted, lambda: self._retried("the content of a file", lambda: self._range(wanted, start, end))
        )
        if len(content) != end - start:
            raise ObjectChanged(wanted.key)
        return content

    def download(self, wanted: StoredObject, target: BinaryIO) -> None:
        """Append an object's content to a file. Raises ObjectChanged."""
        begin = target.tell()
        done, attempt, since = 0, 0, time.monotonic()
        while done < wanted.size:
            before = done
            try:
                # Resumed where a connection broke off.
                answer = self._of_version(wanted, partial(self._get, wanted, done, wanted.size))
                for chunk in answer.stream(min_chunk_size=_CHUNK_BYTES):
                    target.write(chunk)
                    done += len(chunk)
                if done != wanted.size and done == before:
                    raise ObjectChanged(wanted.key)
            except STORE_ERRORS as error:
                target.seek(begin + done)
                attempt, since = (1, time.monotonic()) if done > before else (attempt + 1, since)
                self._wait_or_fail(error, attempt, since, "the content of a file")

    def put_file(self, key: str, local: Path) -> None:
        """Upload a local file, in parts if it is large. A file that arrives is whole: it is checked by its SHA-256."""
        size = local.stat().st_size
        part = max(_PART_BYTES, -(-size // _MOST_PARTS))
        self._retried(
            "the upload of a file",
            lambda: obstore.put(self._store, key, local, chunk_size=part, max_concurrency=_CONCURRENT_PARTS),
        )

    def put(self, key: str, content: bytes) -> None:
        """Write a small object, whatever is there."""
        self._retried("the upload of a file", lambda: obstore.put(self._store, key, content, use_multipart=False))

    def create(self, key: str, content: bytes) -> bool:
        """Write a small object if there is none; says whether it was. An answer may be lost: then it says no."""
        if "conditions" not in self.lacks:
            try:
                self._retried("the upload of a file", lambda: obstore.put(self._store, key, content, mode="create"))
            except (AlreadyExistsError, PreconditionError):
                return False
            except (WorkerFailure, NotSupportedError) as error:
                if not StoreError.of(error.__cause__ or error).is_not_implemented:
                    raise
                self.lacks.add("conditions")
            else:
                return True
        if self.head(key) is not None:
            return False
        self.put(key, content)
        return True

    def copy(self, key: str, target: str, size: int = 0) -> None:
        """Copy an object of `size` bytes within the bucket: no byte passes through here, but for more than S3 copies.

        Raises FileNotFoundError.
        """
        if size <= _LARGEST_COPY_BYTES or self.access.kind != "s3":
            self._retried("the copy of a file", lambda: obstore.copy(self._store, key, target))
            return

        def stream() -> None:
            part = max(_PART_BYTES, -(-size // _MOST_PARTS))
            writer = obstore.open_writer(self._store, target, buffer_size=part, max_concurrency=_CONCURRENT_PARTS)
            for chunk in obstore.get(self._store, key).stream(min_chunk_size=_PART_BYTES):
                writer.write(bytes(chunk))
            writer.close()  # what broke off before is never closed, and so never seen

        self._retried("the copy of a file", stream)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; what is not there is no error."""
        for start in range(0, len(keys), _PAGE):
            part = list(keys[start : start + _PAGE])
            try:
                self._retried("the deletion of files", partial(obstore.delete, self._store, part))
            except FileNotFoundError:
                self.for_each(part, self._delete_one)

    def for_each(self, items: Iterable[_Item], action: Callable[[_Item], object]) -> None:
        """Do something for each of many, several at a time. The first error ends it."""
        with ThreadPoolExecutor(CONCURRENT_REQUESTS, thread_name_prefix="store") as threads:
            results = [threads.submit(action, item) for item in items]
            try:
                for result in results:
                    result.result()
            except BaseException:
                threads.shutdown(wait=True, cancel_futures=True)
                raise

    def _delete_one(self, key: str) -> None:
        try:
            self._retried("the deletion of a file", lambda: obstore.delete(self._store, [key]))
        except FileNotFoundError:
            return

    def _range(self, wanted: StoredObject, start: int, end: int) -> bytes:
        return bytes(self._get(wanted, start, end).bytes())

    def _get(self, wanted: StoredObject, start: int, end: int) -> "GetResult":
        """The answer for a range of an object as it was listed. Not every store obeys If-Match.

        Some send readers on to a cache that has ETags of its own (Hugging Face's buckets): then the store is asked
        whether the object is still that of the list.
        """
        any_version: GetOptions = {"range": (start, end)}
        this_version: GetOptions = {**any_version, "if_match": f'"{wanted.tag}"'}
        try:
            answer = obstore.get(self._store, wanted.key, options=this_version)
        except PreconditionError:
            if self.head(wanted.key) != wanted:
                raise
            answer = obstore.get(self._store, wanted.key, options=any_version)
        meta = answer.meta
        if meta["size"] != wanted.size or (tag_of(meta) != wanted.tag and self.head(wanted.key) != wanted):
            raise ObjectChanged(wanted.key)
        return answer

    def _of_version(self, wanted: StoredObject, request: Callable[[], _Result]) -> _Result:
        try:
            return request()
        except (FileNotFoundError, PreconditionError) as error:
            if StoreError.of(error).is_without_bucket:
                raise failure_of(error, self.access, self.side, "the content of a file") from error
            raise ObjectChanged(wanted.key) from error

    def _retried(self, what: str, request: Callable[[], _Result]) -> _Result:
        since = time.monotonic()
        for attempt in count(1):
            try:
                return request()
            except STORE_ERRORS as error:
                if not self._goes_on_without_checksums(error):
                    self._wait_or_fail(error, attempt, since, what)
        raise AssertionError("counting does not end")

    def _goes_on_without_checksums(self, error: Exception) -> bool:
        """Whether the store refused their header, as Backblaze's does: it is not sent from now on."""
        if self.access.kind != "s3" or "checksums" in self.lacks or "x-amz-checksum" not in str(error).lower():
            return False
        self.lacks.add("checksums")
        self.__dict__.pop("_store", None)  # the next request connects again
        return True

    def _wait_or_fail(self, error: Exception, attempt: int, since: float, what: str) -> None:
        """Wait before a retry. Raises what the caller has to know of, or WorkerFailure."""
        if isinstance(error, (AlreadyExistsError, PreconditionError)):
            raise error
        if isinstance(error, FileNotFoundError) and not StoreError.of(error).is_without_bucket:
            raise error
        problem = is_transient(error)
        if problem is None:
            raise failure_of(error, self.access, self.side, what) from error
        # With jitter, so that many shards do not come back together.
        wait = min(_FIRST_WAIT_SECONDS * 2 ** min(attempt - 1, 10), _LONGEST_WAIT_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
        if time.monotonic() + wait - since > self.retry_seconds:
            raise unavailable(self.access, f"{problem}; {what} was tried {counted(attempt, 'time')}") from error
        self.on_retry(attempt, f"{self.access.url}: {what}: {problem}")
        time.sleep(wait)


def tag_of(meta: Any) -> str:
    """What changes with an object's content, from obstore's description of it."""
    return str(meta["e_tag"] or meta["version"] or meta["last_modified"].isoformat()).strip('"')
