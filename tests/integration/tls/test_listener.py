"""TLS connections count against the limits before their handshake, and behave like plain ones after it."""

import asyncio
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn

from augmentation_gateway.limits.limits import HttpLimits, Limits
from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.server.certificate import Certificate
from augmentation_gateway.server.connections import Connections
from augmentation_gateway.server.server import GatewayServer
from tests.integration.tls.test_certificate import write_certificate
from tests.unit.gateway.test_connections import PATIENT, QUICK, Application, Served, answer_of, eventually, one_answer

GET = b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"


@asynccontextmanager
async def secured(folder: Path, limits: Limits, http: HttpLimits = PATIENT) -> AsyncIterator[Served]:
    write_certificate(folder, "gateway")
    certificate, refused, application = Certificate(folder), Counter[str](), Application()
    connections = Connections(limits, http, lambda reason: refused.update([reason]))
    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, ws="none", lifespan="off",
        log_config=None, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = GatewayServer(config, Streams(), connections, certificate)
    task = asyncio.create_task(server._serve())
    await eventually(lambda: server.started)
    try:
        yield Served(server.servers[0].sockets[0].getsockname()[1], application, connections, refused)
    finally:
        server.should_exit = server.force_exit = True
        await task


async def connect(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection("127.0.0.1", served.port, ssl=trust)


async def test_requests_share_keep_alive_connection(tmp_path: Path) -> None:
    async with secured(tmp_path / "tls", Limits()) as served:
        reader, writer = await connect(served)
        for _ in range(3):
            writer.write(GET)
            assert await one_answer(reader) == 200
        assert len(served.connections) == 1


async def test_connections_without_handshake_do_not_block_others(tmp_path: Path) -> None:
    async with secured(tmp_path / "tls", Limits(connections=5)) as served:
        for _ in range(30):
            await served.connect()
        await eventually(lambda: served.refused["idle"] >= 25)
        assert len(served.connections) <= 5
        reader, writer = await connect(served)
        writer.write(GET)
        assert await one_answer(reader) == 200


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"], ids=["nothing", "plain HTTP", "a part"]
)
async def test_connection_with_failed_handshake_is_closed(tmp_path: Path, data: bytes) -> None:
    async with secured(tmp_path / "tls", Limits(), QUICK) as served:
        reader, writer = await served.connect()
        writer.write(data)
        await answer_of(reader)
        await eventually(lambda: len(served.connections) == 0)
        assert served.refused["tls"] == 1
        assert served.application.requests == 0


async def test_headers_over_limit_are_431_with_tls(tmp_path: Path) -> None:
    async with secured(tmp_path / "tls", Limits()) as served:
        reader, writer = await connect(served)
        writer.write(b"GET / HTTP/1.1\r\na: " + b"x" * 40_000)
        assert (await answer_of(reader))[0] == 431
