"""Requests by the proxies of the environment, where there are any for an address, and directly where there are none."""

import ssl
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

import httpx2
from typing_extensions import override

from augmentation_kube.outbound import proxy_of
from augmentation_worker import secrecy

_DEFAULT_PORTS = {"http": 80, "https": 443}


class ProxiedTransport(httpx2.BaseTransport):
    """Chooses for each request: the direct transport, or one by the proxy of its address.

    Args:
        direct: for addresses without a proxy.
        check: called with host and port before a proxy is asked for them.
        context: what is trusted behind a proxy; the proxy itself too, where it is reached by https.
    """

    def __init__(
        self, direct: httpx2.BaseTransport, check: Callable[[str, int], None], context: ssl.SSLContext
    ) -> None:
        self._direct, self._check, self._context = direct, check, context
        self._by_proxy: dict[str, httpx2.BaseTransport] = {}

    @override
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        proxy = proxy_of(f"{url.scheme}://{url.netloc.decode()}")
        if proxy is None:
            return self._direct.handle_request(request)
        self._check(url.host, url.port or _DEFAULT_PORTS.get(url.scheme, 0))
        # Two threads may both make one: the dictionary keeps the first, and the other is closed with its last use.
        transport = self._by_proxy.get(proxy) or self._by_proxy.setdefault(proxy, self._new(proxy))
        return transport.handle_request(request)

    @override
    def close(self) -> None:
        for transport in (self._direct, *self._by_proxy.values()):
            transport.close()

    def _new(self, proxy: str) -> httpx2.BaseTransport:
        password = urlsplit(proxy).password
        secrecy.keep(password, unquote(password) if password else None)
        is_tls = proxy.startswith("https:")
        return httpx2.HTTPTransport(
            verify=self._context, proxy=httpx2.Proxy(proxy, ssl_context=self._context if is_tls else None)
        )
