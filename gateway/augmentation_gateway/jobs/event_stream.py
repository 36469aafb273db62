"""The events and states of a job as server-sent events (the WHATWG HTML standard, section 9.2).

Level-triggered: a stream wakes when its job has changed, reads it as it is now, and sends what the client has not seen.
A client that reconnects, to any replica, resumes by the Last-Event-ID that its library sends.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable

from fastapi.responses import StreamingResponse

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.job_access import find_job
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.events import Bookmark, JobEvent, events_of
from augmentation_gateway.problem import Problem

RECONNECT_MILLISECONDS = 2000
"""How long clients wait before they reconnect, when a gateway shuts down."""


class EventStream(StreamingResponse):
    """A response of server-sent events."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncGenerator[bytes, None], status_code: int = 200) -> None:
        # The last one is for nginx, which would otherwise buffer some kilobytes of events.
        super().__init__(content, status_code, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def job_stream(
    gateway: Gateway,
    key: ApiKey,
    uid: str,
    bookmark: Bookmark,
    *,
    status_data: Callable[[JobRecord], bytes],
    event_data: Callable[[JobEvent], bytes],
) -> AsyncGenerator[bytes, None]:
    """The stream of one job: `phase` events as they come, `status` at first and when it has changed, then the end.

    Ends when the job is finished or removed, when the gateway shuts down, or when the key is no longer in force.

    Args:
        gateway: where.
        key: the client's, which may see the job.
        uid: of the job.
        bookmark: what the client has seen.
        status_data: a job as one line of JSON, the same bytes for the same version.
        event_data: an event as one line of JSON.
    """
    jobs = gateway.view.jobs_in(key.namespace)
    assert jobs is not None  # noqa: S101 - find_job found it there
    wake = asyncio.Event()
    last_status: bytes | None = None
    yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS
    with jobs.listening(uid, wake.set), gateway.streams.open(wake.set):
        while True:
            wake.clear()
            if not gateway.holds(key):
                return
            try:
                record = find_job(key, uid, gateway.view)
            except Problem:
                yield _message("removed", b"{}", Bookmark(bookmark.seen, ended=True))
                return
            messages: list[bytes] = []
            for event, then in bookmark.unseen(events_of(record)):
                messages.append(_message("phase", event_data(event), then))
                bookmark = then
            if (status := status_data(record)) != last_status:
                last_status = status
                messages.append(_message("status", status, Bookmark(bookmark.seen, ended=record.has_ended)))
            if messages:
                # In one piece: each one goes through the whole application.
                yield b"".join(messages)
            if record.has_ended or gateway.streams.draining:
                return
            try:
                async with asyncio.timeout(gateway.streams.heartbeat_seconds):
                    await wake.wait()
            except TimeoutError:
                yield b": still here\n\n"


def has_seen_the_end(record: JobRecord, bookmark: Bookmark) -> bool:
    """Whether nothing is left to send: the response is then 204, which makes an EventSource stop reconnecting."""
    return record.has_ended and bookmark.ended and not any(bookmark.unseen(events_of(record)))


def _message(kind: str, data: bytes, bookmark: Bookmark) -> bytes:
    return b"event: %s\nid: %s\ndata: %s\n\n" % (kind.encode(), str(bookmark).encode(), data)
