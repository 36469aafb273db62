"""The work queue: deduplication, delays, backoff and the order of keys."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import pairwise

import pytest

from augmentation_operator.controller import work_queue
from augmentation_operator.controller.work_queue import WorkQueue
from augmentation_operator.scale import MAX_CONSECUTIVE_HIGH_PRIORITY

Handler = Callable[[str], Awaitable[timedelta | None]]


@asynccontextmanager
async def working(queue: WorkQueue, handle: Handler, workers: int = 1) -> AsyncIterator[list[str]]:
    """Workers on the queue; yields the list of keys whose handling failed."""
    failed: list[str] = []
    tasks = [asyncio.create_task(queue.work(handle, failed.append)) for _ in range(workers)]
    try:
        yield failed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is on plain data
            await asyncio.sleep(0.001)


async def idle() -> None:
    """Wait long enough for anything that is going to happen at once."""
    await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def _quick_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_queue, "FIRST_BACKOFF_SECONDS", 0.02)
    monkeypatch.setattr(work_queue, "LONGEST_BACKOFF_SECONDS", 0.1)


async def test_added_key_is_handled() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        handled.append(key)

    async with working(queue, handle):
        queue.add("a")
        queue.add("b")
        await until(lambda: handled == ["a", "b"])


async def test_key_that_already_waits_is_handled_once() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        handled.append(key)

    for _ in range(5):
        queue.add("a")
    async with working(queue, handle):
        await idle()
    assert handled == ["a"]


async def test_key_added_while_it_is_handled_is_handled_again() -> None:
    queue, handled, go_on = WorkQueue(), [], asyncio.Event()

    async def handle(key: str) -> None:
        handled.append(key)
        await go_on.wait()

    async with working(queue, handle, workers=3):
        queue.add("a")
        await until(lambda: handled == ["a"])
        for _ in range(5):
            queue.add("a")
        await idle()
        assert handled == ["a"]
        go_on.set()
        await until(lambda: handled == ["a", "a"])
        await idle()
    assert handled == ["a", "a"]


async def test_key_is_never_handled_by_two_workers_at_the_same_time() -> None:
    queue, concurrent, most, handled = WorkQueue(), 0, 0, 0

    async def handle(key: str) -> None:
        nonlocal concurrent, most, handled
        concurrent += 1
        most = max(most, concurrent)
        await asyncio.sleep(0.001)
        concurrent -= 1
        handled += 1

    async with working(queue, handle, workers=4):
        for _ in range(40):
            queue.add("a")
            await asyncio.sleep(0.0005)
        await idle()
    assert handled > 1
    assert most == 1


async def test_different_keys_are_handled_concurrently() -> None:
    queue, begun, go_on = WorkQueue(), set(), asyncio.Event()

    async def handle(key: str) -> None:
        begun.add(key)
        await go_on.wait()

    async with working(queue, handle, workers=2):
        queue.add("a")
        queue.add("b")
        await until(lambda: begun == {"a", "b"})


async def test_low_priority_keys_are_handled_after_the_others() -> None:
    queue, handled = WorkQueue(can_wait=str.isupper), []

    async def handle(key: str) -> None:
        handled.append(key)

    for key in "AbCd":
        queue.add(key)
    assert queue.depth == 4
    async with working(queue, handle):
        await until(lambda: len(handled) == 4)
        queue.add("E")
        await until(lambda: len(handled) == 5)
    assert handled == ["b", "d", "A", "C", "E"]


async def test_low_priority_keys_do_not_starve() -> None:
    queue, handled = WorkQueue(can_wait=str.isupper), []

    async def handle(key: str) -> timedelta:
        handled.append(key)
        return timedelta(0)

    async with working(queue, handle):
        for key in "abcXYZ":
            queue.add(key)
        await until(lambda: len(handled) > 20 * MAX_CONSECUTIVE_HIGH_PRIORITY)
    turns = [place for place, key in enumerate(handled) if key.isupper()]
    assert {handled[place] for place in turns} == {"X", "Y", "Z"}
    assert all(later - earlier <= MAX_CONSECUTIVE_HIGH_PRIORITY + 1 for earlier, later in pairwise(turns))


async def test_key_is_requeued_after_the_delay_its_handler_returns() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> timedelta | None:
        handled.append(key)
        return timedelta(seconds=0.02) if len(handled) < 3 else None

    async with working(queue, handle):
        queue.add("a")
        await until(lambda: len(handled) == 3)
        await idle()
    assert len(handled) == 3


async def test_delayed_key_is_handled_after_its_delay() -> None:
    queue, handled, loop = WorkQueue(), [], asyncio.get_running_loop()

    async def handle(key: str) -> None:
        handled.append(loop.time())

    async with working(queue, handle):
        began = loop.time()
        queue.add_after("a", timedelta(seconds=0.05))
        await until(lambda: bool(handled))
    assert handled[0] - began >= 0.049


async def test_sooner_of_two_delays_counts() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        handled.append(key)

    async with working(queue, handle):
        queue.add_after("a", timedelta(seconds=0.02))
        queue.add_after("a", timedelta(seconds=3600))
        queue.add_after("b", timedelta(seconds=3600))
        queue.add_after("b", timedelta(seconds=0.02))
        await until(lambda: sorted(handled) == ["a", "b"])


async def test_adding_a_key_cancels_its_delay() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        handled.append(key)

    async with working(queue, handle):
        queue.add_after("a", timedelta(seconds=0.03))
        queue.add("a")
        await asyncio.sleep(0.08)
    assert handled == ["a"]


async def test_failed_key_is_requeued() -> None:
    queue, tries = WorkQueue(), 0

    async def handle(key: str) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("not yet")

    async with working(queue, handle) as failed:
        queue.add("a")
        await until(lambda: tries == 3)
        await idle()
    assert tries == 3
    assert failed == ["a", "a"]


async def test_backoff_grows_with_each_failure_up_to_a_limit() -> None:
    queue, times, loop = WorkQueue(), [], asyncio.get_running_loop()

    async def handle(key: str) -> None:
        times.append(loop.time())
        raise RuntimeError("never")

    async with working(queue, handle):
        queue.add("a")
        await until(lambda: len(times) == 6)
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert pauses[0] >= 0.019
    assert pauses[1] >= 0.039
    assert pauses[2] >= 0.079
    assert all(0.099 <= pause < 0.5 for pause in pauses[3:])


async def test_success_resets_the_backoff() -> None:
    queue, times, loop = WorkQueue(), [], asyncio.get_running_loop()

    async def handle(key: str) -> None:
        times.append(loop.time())
        if len(times) != 4:
            raise RuntimeError("now and then")

    async with working(queue, handle):
        queue.add("a")
        await until(lambda: len(times) == 4)
        queue.add("a")
        await until(lambda: len(times) == 6)
    assert times[5] - times[4] < times[3] - times[2]


async def test_failing_key_does_not_delay_another() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        if key == "bad":
            raise RuntimeError("never")
        handled.append(key)

    async with working(queue, handle):
        queue.add("bad")
        queue.add("good")
        await until(lambda: handled == ["good"])


async def test_forgotten_key_is_not_requeued() -> None:
    queue, handled = WorkQueue(), []

    async def handle(key: str) -> None:
        handled.append(key)

    async with working(queue, handle):
        queue.add_after("a", timedelta(seconds=0.02))
        queue.forget("a")
        await idle()
    assert handled == []


async def test_key_of_a_cancelled_worker_can_be_handled_again() -> None:
    queue, begun, handled = WorkQueue(), asyncio.Event(), []

    async def hang(key: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def handle(key: str) -> None:
        handled.append(key)

    async with working(queue, hang):
        queue.add("a")
        await begun.wait()
    async with working(queue, handle):
        queue.add("a")
        await until(lambda: handled == ["a"])
