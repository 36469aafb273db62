"""A job's life as server-sent events (the WHATWG HTML standard, section 9.2).

Level, not edge: a stream wakes when its job has changed, looks at it as it is now, and sends what the client has not
seen. A client that reconnects, to whichever replica, goes on where it was by the Last-Event-ID that its library sends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from fastapi.responses import StreamingResponse

from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.access import find_job
from augmentation_gateway.jobs.events import Bookmark, JobEvent, events_of
from augmentation_gateway.problem import Problem

RECONNECT_MILLISECONDS = 2000
"""How long clients wait before they come again, after the stream of a gateway that goes away."""


class EventStream(StreamingResponse):
    """An answer that is sent as it comes."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncGenerator[bytes, None], status_code: int = 200) -> None:
        # The last one is for nginx, which would otherwise keep events until it has some kilobytes of them.
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
    """The stream of one job: `phase` events as they come, `status` first and when it has changed, then the end.

    Ends when the job has ended or was removed, when the gateway shuts down, or when the key is no more in force.

    Args:
        gateway: where.
        key: who listens; may see the job.
        uid: of the job.
        bookmark: what the client has seen.
        status_data: a job as one line of JSON, the same bytes for the same version.
        event_data: an event as one line of JSON.
    """
    jobs = gateway.view.jobs_in(key.namespace)
    assert jobs is not None  # noqa: S101 - find_job found it there
    woken = asyncio.Event()
    shown: bytes | None = None
    yield b"retry: %d\n\n" % RECONNECT_MILLISECONDS
    with jobs.listening(uid, woken.set), gateway.streams.open(woken.set):
        while True:
            woken.clear()
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
            if (status := status_data(record)) != shown:
                shown = status
                messages.append(_message("status", status, Bookmark(bookmark.seen, ended=record.has_ended)))
            if messages:
                # At once: each piece that is sent goes through the whole application.
                yield b"".join(messages)
            if record.has_ended or gateway.streams.draining:
                return
            try:
                async with asyncio.timeout(gateway.streams.heartbeat_seconds):
                    await woken.wait()
            except TimeoutError:
                yield b": still here\n\n"


def has_seen_the_end(record: JobRecord, bookmark: Bookmark) -> bool:
    """Whether nothing is left to tell: the answer is then 204, which makes an EventSource stop coming again."""
    return record.has_ended and bookmark.ended and not any(bookmark.unseen(events_of(record)))


def _message(kind: str, data: bytes, bookmark: Bookmark) -> bytes:
    return b"event: %s\nid: %s\ndata: %s\n\n" % (kind.encode(), str(bookmark).encode(), data)
