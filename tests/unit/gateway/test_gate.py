"""The fair queue in front of the routes."""

import asyncio

from augmentation_gateway.limits.gate import Gate


async def begun_in_order(gate: Gate, keys: list[str]) -> list[str]:
    order: list[str] = []

    async def request(key: str) -> None:
        await gate.enter(key)
        order.append(key)

    await asyncio.gather(*(request(key) for key in keys))
    return order


async def test_key_with_many_requests_delays_only_itself() -> None:
    order = await begun_in_order(Gate(2), ["greedy"] * 100 + ["modest"])
    assert order.index("modest") <= 3
    assert len(order) == 101


async def test_request_without_queue_starts_at_once() -> None:
    gate = Gate(2)
    for _ in range(5):
        await asyncio.wait_for(gate.enter("a"), 1)
        await asyncio.sleep(0.001)


async def test_event_loop_runs_between_rounds() -> None:
    gate, rounds = Gate(4), 0

    async def network() -> None:
        nonlocal rounds
        while True:
            await asyncio.sleep(0)
            rounds += 1

    background = asyncio.create_task(network())
    await begun_in_order(gate, [f"key-{number}" for number in range(400)])
    background.cancel()
    assert rounds >= 90


async def test_cancelled_request_takes_no_turn() -> None:
    gate = Gate(1)
    given_up = [asyncio.create_task(gate.enter("a")) for _ in range(10)]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    assert await asyncio.wait_for(begun_in_order(gate, ["b", "c"]), 1) == ["b", "c"]
    await asyncio.sleep(0.01)
    assert not gate._is_scheduled
