"""The addresses to which a hub may redirect the gateway (protection against server-side request forgery).

The gateway is inside a network that the hub may not reach. A redirect is followed only to addresses that are as public
as the hub's own, as those of its storage are, and never to link-local ones; the address connected to is checked.
"""

import ipaddress
import socket
from urllib.parse import urlsplit

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from augmentation_api.reach import Reach, least_reach, reach_of
from augmentation_kube.outbound import proxies


class ElsewhereError(OSError):
    """The hub redirects to an address that is not allowed."""


class HubDestinations(AbstractResolver):
    """Resolves the hosts of one hub's redirects, to allowed addresses only.

    Args:
        endpoint: URL of the hub itself, which is trusted, as an administrator configured it.
        inner: resolves host names.
    """

    def __init__(self, endpoint: str, inner: AbstractResolver | None = None) -> None:
        self._hub = URL(endpoint)
        self._inner = inner or ThreadedResolver()
        # An administrator's proxy resolves names itself; only the proxy is connected to.
        self._trusted = {self._hub.host, *(urlsplit(proxy).hostname for proxy in proxies())}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The allowed addresses of a host. Raises OSError where there are none."""
        addresses = await self._inner.resolve(host, port, family)
        if host in self._trusted:
            return addresses
        least = await self._least()
        if allowed := [address for address in addresses if reach_of(address["host"]) >= least]:
            return allowed
        raise ElsewhereError(f"the hub redirects to {host}")

    async def follow(self, url: URL, location: str) -> URL:
        """The target of a redirect. Raises ElsewhereError where it is not allowed, ValueError where it is no URL."""
        to = url.join(URL(location))
        if to.scheme not in ("http", "https") or to.host is None:
            raise ElsewhereError(f"the hub redirects to {to.scheme}")
        # An IP address is not resolved, so it is checked here.
        if to.host != self._hub.host and _is_address(to.host) and reach_of(to.host) < await self._least():
            raise ElsewhereError(f"the hub redirects to {to.host}")
        return to

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()

    async def _least(self) -> Reach:
        host = self._hub.host or ""
        addresses = [host]
        if not _is_address(host):
            addresses = [address["host"] for address in await self._inner.resolve(host, 0, socket.AF_UNSPEC)]
        return least_reach(addresses)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
