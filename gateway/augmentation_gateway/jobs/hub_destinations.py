"""Where a hub may send the gateway for a picture: its answers name other hosts, and not all are for whoever asks.

The gateway stands inside a network that the hub may not see. A redirect is followed to addresses that are as public as
the hub's own, as those of its storage are, and never to link-local ones; what counts is the address connected to.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from augmentation_api.reach import Reach, least_reach, reach_of


class ElsewhereError(OSError):
    """The hub names an address that it may not send anybody to."""


class HubDestinations(AbstractResolver):
    """Resolves the names of one hub's answers, to addresses that it may name.

    Args:
        endpoint: URL at the hub itself, which is trusted, as an administrator has named it.
        inner: resolves names.
    """

    def __init__(self, endpoint: str, inner: AbstractResolver | None = None) -> None:
        self._hub = URL(endpoint)
        self._inner = inner or ThreadedResolver()
        # A proxy of the administrator's resolves names by itself, and is one of those that are connected to.
        self._trusted = {self._hub.host, *(urlsplit(proxy).hostname for proxy in getproxies().values())}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host that may be connected to. Raises OSError where there are none."""
        found = await self._inner.resolve(host, port, family)
        if host in self._trusted:
            return found
        least = await self._least()
        if allowed := [each for each in found if reach_of(each["host"]) >= least]:
            return allowed
        raise ElsewhereError(f"the hub sends to {host}")

    async def follow(self, url: URL, location: str) -> URL:
        """Where a redirect leads. Raises ElsewhereError where it may not, ValueError where it is no address."""
        to = url.join(URL(location))
        if to.scheme not in ("http", "https") or to.host is None:
            raise ElsewhereError(f"the hub sends to {to.scheme}")
        # What is no name is not resolved.
        if to.host != self._hub.host and _is_address(to.host) and reach_of(to.host) < await self._least():
            raise ElsewhereError(f"the hub sends to {to.host}")
        return to

    async def close(self) -> None:
        """Let go of the resolver."""
        await self._inner.close()

    async def _least(self) -> Reach:
        host = self._hub.host or ""
        addresses = [host]
        if not _is_address(host):
            addresses = [each["host"] for each in await self._inner.resolve(host, 0, socket.AF_UNSPEC)]
        return least_reach(addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
