"""Where a hub may send a pod: its answers name other hosts (redirects, links to its storage), and not all are allowed.

Files of a large hub lie on other hosts than its API, so those have to be followed. But a pod stands inside a network
that the hub may not see: it must not be sent to the cloud's metadata address, to the pod itself, or from a hub on the
internet to a private network. What may be reached is decided by the address that is connected to, so neither a
redirect nor a name that changes its address gets around it.
"""

import socket
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

from augmentation_api import FailureReason
from augmentation_api.reach import Reach, least_reach, reach_of
from augmentation_kube.outbound import BundleError, tls_context
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.proxied_transport import ProxiedTransport

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses of a host."""
_PORTS = {"http": 80, "https": 443}


def resolved(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, by the system's resolver. Raises OSError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in entries))


class Destinations:
    """The addresses to which the clients of one hub may connect.

    Args:
        endpoint: base URL of the hub: it is trusted, as an administrator has named it.
        resolve: finds addresses.
    """

    def __init__(self, endpoint: str, resolve: Resolve = resolved) -> None:
        parts = urlsplit(endpoint)
        self.endpoint = endpoint
        self._host, self._port = (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
        self._resolve = resolve

    def is_hub(self, host: str, port: int | None, scheme: str) -> bool:
        """Whether this is the hub itself, which alone gets the token."""
        own_scheme = urlsplit(self.endpoint).scheme
        return (host.lower(), port or _PORTS.get(scheme), scheme) == (self._host, self._port, own_scheme)

    def addresses_of(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to.

        Raises:
            OSError: the name cannot be resolved.
            WorkerFailure: HUB_UNAVAILABLE if it has only others.
        """
        addresses = self._resolve(host, port)
        if (host.lower(), port) == (self._host, self._port):
            return list(addresses)
        allowed = [address for address in addresses if reach_of(address) >= self._reach]
        if not allowed:
            raise WorkerFailure(
                FailureReason.HUB_UNAVAILABLE,
                f"the hub {self.endpoint} sends this pod to {host}, port {port} ({', '.join(addresses[:3])}): a hub "
                "may name addresses that are as public as its own, and never link-local ones; reach the hub, or its "
                "storage, by another address (hub.endpoint of the AugmentationClass)",
            )
        return allowed

    def check_by_proxy(self, host: str, port: int) -> None:
        """Check a host that a proxy connects to, as far as this pod can tell.

        The proxy decides what it reaches, and often it alone can resolve the names of the outside.

        Raises:
            WorkerFailure: HUB_UNAVAILABLE if the host has only addresses that the hub may not send to.
        """
        with suppress(OSError):
            self.addresses_of(host, port)

    @cached_property
    def _reach(self) -> Reach:
        try:
            return least_reach(self._resolve(self._host, self._port))
        except OSError:
            return least_reach(())


class _CheckedNetwork:
    """A network of httpx2's that connects to addresses which were checked, so that none changes in between."""

    def __init__(self, inner: Any, destinations: Destinations) -> None:
        self._inner = inner
        self._destinations = destinations

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> Any:
        """A connection to the first of the host's addresses that answers."""
        try:
            addresses = self._destinations.addresses_of(host, port)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error  # what the inner network raises
        for number, address in enumerate(addresses, start=1):
            try:
                return self._inner.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except Exception:
                if number == len(addresses):
                    raise
        raise AssertionError("a host has at least one address")

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._inner.sleep(seconds)


class _TokenForHub(httpx2.BaseTransport):
    """Keeps the job's token from all hosts but the hub: huggingface_hub sends it to some that an answer names."""

    def __init__(self, inner: httpx2.BaseTransport, destinations: Destinations, token: str | None) -> None:
        self._inner = inner
        self._destinations = destinations
        self._token = token

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        if not self._destinations.is_hub(url.host, url.port, url.scheme):
            for name in [name for name, value in request.headers.items() if self._token and self._token in value]:
                del request.headers[name]
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


def checked_transport(destinations: Destinations, token: str | None) -> httpx2.BaseTransport:
    """A transport of which every connection, also after a redirect, is to a host that the hub may send to.

    The token is for the hub alone. Proxies are those of the environment, which the class sets.

    Raises:
        WorkerFailure: the CA bundle of the class cannot be used.
    """
    try:
        context = tls_context()
    except BundleError as error:
        raise WorkerFailure(FailureReason.HUB_UNTRUSTED, str(error)) from error
    transport = httpx2.HTTPTransport(verify=context)
    # There is no public way to give a transport its network; tests/integration/worker/test_server_side_requests.py
    # holds the installed version to it.
    pool: Any = transport._pool
    pool._network_backend = _CheckedNetwork(pool._network_backend, destinations)
    return _TokenForHub(ProxiedTransport(transport, destinations.check_by_proxy, context), destinations, token)
