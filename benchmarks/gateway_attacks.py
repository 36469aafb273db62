"""Floods of a gateway, one at a time, bounded in time and number; only to an address of this machine.

Run by attack_gateway.py as a process of its own, so that what measures is not what floods:

    python -m benchmarks.gateway_attacks NAME PLAN.json
"""

import asyncio
import contextlib
import itertools
import json
import random
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

Attack = Callable[["Target"], Awaitable[None]]

TIMEOUT_SECONDS = 5.0
PICTURE_BYTES = 8 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Target:
    """What is attacked, with what, and what came of it.

    Attributes:
        port: of the gateway, at 127.0.0.1.
        keys: with all rights.
        uid: of a job of theirs.
        uid_with_picture: of one with a published picture.
        hub_port: where the hub of that job's class is looked for.
        until: time.monotonic() at which to stop.
        scale: how many connections, of the usual number.
    """

    port: int
    keys: list[str]
    uid: str
    uid_with_picture: str
    hub_port: int
    until: float
    scale: float = 1.0
    answers: Counter[str] = field(default_factory=Counter)

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.until

    def count(self, usual: int) -> int:
        """A number of connections, in proportion to the scale."""
        return max(1, round(usual * self.scale))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection; what goes wrong with it is counted."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            yield reader, writer
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError) as error:
            self.answers[
                "closed" if isinstance(error, ConnectionError | asyncio.IncompleteReadError) else "failed"
            ] += 1
            await asyncio.sleep(0.01)
        finally:
            if writer is not None:
                writer.transport.abort()

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Read an answer and count its status."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.answers[head[9:12]] += 1
            if length := re.search(r"content-length: (\d+)", head):
                await reader.readexactly(int(length[1]))

    async def side_by_side(self, usual: int, one: Callable[[int], Awaitable[None]]) -> None:
        """Many of the same, each again and again until the time is up."""

        async def again(number: int) -> None:
            while self.goes_on:
                await one(number)

        await asyncio.gather(*(again(number) for number in range(self.count(usual))))

    async def requests(self, usual: int, make: Callable[[int], bytes]) -> None:
        """Whole requests over connections that are kept, each after the answer to the one before."""
        numbers = itertools.count()

        async def one(_: int) -> None:
            async with self.connection() as (reader, writer):
                while self.goes_on:
                    writer.write(make(next(numbers)))
                    await writer.drain()
                    await self.answer(reader)

        await self.side_by_side(usual, one)


def get(path: str, key: str = "") -> bytes:
    header = f"x-api-key: {key}\r\n" if key else ""
    return f"GET {path} HTTP/1.1\r\nHost: gateway\r\n{header}\r\n".encode()


def post(path: str, key: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\nx-api-key: {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def huge_headers(target: Target) -> None:
    async def one(_: int) -> None:
        async with target.connection() as (reader, writer):
            writer.write(b"GET /v1/augmentation HTTP/1.1\r\na: ")
            for _ in range(480):
                writer.write(b"x" * 256 * 1024)
                await writer.drain()
            await target.answer(reader)

    await target.side_by_side(30, one)


async def endless_headers(target: Target) -> None:
    async def one(_: int) -> None:
        async with target.connection() as (reader, writer):
            writer.write(b"GET /v1/augmentation HTTP/1.1\r\n")
            for number in range(100_000):
                writer.write(b"a%d: b\r\n" % number)
                if number % 50 == 0:
                    await writer.drain()
            await target.answer(reader)

    await target.side_by_side(30, one)


async def slow_headers(target: Target) -> None:
    async def one(_: int) -> None:
        async with target.connection() as (reader, writer):
            writer.write(b"GET /v1/augmentation HTTP/1.1\r\n")
            while target.goes_on and not reader.at_eof():
                writer.write(b"a: b\r\n")
                await writer.drain()
                await asyncio.sleep(1)
            await target.answer(reader)

    await target.side_by_side(1000, one)


async def idle_sockets(target: Target) -> None:
    async def one(_: int) -> None:
        async with target.connection() as (reader, _writer):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, target.until - time.monotonic())):
                    await reader.read(1)
                    target.answers["closed"] += 1
            # As many as there are, not as often as can be.
            await asyncio.sleep(1)

    await target.side_by_side(10_000, one)


async def slow_bodies(target: Target) -> None:
    async def one(number: int) -> None:
        async with target.connection() as (reader, writer):
            key = target.keys[number % len(target.keys)]
            head = f"POST /v1/augmentation HTTP/1.1\r\nHost: g\r\nx-api-key: {key}\r\nContent-Length: 60000\r\n\r\n"
            writer.write(head.encode())
            while target.goes_on and not reader.at_eof():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(1)
            await target.answer(reader)

    await target.side_by_side(1000, one)


async def deep_json(target: Target) -> None:
    bodies = [b"[" * 65_000, b'{"a":' * 13_000, b"[" * 32_000 + b"]" * 32_000]
    await target.requests(30, lambda n: post("/v1/augmentation", target.keys[n % 200], bodies[n % 3]))


