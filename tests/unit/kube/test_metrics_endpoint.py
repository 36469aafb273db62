"""The metrics port, which requires no key, under malformed and idle connections."""

import asyncio
import logging

import pytest

from augmentation_kube.metrics_endpoint import MOST_CONNECTIONS, serve_metrics


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    return answer


async def test_idle_sockets_neither_accumulate_nor_block_prometheus() -> None:
    runner = await serve_metrics(lambda: b"up 1\n", "text/plain", "127.0.0.1", 0)
    port = runner.addresses[0][1]
    connections = []
    for _ in range(3 * MOST_CONNECTIONS):
        connections.append(await asyncio.open_connection("127.0.0.1", port))
        connections[-1][1].write(b"GET /metrics HTTP/1.1\r\nHos")
    assert (await ask(port)).endswith(b"up 1\n")
    reads = [asyncio.create_task(reader.read()) for reader, _ in connections[:-MOST_CONNECTIONS]]
    assert len((await asyncio.wait(reads, timeout=60))[0]) == 2 * MOST_CONNECTIONS
    assert runner.server is not None
    assert len(runner.server.connections) <= MOST_CONNECTIONS
    for task in reads:
        task.exception()
    for _, writer in connections:
        writer.transport.abort()
    await runner.cleanup()


async def test_malformed_requests_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    runner = await serve_metrics(lambda: b"up 1\n", "text/plain", "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(b"GET /metrics HTTP/1.1\r\n" + b"x: y\r\n" * 1000 + b"\r\n")
    assert b" 400 " in await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await runner.cleanup()
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


async def test_idle_connection_outlives_the_minute_between_scrapes() -> None:
    runner = await serve_metrics(lambda: b"up 1\n", "text/plain", "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"up 1\n"), 5)
    assert runner.server is not None
    (connection,) = runner.server.connections
    assert connection.keepalive_timeout >= 75
    writer.close()
    await runner.cleanup()
