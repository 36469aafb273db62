"""The event stream of a job: its content, resumption and end."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.keys import KeyRing
from augmentation_gateway.dialects.native.summary import encode_event, encode_summary
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.event_stream import job_stream
from augmentation_gateway.jobs.events import Bookmark, events_of
from tests.unit.gateway.conftest import PATH, put
from tests.unit.gateway.job_objects import JOB_ID, event, job_object


@dataclass(frozen=True)
class Message:
    kind: str
    id: str
    data: dict[str, Any]


def parse(text: str) -> list[Message]:
    """Messages of a stream without comments."""
    blocks = [
        dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        for block in text.split("\n\n")
    ]
    return [Message(block["event"], block["id"], json.loads(block["data"])) for block in blocks if "data" in block]


def status_with(*events: tuple[str, str], state: str = "running", **fields: Any) -> dict[str, Any]:
    """A status with events of the augment phase: (id, time)."""
    written = [{"id": name, "status": "progress", "timestamp": f"2026-11-20T{at}Z"} for name, at in events]
    return {"state": state, "phases": [{"name": "augment", "events": written}], **fields}


def record(*events: tuple[str, str]) -> JobRecord:
    return JobRecord.read(job_object(status=status_with(*events)))


def test_unseen_events_are_sent_in_chronological_order() -> None:
    events = events_of(record(("b", "10:00:02"), ("a", "10:00:03"), ("c", "10:00:01")))
    assert [reported.event.id for reported, _ in Bookmark().unseen(events)] == ["c", "b", "a"]


def test_bookmark_resumes_stream_on_any_replica() -> None:
    events = events_of(record(("a", "10:00:01"), ("b", "10:00:02"), ("c", "10:00:03")))
    for place, (_, bookmark) in enumerate(list(Bookmark().unseen(events)), start=1):
        resumed = Bookmark.read(str(bookmark))
        assert [reported.event.id for reported, _ in resumed.unseen(events)] == ["a", "b", "c"][place:]


def test_late_event_is_not_lost() -> None:
    before = events_of(record(("a", "10:00:01"), ("c", "10:00:03")))
    *_, (_, bookmark) = Bookmark().unseen(before)
    after = events_of(record(("a", "10:00:01"), ("b", "10:00:02"), ("c", "10:00:03")))
    assert [reported.event.id for reported, _ in bookmark.unseen(after)] == ["b"]


def test_bookmark_forgets_events_dropped_from_status() -> None:
    *_, (_, bookmark) = Bookmark().unseen(events_of(record(*((f"e{n}", "10:00:01") for n in range(50)))))
    *_, (_, bookmark) = bookmark.unseen(events_of(record(("new", "10:00:02"))))
    assert len(bookmark.seen) == 1


@pytest.mark.parametrize("text", [None, "", "not base64!", "abc", "42", ".", "é.end"])
def test_invalid_bookmark_starts_from_first_event(text: str | None) -> None:
    events = events_of(record(("a", "10:00:01")))
    assert [reported.event.id for reported, _ in Bookmark.read(text).unseen(events)] == ["a"]


async def test_stream_of_finished_job_sends_all_events_and_ends(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status=status_with(("a", "10:00:01"), ("b", "10:00:02"), state="completed")))
    answer = await http.get(f"{PATH}/events")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    messages = parse(answer.text)
    assert [message.kind for message in messages] == ["phase", "phase", "status"]
    assert messages[0].data == {
        "id": "a",
        "phase": "augment",
        "status": "progress",
        "message": None,
        "error": None,
        "timestamp": "2026-11-20T10:00:01Z",
        "retry_attempt": 0,
        "data": None,
    }
    assert messages[-1].data["status"] == "completed"


async def test_stream_resumes_after_last_event_id(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status=status_with(("a", "10:00:01"), ("b", "10:00:02"), state="completed")))
    first, second, last = parse((await http.get(f"{PATH}/events")).text)
    resumed = parse((await http.get(f"{PATH}/events", headers={"last-event-id": first.id})).text)
    assert [message.id for message in resumed] == [second.id, last.id]


async def test_stream_resumed_after_end_is_204(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status=status_with(("a", "10:00:01"), state="failed", observedGeneration=1)))
    *_, last = parse((await http.get(f"{PATH}/events")).text)
    headers = {"last-event-id": last.id}
    assert (await http.get(f"{PATH}/events", headers=headers)).status_code == 204
    # Unless the job is retried.
    put(view, job_object(version=301, status={"state": "cancelled", "observedGeneration": 1}, spec={"attempt": 1}))
    put(view, job_object(version=302, status=status_with(("a", "10:00:01"), ("b", "10:00:02"), state="completed")))
    resumed = parse((await http.get(f"{PATH}/events", headers=headers)).text)
    assert [message.data.get("id", message.data.get("status")) for message in resumed] == ["b", "completed"]


class Listener:
    """Reads a stream message by message."""

    def __init__(self, gateway: Gateway, bookmark: Bookmark | None = None) -> None:
        key = gateway.keys.ring.find(b"full")
        assert key is not None
        self._come: list[Message] = []
        self._stream: AsyncGenerator[bytes, None] = job_stream(
            gateway,
            key,
            JOB_ID,
            bookmark or Bookmark(),
            status_data=encode_summary,
            event_data=encode_event,
        )

    async def next(self) -> Message | None:
        """The next message; None at the end."""
        while not self._come:
            try:
                self._come += parse((await anext(self._stream)).decode())
            except StopAsyncIteration:
                return None
        return self._come.pop(0)

    async def next_chunk(self) -> bytes:
        return await anext(self._stream)

    async def leave(self) -> None:
        await self._stream.aclose()


async def test_changes_are_sent_once_while_stream_is_open(gateway: Gateway, view: ClusterView) -> None:
    listener = Listener(gateway)
    first = await listener.next()
    assert first is not None
    assert (first.kind, first.data["status"]) == ("status", "running")
    for number in range(1, 4):
        events = [(f"e{index}", f"10:00:0{index}") for index in range(number)]
        put(view, job_object(version=300 + number, status=status_with(*events)))
        message = await listener.next()
        assert message is not None
        assert (message.kind, message.data["id"]) == ("phase", f"e{number - 1}")
    put(view, job_object(version=310, status=status_with(("e2", "10:00:02"), state="completed")))
    message = await listener.next()
    assert message is not None
    assert message.data["status"] == "completed"
    assert await listener.next() is None


async def test_changes_between_two_reads_are_all_sent(gateway: Gateway, view: ClusterView) -> None:
    listener = Listener(gateway)
    await listener.next()
    # Many versions while nobody reads: the last one contains all events.
    for number in range(1, 30):
        events = [(f"e{index:02}", f"10:00:{index:02}") for index in range(number)]
        put(view, job_object(version=300 + number, status=status_with(*events)))
    ids = [message.data["id"] for _ in range(29) if (message := await listener.next()) is not None]
    assert ids == [f"e{index:02}" for index in range(29)]
    await listener.leave()


async def test_silent_stream_sends_keep_alive(gateway: Gateway) -> None:
    listener = Listener(gateway)
    await listener.next()
    assert (await listener.next_chunk()).startswith(b":")
    await listener.leave()


async def test_removed_job_ends_its_stream(gateway: Gateway, view: ClusterView) -> None:
    listener = Listener(gateway)
    await listener.next()
    jobs = view.jobs_in("robots")
    assert jobs is not None
    jobs.apply(event("DELETED", job_object(version=400)))
    message = await listener.next()
    assert message is not None
    assert message.kind == "removed"
    assert await listener.next() is None


async def test_shutdown_ends_and_forgets_every_stream(gateway: Gateway) -> None:
    listeners = [Listener(gateway) for _ in range(10)]
    for listener in listeners:
        await listener.next()
    assert len(gateway.streams) == 10
    waiting = [asyncio.create_task(listener.next()) for listener in listeners]
    await asyncio.sleep(0)
    gateway.streams.drain()
    assert await asyncio.gather(*waiting) == [None] * 10
    assert len(gateway.streams) == 0


async def test_revoked_key_ends_its_stream(gateway: Gateway) -> None:
    listener = Listener(gateway)
    await listener.next()
    gateway.keys.ring = KeyRing()
    assert await listener.next() is None


async def test_revoked_key_ends_its_stream_of_busy_job(gateway: Gateway, view: ClusterView) -> None:
    listener = Listener(gateway)
    await listener.next()
    gateway.keys.ring = KeyRing()
    # The job changes before the keep-alive is due, as a busy job always does.
    put(view, job_object(version=300, status=status_with(("a", "10:00:01"))))
    assert await listener.next() is None


async def test_disconnected_client_is_forgotten(gateway: Gateway, view: ClusterView) -> None:
    listener = Listener(gateway)
    await listener.next()
    await listener.leave()
    assert len(gateway.streams) == 0
    put(view, job_object(version=400, status={"state": "completed"}))
