"""The asynchronous client. The blocking one, client.py, is generated from it by generate_client.py."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Self
from uuid import UUID

import httpx
from tenacity import AsyncRetrying

from augmentation_client import calls
from augmentation_client.calls import Answer, Call
from augmentation_client.connection_failure import describe, is_transient, no_answer
from augmentation_client.errors import ApiError, GatewayUnavailable, NotFound, error_of
from augmentation_client.event_source import SILENCE_SECONDS, EventReader
from augmentation_client.models import (
    Cancelled,
    Changed,
    Estimate,
    Event,
    JobStatus,
    JobSummary,
    Outputs,
    Retried,
    Submitted,
)
from augmentation_client.progress import watcher


class AsyncClient:
    """A client of the gateway. Every method raises ApiError.

    Args:
        url: base URL of the gateway. Default: $AUGMENTATION_URL.
        key: API key. Default: $AUGMENTATION_KEY.
        timeout: time limit of one request, seconds.
        tries: maximum number of tries of a request that fails for a reason that may pass; 1: no retries.
        transport: replaces the HTTP transport, in tests.
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        tries: int = calls.TRIES,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        base_url, headers = calls.connection(url, key)
        limits = httpx.Timeout(timeout, connect=min(timeout, calls.CONNECT_SECONDS))
        self._http = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=limits, transport=transport)
        self._tries = tries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def submit(self, *, idempotency_key: str | None = None, **fields: Any) -> Submitted:
        """Submit a job.

        Args:
            idempotency_key: repeating a request with the same key gives the same job, also from another process.
            fields: request fields, e.g. project_id and dataset_id; `/docs` of the gateway lists them.
        """
        return await self._call(calls.submit(fields, idempotency_key))

    async def preview(
        self, *, episode: int | None = None, frame: int | None = None, timeout: float | None = 300.0, **fields: Any
    ) -> bytes:
        """Draw what a job would do, before it is submitted: a PNG or a JPEG. Raises TimeoutError.

        Args:
            episode: index of the episode to show. Default: the first that the job selects.
            frame: index of the frame in the episode. Default: the middle one.
            timeout: maximum time to wait, seconds.
            fields: as of `submit`.
        """
        requested = await self._call(calls.preview(fields, episode, frame))
        done = await self.wait(requested.job_id, timeout=timeout)
        if done.status != "completed":
            raise ApiError(0, done.error or f"the preview is {done.status}")
        response = await self._send(calls.picture(requested.job_id))
        if response.is_error:
            raise error_of(response)
        return response.content

    async def estimate(
        self, *, read: bool = True, timeout: float | None = 300.0, facts: Mapping[str, Any] | None = None, **fields: Any
    ) -> Estimate:
        """Estimate what a job would take, before it is submitted. Raises TimeoutError.

        Args:
            read: have a preview read the dataset if no job has; otherwise that is an ApiError.
            timeout: maximum time to wait for it, seconds.
            facts: what the dataset is, instead of reading it: source_frames, source_episodes, source_cameras,
                source_height, source_width (pixels), source_codec, source_bytes_per_frame.
            fields: as of `submit`.
        """
        call = calls.estimate(fields, facts or {})
        tried = await self._call(call)
        if read and calls.wants_reading(tried):
            await self.preview(timeout=timeout, **fields)
            tried = await self._call(call)
        if tried.estimate is None:
            raise ApiError(0, tried.estimate_missing or "the gateway gives no estimates: it is of an earlier release")
        return tried.estimate

    async def get(self, job_id: UUID | str) -> JobStatus:
        """Get a job in detail."""
        return await self._call(calls.get(job_id))

    async def list(self, **filters: Any) -> AsyncIterator[JobSummary]:
        """List jobs, newest first, fetched page by page.

        Args:
            filters: project_id, status, dataset_id, name, sort; limit is the page size.
        """
        cursor = None
        while True:
            page = await self._call(calls.page(filters, cursor))
            for job in page.jobs:
                yield job
            cursor = page.next_cursor
            if cursor is None:
                return

    async def cancel(self, job_id: UUID | str) -> Cancelled:
        """Cancel a job. Idempotent."""
        return await self._call(calls.cancel(job_id))

    async def change(self, job_id: UUID | str, *, parallelism: int | None) -> Changed:
        """Change how many shards of a job run concurrently, while it waits or runs. None: all."""
        return await self._call(calls.change(job_id, parallelism))

    async def retry(self, job_id: UUID | str, *, on_bad_episode: str | None = None) -> Retried:
        """Restart a failed or cancelled job. `on_bad_episode="skip"` leaves out what cannot be used."""
        return await self._call(calls.retry(job_id, on_bad_episode))

    async def delete(self, job_id: UUID | str) -> None:
        """Delete a finished job; its dataset stays."""
        response = await self._send(calls.delete(job_id))
        if response.is_error:
            raise error_of(response)

    async def outputs(self, job_id: UUID | str) -> Outputs:
        """Get the published files of a job, with links."""
        return await self._call(calls.outputs(job_id))

    def events(self, job_id: UUID | str, *, last_id: str | None = None) -> AsyncIterator[Event]:
        """Stream the events of a job, each once, until it is finished. Reconnects after a broken connection.

        Args:
            job_id: id of the job.
            last_id: id of the last event received, to resume after it.
        """
        return self._stream(job_id, last_id, deadline=math.inf)

    async def _stream(self, job_id: UUID | str, last_id: str | None, deadline: float) -> AsyncGenerator[Event]:
        """Stream the events of a job. Raises TimeoutError after the deadline, seconds of time.monotonic()."""
        reader, failures = EventReader(last_id), 0
        while True:
            left = deadline - time.monotonic()
            timeout = httpx.Timeout(self._http.timeout.connect, read=max(0.1, min(SILENCE_SECONDS, left)))
            try:
                async with self._http.stream(
                    "GET", f"{calls.path_of(job_id)}/events", headers=reader.headers, timeout=timeout
                ) as response:
                    if response.is_error:
                        await response.aread()
                        raise error_of(response)
                    if response.status_code == 204:
                        return
                    async for line in response.aiter_lines():
                        if (event := reader.take(line)) is not None:
                            failures = 0
                            yield event
                            if event.is_last:
                                return
                        if time.monotonic() > deadline:
                            raise TimeoutError
            except (httpx.RequestError, GatewayUnavailable) as error:
                if time.monotonic() > deadline:
                    raise TimeoutError from error
                failures += 1
                if failures >= self._tries or (isinstance(error, httpx.RequestError) and not is_transient(error)):
                    raise GatewayUnavailable(0, f"the stream of job {job_id} broke off: {describe(error)}") from error
                asked = error.retry_after if isinstance(error, GatewayUnavailable) else None
                wait = min(asked if asked is not None else calls.backoff(failures), calls.LONGEST_WAIT_SECONDS)
            else:
                wait = calls.RECONNECT_SECONDS
            # Not beyond the deadline, at which the caller is told.
            await asyncio.sleep(max(0.0, min(wait, deadline - time.monotonic())))

    async def wait(
        self,
        job_id: UUID | str,
        *,
        progress: bool | Callable[[JobSummary], None] = False,
        timeout: float | None = None,
    ) -> JobStatus:
        """Wait until a job is finished. Raises TimeoutError, and NotFound if the job is deleted.

        Args:
            job_id: id of the job.
            progress: True shows a progress bar on stderr; a function is called with the job whenever it changes.
            timeout: maximum time to wait, seconds.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        try:
            with watcher(progress) as show:
                async with contextlib.aclosing(self._stream(job_id, None, deadline)) as events:
                    async for event in events:
                        if event.kind == "removed":
                            raise NotFound(404, f"job {job_id} was deleted")
                        if event.job is not None:
                            show(event.job)
        except TimeoutError:
            raise TimeoutError(f"job {job_id} did not finish within {timeout:g} s") from None
        return await self.get(job_id)

    async def _call(self, call: Call[Answer]) -> Answer:
        return call.read(await self._send(call))

    async def _send(self, call: Call[Any]) -> httpx.Response:
        """Send a request, with retries by its policy. Raises GatewayUnavailable if there was no answer."""
        try:
            response: httpx.Response = await AsyncRetrying(**call.retry_policy(self._tries))(self._send_once, call)
        except httpx.RequestError as error:
            raise GatewayUnavailable(0, no_answer(self._http.base_url, error)) from error
        return response

    async def _send_once(self, call: Call[Any]) -> httpx.Response:
        return await self._http.request(
            call.method, call.path, params=dict(call.params), json=call.body, headers=dict(call.headers)
        )
