"""Requests to the trace collector, which trust the CA bundle as all others of the gateway do."""

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from typing_extensions import override

from augmentation_kube.outbound import tls_context


class _TrustingAdapter(HTTPAdapter):
    @override
    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options, ssl_context=tls_context())

    @override
    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=tls_context())


def trusting_session() -> requests.Session:
    """A session for OpenTelemetry's exporter; proxies are those of the environment. Raises BundleError."""
    session = requests.Session()
    session.mount("https://", _TrustingAdapter())
    return session
