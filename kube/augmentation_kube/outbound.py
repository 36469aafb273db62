"""Requests to what is outside the cluster: certificates to trust in addition, and the proxies of the environment.

All HTTP clients of the programs ask here, as libraries differ: in which case they read the variables, in whether
NO_PROXY may hold networks, and in that SSL_CERT_FILE replaces the public authorities rather than joining them.
"""

import ipaddress
import os
import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from augmentation_api.worker_contract import ENV_CA_BUNDLE

_DEFAULT_PORTS = {"http": 80, "https": 443}


class BundleError(ValueError):
    """A CA bundle that cannot be used; the message names the file and the fix."""


def tls_context() -> ssl.SSLContext:
    """A context that trusts the system's authorities, and those of the bundle in $AUGMENTATION_CA_BUNDLE.

    Raises:
        BundleError: the bundle holds no certificate that can be read.
    """
    bundle = os.environ.get(ENV_CA_BUNDLE, "")
    try:
        return _context(bundle, Path(bundle).stat().st_mtime_ns if bundle else 0)
    except OSError as error:
        raise _unusable(bundle, error) from error


@lru_cache(maxsize=2)
def _context(bundle: str, _changed_at: int) -> ssl.SSLContext:
    """Made once for each version of the bundle: the kubelet replaces the file when its ConfigMap changes."""
    context = ssl.create_default_context()
    if bundle:
        trust(context, Path(bundle))
    return context


def trust(context: ssl.SSLContext, bundle: Path) -> None:
    """Let a context trust the authorities of a file, in addition to its own. Raises BundleError."""
    try:
        context.load_verify_locations(cafile=bundle)
    except (OSError, ssl.SSLError) as error:
        raise _unusable(bundle, error) from error


def _unusable(bundle: Path | str, error: Exception) -> BundleError:
    return BundleError(
        f"the CA bundle {bundle} cannot be used ({type(error).__name__}): put certificates in PEM into the ConfigMap "
        "or Secret that caBundle names"
    )


def proxy_of(url: str, environment: Mapping[str, str] | None = None) -> str | None:
    """The proxy for a URL by HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY; None: it is reached directly."""
    variables = os.environ if environment is None else environment
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    proxy = _variable(f"{parts.scheme}_proxy", variables) or _variable("all_proxy", variables)
    if not proxy or not host:
        return None
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    excepted = _variable("no_proxy", variables).replace(" ", ",").split(",")
    if any(_is_for(entry.strip().lower(), host, port) for entry in excepted if entry.strip()):
        return None
    return _with_scheme(proxy)


def proxies() -> list[str]:
    """All proxies that the environment names."""
    named = (_variable(f"{scheme}_proxy", os.environ) for scheme in ("http", "https", "all"))
    return [_with_scheme(proxy) for proxy in named if proxy]


def _with_scheme(proxy: str) -> str:
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _is_for(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY is for a host: `*`, a domain and all below it, an address or a network."""
    if entry == "*":
        return True
    name, _, entry_port = entry.partition(":") if entry.count(":") == 1 else (entry, "", "")
    if entry_port and entry_port != str(port):
        return False
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name.strip("[]"), strict=False)
    except ValueError:
        domain = name.lstrip("*").lstrip(".")
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))
