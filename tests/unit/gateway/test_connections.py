"""Limits of connections, each and in all: uvicorn itself on loopback, with low limits."""

import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from augmentation_gateway.dialect import encode_error
from augmentation_gateway.dialects import find_dialects
from augmentation_gateway.limits.limits import HttpLimits, Limits
from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.server import connections
from augmentation_gateway.server.connection import SCOPE_CONNECTION, Connection
from augmentation_gateway.server.connections import Connections
from augmentation_gateway.server.server import GatewayServer

QUICK = HttpLimits(head_seconds=0.6, body_seconds=0.6, unread_seconds=0.6, linger_seconds=0.6, unread_bytes=1024 * 1024)
PATIENT = replace(QUICK, head_seconds=60, body_seconds=60, unread_seconds=60)
"""Of tests with another subject: a machine that stands still for a second is no slow client."""
ANSWER_SECONDS = 60
GET = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"
WITH_BODY = b"POST / HTTP/1.1\r\nHost: gateway\r\n"


class Application:
    """Application that answers with the length of the body; by path never, early, or at length."""

    def __init__(self) -> None:
        self.requests = 0
        self.disconnected = 0
        self.largest_head = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        self.largest_head = max(self.largest_head, sum(len(name) + len(value) for name, value in scope["headers"]))
        status, body = 200, b""
        if (key := dict(scope["headers"]).get(b"key")) is not None and not scope[SCOPE_CONNECTION].assign_key(
            key.decode()
        ):
            status = 429
        elif scope["path"] == "/never":
            while (await receive())["type"] != "http.disconnect":
                pass
            self.disconnected += 1
            return
        elif scope["path"] == "/slices":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(1000):
                await send({"type": "http.response.body", "body": b"x" * 8_000, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            return
        elif scope["path"] == "/much":
            body = b"x" * 8_000_000
        elif scope["path"] != "/at-once":
            length, more = 0, True
            while more:
                message = await receive()
                length += len(message.get("body", b""))
                more = message.get("more_body", False)
            body = b"%d" % length
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-length", b"%d" % len(body))]}
        )
        await send({"type": "http.response.body", "body": body})


class Served:
    """A server with limits and its rejected connections."""

    def __init__(self, port: int, application: Application, connections: Connections, refused: Counter[str]) -> None:
        self.port = port
        self.application = application
        self.connections = connections
        self.refused = refused
        # A connection whose reader is garbage-collected is closed.
        self._opened: list[object] = []

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        # With the smallest buffers, unread data stays in the server.
        unconnected = socket.socket()
        unconnected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unconnected.setblocking(False)
        await asyncio.get_running_loop().sock_connect(unconnected, ("127.0.0.1", self.port))
        opened = await asyncio.open_connection(sock=unconnected)
        self._opened.append(opened)
        return opened

    async def send(self, *parts: bytes, pause: float = 0.0) -> tuple[int, bytes]:
        """Send data and return status and text until the server closes; status 0 without a response."""
        reader, writer = await self.connect()
        reading = asyncio.create_task(answer_of(reader))
        for part in parts:
            if reading.done():
                break
            writer.write(part)
            await asyncio.sleep(pause)
        return await reading


class Gone:
    """A connection that is always busy."""

    key_id = ""
    is_idle = False
    unread_bytes = 0

    def end(self) -> None: ...

    def sweep(self, now: float) -> None: ...


async def answer_of(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read until the connection closes; return the first status and all text."""
    text = b""
    async with asyncio.timeout(ANSWER_SECONDS):
        try:
            while part := await reader.read(65536):
                text += part
        except ConnectionError:
            pass
    match = re.match(rb"HTTP/1.1 (\d{3}) ", text)
    return (int(match[1]) if match else 0), text


async def one_answer(reader: asyncio.StreamReader) -> int:
    """Read one response of a connection that stays open and return its status."""
    async with asyncio.timeout(ANSWER_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"content-length: (\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split(" ")[1])


async def ask_for_ever(served: Served) -> None:
    """Pipeline requests without a key for ever, reconnecting when closed."""
    while True:
        try:
            reader, writer = await served.connect()
            writer.write(GET * 6)
            while text := await reader.read(65536):
                writer.write(GET * text.count(b"HTTP/1.1 "))
        except OSError:
            pass
        await asyncio.sleep(0.05)


@asynccontextmanager
async def server(limits: Limits = Limits(), http: HttpLimits = PATIENT) -> AsyncIterator[Served]:  # noqa: B008
    application, refused = Application(), Counter[str]()

    def count(reason: str) -> None:
        refused[reason] += 1

    every = Connections(limits, http, count)
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=1,
    )
    running = GatewayServer(
        config, Streams(), every, encode_error=lambda path, problem: encode_error(path, problem, find_dialects())
    )
    task = asyncio.create_task(running._serve())
    await eventually(lambda: running.started)
    try:
        yield Served(running.servers[0].sockets[0].getsockname()[1], application, every, refused)
    finally:
        running.should_exit = running.force_exit = True
        await task


async def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ((b"GET / HTTP/1.1\r\na: " + b"x" * 20_000 + b"\r\n\r\n",), "head_bytes"),
        ((b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",), "head_bytes"),
        ((b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n",), "headers"),
        ((b"GET / HTTP/1.1\r\n", *(b"a%d: %s\r\n" % (n, b"x" * 1000) for n in range(20))), "head_bytes"),
        ((b"GET / HTTP/1.1\r\na: ", *(b"x" * 1000,) * 40), "head_bytes"),
        ((b"\r\n" * 20_000, b"\r\n" * 20_000), "head_bytes"),
    ],
    ids=["one long header", "long path", "many headers", "headers without end", "a header without end", "empty lines"],
)
async def test_headers_over_limit_are_431_and_do_not_reach_application(parts: tuple[bytes, ...], reason: str) -> None:
    async with server() as served:
        status, text = await served.send(*parts, pause=0.001)
        assert status == 431
        assert b"shorten" in text or b"fewer" in text
        assert json.loads(text.split(b"\r\n\r\n")[1])["detail"]
        assert served.refused == {reason: 1}
        assert served.application.requests == 0


async def test_excess_headers_are_discarded_while_received() -> None:
    async with server() as served:
        _, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\n")
        connection = next(iter(served.connections._all))
        with pytest.raises(ConnectionError):
            async with asyncio.timeout(ANSWER_SECONDS):
                for _ in range(1000):
                    writer.write(b"a: " + b"x" * 100_000 + b"\r\n")
                    await writer.drain()
        assert served.refused["head_bytes"] == 1
        assert sum(len(value) for _, value in cast(Connection, connection).headers) < 64 * 1024


async def test_headers_at_limit_are_accepted() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\na: " + b"x" * 15_000 + b"\r\n\r\n")
        assert await one_answer(reader) == 200
        assert served.application.largest_head > 15_000


async def test_incomplete_headers_time_out_with_408() -> None:
    async with server(http=QUICK) as served:
        status, text = await served.send(b"GET / HTTP/1.1\r\n", *(b"a: b\r\n",) * 30, pause=0.1)
        assert status == 408
        assert b"headers took longer than 0.6 s" in text
        assert served.refused["head_seconds"] == 1


async def test_silent_connection_is_closed() -> None:
    async with server(http=QUICK) as served:
        assert await served.send() == (0, b"")
        assert served.refused == {"head_seconds": 1}
        await eventually(lambda: len(served.connections) == 0)


async def test_incomplete_body_times_out_with_408() -> None:
    async with server(http=QUICK) as served:
        status, text = await served.send(WITH_BODY + b"Content-Length: 100\r\n\r\n", *(b"x",) * 30, pause=0.1)
        assert status == 408
        assert b"body took longer than 0.6 s" in text


@pytest.mark.parametrize(
    "parts",
    [
        (b"Content-Length: 900000\r\n\r\n", *(b"x" * 10_000,) * 90),
        (b"Transfer-Encoding: chunked\r\n\r\n", *(b"400\r\n" + b"x" * 1024 + b"\r\n",) * 900),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"1;", *(b"x" * 10_000,) * 90),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", *(b"a: " + b"x" * 1000 + b"\r\n",) * 900),
    ],
    ids=["announced", "in chunks", "a chunk's extension without end", "trailers without end"],
)
async def test_body_over_limit_is_413(parts: tuple[bytes, ...]) -> None:
    async with server() as served:
        # This application waits for the whole body; the real one stops at 64 KiB.
        status, _ = await served.send(WITH_BODY, *parts, pause=0.001)
        assert status == 413
        assert served.refused["body_bytes"] == 1


@pytest.mark.parametrize(
    ("path", "member"),
    [(b"/v1/augmentation", '"detail": '), (b"/v0.5/batch/jobs", '"errors": '), (b"/", '"detail": ')],
)
async def test_body_over_limit_is_answered_in_error_shape_of_path(path: bytes, member: str) -> None:
    async with server() as served:
        request = b"POST %s HTTP/1.1\r\nContent-Length: 900000\r\n\r\n" % path
        status, text = await served.send(request, *(b"x" * 10_000,) * 90, pause=0.001)
        assert status == 413
        assert member in text.decode()
        assert "shorten it" in text.decode() or "Shorten it" in text.decode()


async def test_trailers_are_discarded() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(WITH_BODY + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nkey: stolen\r\n\r\n")
        assert await one_answer(reader) == 200
        assert served.connections._by_key == {}


async def test_response_before_end_of_body_is_sent_and_closes_connection() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(b"POST /at-once HTTP/1.1\r\nContent-Length: 60000\r\n\r\n")
        for _ in range(30):
            writer.write(b"x" * 1000)
            await asyncio.sleep(0.01)
        status, text = await answer_of(reader)
        assert status == 200
        assert b"connection: close" in text


async def test_connection_is_kept_alive() -> None:
    async with server(http=QUICK) as served:
        reader, writer = await served.connect()
        for _ in range(3):
            writer.write(WITH_BODY + b"Content-Length: 3\r\n\r\n")
            await asyncio.sleep(0.05)
            writer.write(b"abc")
            assert await one_answer(reader) == 200
            # Longer than the header timeout: an idle connection is not a slow one.
            await asyncio.sleep(0.7)
        assert served.refused == {}


def test_idle_connections_outlive_those_of_most_load_balancers() -> None:
    assert Limits().keep_alive_seconds >= 75


async def test_idle_connection_is_closed_after_keep_alive_timeout() -> None:
    async with server(Limits(keep_alive_seconds=1)) as served:
        reader, writer = await served.connect()
        writer.write(GET)
        assert await one_answer(reader) == 200
        assert await answer_of(reader) == (0, b"")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(b"".join(WITH_BODY + b"Content-Length: %d\r\n\r\n" % n + b"x" * n for n in range(8)))
        for n in range(8):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(1) == b"%d" % n


async def test_too_many_pipelined_requests_close_connection() -> None:
    async with server() as served:
        status, _ = await served.send(b"GET /never HTTP/1.1\r\n\r\n" + GET * 100)
        assert status == 0
        assert served.refused == {"pipelined": 1}


async def test_lost_connection_disconnects_all_its_requests() -> None:
    async with server() as served:
        _, writer = await served.connect()
        writer.write(b"GET /never HTTP/1.1\r\n\r\n" + GET)
        await eventually(lambda: served.application.requests == 1)
        writer.transport.abort()
        await eventually(lambda: served.application.disconnected == 1)


async def test_malformed_http_is_400() -> None:
    async with server() as served:
        status, text = await served.send(b"\x16\x03\x01 hello\r\n\r\n")
        assert status == 400
        assert b"no HTTP/1.1 request" in text


async def test_unsupported_upgrade_is_answered_as_plain_request() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n")
        assert await one_answer(reader) == 200


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["in one piece", "piece by piece"])
@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "anything"])
@pytest.mark.parametrize(
    ("framing", "body", "length"),
    [
        (b"Content-Length: 45", b"GET /smuggled HTTP/1.1\r\nHost: gateway\r\n\r\nabcd", b"45"),
        (b"Transfer-Encoding: chunked", b"3\r\nGET\r\n4;a=b\r\n / H\r\n0\r\nTrailer: 1\r\n\r\n", b"7"),
    ],
    ids=["length", "chunked"],
)
async def test_body_after_upgrade_is_not_parsed_as_request(
    framing: bytes, body: bytes, length: bytes, upgrade: str, pause: float
) -> None:
    head = WITH_BODY + f"Connection: Upgrade\r\nUpgrade: {upgrade}\r\n".encode() + framing + b"\r\n\r\n"
    async with server() as served:
        reader, writer = await served.connect()
        for part in (head, body[:5], body[5:], GET, b"GET /at-once HTTP/1.1\r\nConnection: close\r\n\r\n"):
            writer.write(part)
            await asyncio.sleep(pause)
        _, text = await answer_of(reader)
        assert re.findall(rb"(?s)\r\n\r\n(\d*)", text) == [length, b"0", b""]
        assert served.application.requests == 3


async def test_body_after_upgrade_has_same_limits() -> None:
    async with server(http=QUICK) as served:
        head = WITH_BODY + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1000000\r\n\r\n"
        assert (await served.send(head, *[b"x" * 50_000] * 4))[0] == 413
        assert (await served.send(head, b"x"))[0] == 408


async def test_pipelined_requests_after_upgrade_are_answered() -> None:
    async with server() as served:
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" * 3 + GET * 2)
        assert [await one_answer(reader) for _ in range(5)] == [200] * 5


async def test_longest_idle_connection_is_closed_for_new_one() -> None:
    async with server(Limits(connections=5), PATIENT) as served:
        established = await served.connect()
        established[1].write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
        assert await one_answer(established[0]) == 200
        first = [await served.connect() for _ in range(4)]
        assert len(first) == 4
        # They are no longer new, so they are closed before the one with a key.
        await asyncio.sleep(connections.NEW_SECONDS)
        silent = [await served.connect() for _ in range(4)]
        await eventually(lambda: served.refused["idle"] == 4)
        assert len(served.connections) == 5
        # The connection with a valid key is the oldest and still open.
        established[1].write(GET)
        assert await one_answer(established[0]) == 200
        silent[-1][1].write(GET)
        assert await one_answer(silent[-1][0]) == 200


async def test_idle_connection_is_closed_before_new_one() -> None:
    async with server(Limits(connections=2), PATIENT) as served:
        established = await served.connect()
        established[1].write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
        assert await one_answer(established[0]) == 200
        await asyncio.sleep(connections.NEW_SECONDS)
        new = await served.connect()
        await served.connect()
        assert await answer_of(established[0]) == (0, b"")
        new[1].write(GET)
        assert await one_answer(new[0]) == 200


async def test_connection_is_503_if_all_serve_valid_keys() -> None:
    async with server(Limits(connections=2)) as served:
        for _ in range(2):
            _, writer = await served.connect()
            writer.write(b"GET /never HTTP/1.1\r\nkey: k\r\n\r\n")
        await eventually(lambda: served.application.requests == 2)
        status, text = await served.send()
        assert status == 503
        assert b"retry-after: 1" in text
        assert len(served.connections) == 2


async def test_connection_with_recently_used_key_is_not_closed() -> None:
    async with server(Limits(connections=1), PATIENT) as served:
        established = await served.connect()
        established[1].write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
        assert await one_answer(established[0]) == 200
        assert (await served.send())[0] == 503
        established[1].write(GET)
        assert await one_answer(established[0]) == 200


async def test_connection_answered_before_its_body_can_be_closed() -> None:
    async with server(Limits(connections=3), replace(PATIENT, linger_seconds=60)) as served:
        for _ in range(3):
            reader, writer = await served.connect()
            writer.write(b"POST /at-once HTTP/1.1\r\nContent-Length: 1000\r\n\r\nab")
            assert await one_answer(reader) == 200
        reader, writer = await served.connect()
        writer.write(GET)
        assert await one_answer(reader) == 200


async def test_rejected_connection_can_be_closed() -> None:
    async with server(Limits(connections=3), replace(PATIENT, linger_seconds=60)) as served:
        for _ in range(3):
            reader, writer = await served.connect()
            writer.write(WITH_BODY + b"Content-Length: 200000\r\n\r\n" + b"x" * 100_000)
            assert await one_answer(reader) == 413
        reader, writer = await served.connect()
        writer.write(GET)
        assert await one_answer(reader) == 200


async def test_client_that_does_not_read_is_closed_unless_it_has_valid_key() -> None:
    async with server(Limits(connections=4), replace(PATIENT, unread_seconds=3600, unread_bytes=10**9)) as served:
        established = await served.connect()
        established[1].write(b"GET /slices HTTP/1.1\r\nkey: k\r\n\r\n")
        for _ in range(3):
            _, writer = await served.connect()
            writer.write(b"GET /slices HTTP/1.1\r\n\r\n")
        await eventually(lambda: len(served.connections._unread) == 4)
        for number in range(3):
            _, writer = await served.connect()
            writer.write(b"GET /never HTTP/1.1\r\nkey: k\r\n\r\n")
            await eventually(lambda n=number: served.application.requests == 5 + n)  # type: ignore[misc]
        assert served.refused == {"busy_without_key": 3}
        assert (await served.send())[0] == 503
        assert len(served.connections) == 4


async def test_busy_client_without_key_does_not_block_others() -> None:
    # As many as are asking: before the newest one was the oldest, each of them would have to be replaced.
    async with server(Limits(connections=8)) as served:
        asking = [asyncio.create_task(ask_for_ever(served)) for _ in range(8)]
        await asyncio.sleep(connections.NEW_SECONDS)
        for _ in range(20):
            reader, writer = await served.connect()
            writer.write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
            assert await one_answer(reader) == 200
            writer.close()
        assert served.refused["busy_without_key"]
        assert not served.refused["connections"]
        for task in asking:
            task.cancel()


def test_connection_closed_on_arrival_holds_no_slot(caplog: pytest.LogCaptureFixture) -> None:
    async def storm() -> None:
        async with server(Limits(connections=5)) as served:
            opened = []
            for number in range(400):
                one = socket.create_connection(("127.0.0.1", served.port))
                one.sendall(GET * 6)
                opened.append(one)
                for _ in range(number // 5 % 8):
                    await asyncio.sleep(0)
            await asyncio.sleep(0.3)
            for one in opened:
                one.close()
            await eventually(lambda: len(served.connections) == 0)

    # Under uvloop, as in production: it silently closes cancelled transports and rejects writes to them.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(storm())
    assert not [record for record in caplog.records if record.exc_info]


async def test_lost_connection_holds_no_slot_of_its_key() -> None:
    gone = Gone()
    connections = Connections(Limits(connections_per_key=1))
    connections.add(gone)
    connections.remove(gone)
    # Its request waited for an OIDC issuer.
    assert connections.assign_key(gone, "k")
    lost = Gone()
    connections.add(lost)
    assert connections.assign_key(lost, "k")


async def test_connections_per_key_are_limited() -> None:
    async with server(Limits(connections_per_key=3)) as served:
        opened = []
        for _ in range(5):
            reader, writer = await served.connect()
            writer.write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
            assert await one_answer(reader) == 200
            opened.append(reader)
        await eventually(lambda: len(served.connections) == 3)
        assert await answer_of(opened[0]) == (0, b"")
        assert served.refused == {"connections_per_key": 2}


async def test_key_with_all_connections_busy_is_rejected() -> None:
    async with server(Limits(connections_per_key=1)) as served:
        _, writer = await served.connect()
        writer.write(b"GET /never HTTP/1.1\r\nkey: k\r\n\r\n")
        await eventually(lambda: served.application.requests == 1)
        reader, writer = await served.connect()
        writer.write(b"GET / HTTP/1.1\r\nkey: k\r\n\r\n")
        assert await one_answer(reader) == 429


async def test_client_that_does_not_read_is_disconnected() -> None:
    async with server() as served:
        _, writer = await served.connect()
        writer.write(b"GET /much HTTP/1.1\r\n\r\n")
        await eventually(lambda: served.refused["unread"] == 1)
        await eventually(lambda: len(served.connections) == 0)


async def test_unread_responses_are_bounded_in_total() -> None:
    async with server(http=replace(QUICK, unread_seconds=3600, unread_bytes=20_000_000)) as served:
        for _ in range(10):
            _, writer = await served.connect()
            writer.write(b"GET /much HTTP/1.1\r\n\r\n")
        await eventually(lambda: served.application.requests == 10)
        await eventually(lambda: served.refused["unread"] >= 6)
        assert sum(connection.unread_bytes for connection in served.connections._all) <= 20_000_000
