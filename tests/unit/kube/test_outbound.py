"""Which proxy a request takes, and what is trusted in addition to the public authorities."""

import os
import ssl
from pathlib import Path

import pytest

from augmentation_api.outbound import Proxy, proxy_variables
from augmentation_kube.outbound import BundleError, proxy_of, tls_context
from tests.fixtures.authority import Authority

PROXIES = {"HTTPS_PROXY": "http://proxy:3128", "http_proxy": "plain:80"}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://hub.example/x", "http://proxy:3128"),
        ("http://hub.example/x", "http://plain:80"),
        ("ftp://hub.example/x", None),
        ("https:///x", None),
    ],
)
def test_proxy_follows_the_scheme(url: str, proxy: str | None) -> None:
    assert proxy_of(url, PROXIES) == proxy


@pytest.mark.parametrize(
    ("url", "no_proxy", "direct"),
    [
        ("https://hub.example", "hub.example", True),
        ("https://a.hub.example", "hub.example", True),
        ("https://a.hub.example", ".hub.example", True),
        ("https://a.hub.example", "*.hub.example", True),
        ("https://nothub.example", "hub.example", False),
        ("https://HUB.example", "Hub.Example", True),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://11.1.2.3", "10.0.0.0/8", False),
        ("https://[fd00::1]", "fd00::/8", True),
        ("https://hub.example:8443", "hub.example:8443", True),
        ("https://hub.example", "hub.example:443", True),
        ("https://hub.example:8443", "hub.example:443", False),
        ("https://hub.example", "other.example, hub.example", True),
        ("https://hub.example", "*", True),
        ("https://hub.example", "", False),
        ("https://hub.example", ",, /8", False),
    ],
)
def test_no_proxy_names_hosts_domains_networks_and_ports(url: str, no_proxy: str, direct: bool) -> None:
    assert (proxy_of(url, {**PROXIES, "NO_PROXY": no_proxy}) is None) is direct


@pytest.mark.parametrize(
    "url", ["https://10.96.0.1", "https://kubernetes.default.svc", "http://minio.data.svc.cluster.local:9000"]
)
def test_proxy_of_a_class_is_for_nothing_of_the_cluster(url: str) -> None:
    proxy = Proxy(http="http://p:3128", https="http://p:3128", no_proxy=[".corp.example"])
    variables = proxy_variables(proxy, "10.96.0.1")
    assert proxy_of(url, variables) is None
    assert proxy_of("https://huggingface.co", variables) == "http://p:3128"
    assert proxy_of("https://hub.corp.example", variables) is None
    assert variables["no_proxy"] == variables["NO_PROXY"]


def is_trusted(client: ssl.SSLContext, server: ssl.SSLContext) -> bool:
    """Whether a client with this context accepts a server of it, named hub.test: a handshake in memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname="hub.test")
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (one, other):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return True


def test_bundle_joins_the_public_authorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {name: tmp_path / name for name in ("public", "private", "strange")}
    for folder in folders.values():
        folder.mkdir()
    public, private, strange = (Authority(folder) for folder in folders.values())
    monkeypatch.setenv("SSL_CERT_FILE", str(public.certificate))  # as the system's authorities
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(private.certificate))
    trusting = tls_context()
    assert trusting is tls_context()
    servers = [authority.server_context("hub.test") for authority in (public, private, strange)]
    assert [is_trusted(trusting, server) for server in servers] == [True, True, False]
    assert is_trusted(trusting, private.server_context("other.test")) is False
    private.certificate.write_bytes(strange.certificate.read_bytes())
    os.utime(private.certificate, (1, 1))
    assert [is_trusted(tls_context(), server) for server in servers] == [True, False, True]  # a renewed one is read


def test_bundle_that_cannot_be_read_names_the_file_and_the_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.crt"
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(bundle))
    with pytest.raises(BundleError, match=r"ca\.crt cannot be used \(FileNotFoundError\).*caBundle"):
        tls_context()
    bundle.write_text("no certificate")
    with pytest.raises(BundleError, match=r"ca\.crt cannot be used \(SSLError\).*caBundle"):
        tls_context()