async def unknown_fields(target: Target) -> None:
    body = json.dumps({f"augment_copie{n}": n for n in range(990)}).encode()
    long = json.dumps({"x" * 60_000: 1}).encode()
    await target.requests(30, lambda n: post("/v0.5/batch/jobs", target.keys[n % 200], long if n % 2 else body))


async def wrong_keys(target: Target) -> None:
    await target.requests(50, lambda n: get("/v1/augmentation", f"aug_{random.getrandbits(256):064x}"))


async def many_keys(target: Target) -> None:
    paths = (f"/v1/augmentation/{target.uid}", "/v1/key", f"/v1/augmentation/{target.uid}/request")
    await target.requests(50, lambda n: get(paths[n % 3], target.keys[n % len(target.keys)]))


async def costly_lists(target: Target) -> None:
    paths = (
        "/v1/augmentation?q=none&limit=200",
        "/jobs?status=failed&limit=200",
        "/api/v2/status/?offset=5000&limit=1000",
        "/v0.5/batch/jobs/queue",
        f"/v0.5/batch/jobs/{target.uid}/inputs?offset=39999000&limit=1000",
        f"/v1/augmentation/{target.uid}/resource",
    )
    await target.requests(4, lambda n: get(paths[n % len(paths)], target.keys[n % len(target.keys)]))


async def streams(target: Target) -> None:
    await _streams(target, 1500)


async def reconnecting(target: Target) -> None:
    """More streams than there may be connections: each that is refused comes again a second later, with all others."""
    await _streams(target, 3000)


async def _streams(target: Target, sockets: int) -> None:
    async def one(number: int) -> None:
        async with target.connection() as (reader, writer):
            writer.write(get(f"/v1/augmentation/{target.uid}/events", target.keys[number % 50]))
            async with asyncio.timeout(TIMEOUT_SECONDS):
                target.answers[(await reader.readuntil(b"\r\n\r\n")).decode()[9:12]] += 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, target.until - time.monotonic())):
                    while await reader.read(65536):
                        pass
            await asyncio.sleep(1)

    await target.side_by_side(sockets, one)


async def pictures(target: Target) -> None:
    async def hub(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\n\r\n" + PNG)
            for _ in range(PICTURE_BYTES // 65536 - 1):
                writer.write(b"x" * 65536)
                await writer.drain()
        writer.close()

    async def one(number: int) -> None:
        async with target.connection() as (reader, writer):
            key = target.keys[number % len(target.keys)]
            writer.write(get(f"/v1/augmentation/{target.uid_with_picture}/picture", key))
            # Nothing is read of what follows.
            target.answers[(await reader.readuntil(b"\r\n\r\n")).decode()[9:12]] += 1
            await asyncio.sleep(1)

    server = await asyncio.start_server(hub, "127.0.0.1", target.hub_port)
    async with server:
        await target.side_by_side(200, one)


async def pipelining(target: Target) -> None:
    async def one(number: int) -> None:
        async with target.connection() as (reader, writer):
            writer.write(get(f"/v1/augmentation/{target.uid}/resource", target.keys[number % 200]) * 2000)
            await writer.drain()
            while True:
                await target.answer(reader)

    await target.side_by_side(50, one)


async def huge_queries(target: Target) -> None:
    many = "&".join(f"a{n}=1" for n in range(1800))
    paths = (
        f"/v1/augmentation?{many}",
        f"/v1/augmentation?q={'x' * 15_000}",
        f"/v1/augmentation?cursor={'A' * 15_000}",
    )
    await target.requests(30, lambda n: get(paths[n % 3], target.keys[n % len(target.keys)]))


async def unread_answers(target: Target) -> None:
    async def one(number: int) -> None:
        async with target.connection() as (_, writer):
            for path in (f"/v1/augmentation/{target.uid}/resource", "/openapi.json", "/v1/augmentation?limit=200"):
                writer.write(get(path, target.keys[number % 50]) * 2)
            await asyncio.sleep(3)
            target.answers["unread"] += 1

    await target.side_by_side(1000, one)


ATTACKS: dict[str, Attack] = {
    "huge headers": huge_headers,
    "endless headers": endless_headers,
    "slow headers": slow_headers,
    "idle sockets": idle_sockets,
    "slow bodies": slow_bodies,
    "deep JSON": deep_json,
    "unknown fields": unknown_fields,
    "wrong keys": wrong_keys,
    "10,000 keys": many_keys,
    "costly lists": costly_lists,
    "streams": streams,
    "reconnecting": reconnecting,
    "pictures": pictures,
    "pipelining": pipelining,
    "huge queries": huge_queries,
    "unread answers": unread_answers,
}


def main() -> None:
    name, plan = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 20_000), most))
    seconds = plan.pop("seconds")
    target = Target(**plan, until=time.monotonic() + seconds)

    async def bounded() -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds + 1):
                await ATTACKS[name](target)

    asyncio.run(bounded())
    print(json.dumps(target.answers))


if __name__ == "__main__":
    main()
