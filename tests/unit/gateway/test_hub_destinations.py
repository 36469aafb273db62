"""The addresses to which a hub may redirect the gateway."""

import socket

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer
from yarl import URL

from augmentation_gateway.jobs.hub_destinations import ElsewhereError, HubDestinations
from augmentation_gateway.jobs.preview import fetch_preview
from augmentation_gateway.problem import Problem

PNG = b"\x89PNG\r\n\x1a\n"
NAMES = {
    "hub.example": ["203.0.114.5"],
    "hub.internal": ["10.1.2.3"],
    "cdn.example": ["198.41.0.4"],
    "minio.internal": ["10.9.9.9"],
    "metadata.internal": ["169.254.169.254"],
    "rebound.example": ["203.0.114.6", "127.0.0.1"],
}


class Names(AbstractResolver):
    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in NAMES[host]
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("hub", "host", "allowed"),
    [
        ("https://hub.example", "cdn.example", ["198.41.0.4"]),
        ("https://hub.example", "minio.internal", []),
        ("https://hub.example", "metadata.internal", []),
        ("https://hub.example", "rebound.example", ["203.0.114.6"]),
        ("http://hub.internal:8080", "minio.internal", ["10.9.9.9"]),
        ("http://hub.internal:8080", "metadata.internal", []),
        ("http://hub.internal:8080", "hub.internal", ["10.1.2.3"]),
    ],
)
async def test_hub_resolves_only_hosts_as_public_as_itself(hub: str, host: str, allowed: list[str]) -> None:
    destinations = HubDestinations(hub, Names())
    try:
        hosts = [address["host"] for address in await destinations.resolve(host)]
    except ElsewhereError:
        hosts = []
    assert hosts == allowed


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/x.png",
        "http://10.96.0.1/",
        "http://[fd00:ec2::254]/",
        "http://127.0.0.1:8081/metrics",
        "file:///etc/passwd",
    ],
)
async def test_public_hub_cannot_redirect_to_private_address(location: str) -> None:
    with pytest.raises(ElsewhereError):
        await HubDestinations("https://hub.example", Names()).follow(URL("https://hub.example/x"), location)


async def test_redirect_is_followed_within_hub_but_not_to_metadata_address() -> None:
    requested: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        requested.append(request.path)
        if request.path == "/picture":
            raise web.HTTPFound("/stored")
        if request.path == "/stored":
            return web.Response(body=PNG)
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/x.png")

    hub = web.Application()
    hub.router.add_get("/{path}", answer)
    async with TestServer(hub) as server:
        assert await fetch_preview(str(server.make_url("/picture"))) == PNG
        with pytest.raises(Problem) as refused:
            await fetch_preview(str(server.make_url("/elsewhere")))
    assert isinstance(refused.value.__cause__, ElsewhereError)
    assert requested == ["/picture", "/stored", "/elsewhere"]
