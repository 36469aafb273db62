"""A hub with a certificate of a company's own authority, behind the company's proxy."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from augmentation_api import FailureReason, PhaseName
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.destinations import Destinations, checked_transport
from devcluster.localhub.app import create_app
from devcluster.localhub.server import server_of
from devcluster.localhub.store import Store
from devcluster.localhub.tokens import Tokens
from tests.fixtures.authority import Authority
from tests.integration.forward_proxy import ForwardProxy, forward_proxy
from tests.integration.listener import listening
from tests.integration.worker.conftest import TOKENS, WRITE, Hub
from tests.integration.worker.image_datasets import image_folder
from tests.integration.worker.jobs import local_run, spec_of

NAME = "hub.company.test"
"""A name that nobody resolves but the proxy."""
SAMPLE = "lab/images"
PASSWORD = "between-us-two"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def port(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a hub that speaks TLS only, with the sample in it."""
    certificate = authority.server_certificate(NAME, "127.0.0.1")
    store = Store(tmp_path_factory.mktemp("hub"))
    server = server_of(create_app(store, Tokens.from_text(TOKENS)))
    server.config.ssl_certfile = server.config.ssl_keyfile = certificate
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    (listener,) = server.servers[0].sockets
    number = int(listener.getsockname()[1])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.certificate))
        set_client_factory(default_client_factory)
        endpoint = f"https://127.0.0.1:{number}"
        images = image_folder(tmp_path_factory.mktemp("images"))
        Hub(endpoint, HfApi(endpoint=endpoint, token=WRITE)).publish(SAMPLE, images, tag=None)
    yield number
    server.should_exit = True
    thread.join()
    store.close()


@pytest.fixture
def proxy() -> Iterator[ForwardProxy]:
    with forward_proxy({NAME: "127.0.0.1"}, PASSWORD) as running:
        yield running


def test_whole_job_goes_through_the_proxy_to_a_hub_of_a_private_authority(
    port: int, authority: Authority, proxy: ForwardProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")
    spec = spec_of(SAMPLE, copies=1) | {"output": {"hub": {"repoID": "lab/by-proxy"}}}
    run = local_run(tmp_path / "job", f"https://{NAME}:{port}", WRITE, spec)
    run.run_all()
    output = run.job.status.output
    assert output is not None
    assert output.revision
    assert set(proxy.asked) == {f"{NAME}:{port}"}
    assert PASSWORD not in secrecy.redacted(f"the proxy says {PASSWORD}")


def test_proxy_that_refuses_is_said_to_and_its_password_is_not(
    port: int, authority: Authority, proxy: ForwardProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace(PASSWORD, "a-wrong-password"))
    run = local_run(tmp_path / "job", f"https://{NAME}:{port}", WRITE, spec_of(SAMPLE), retry_seconds=0)
    with pytest.raises(WorkerFailure, match="the proxy in between refuses") as caught:
        run.run(PhaseName.RESOLVE)
    assert proxy.refused == 1
    assert "password" not in caught.value.message


def test_hub_of_an_authority_that_is_not_trusted_is_said_to_be_so(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUGMENTATION_CA_BUNDLE", raising=False)
    run = local_run(tmp_path / "job", f"https://127.0.0.1:{port}", WRITE, spec_of(SAMPLE))
    with pytest.raises(WorkerFailure, match=r"is not trusted .*: set caBundle of the AugmentationClass") as caught:
        run.run(PhaseName.RESOLVE)
    assert caught.value.reason.is_permanent
    assert not [event for event in run.job.status.phase(PhaseName.RESOLVE).events if event.status == "retrying"]


def test_bundle_without_a_certificate_is_named_with_the_fix(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_text("-----BEGIN CERTIFICATE-----\n")
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(bundle))
    run = local_run(tmp_path / "job", f"https://127.0.0.1:{port}", WRITE, spec_of(SAMPLE), retry_seconds=0)
    with pytest.raises(WorkerFailure, match=r"the CA bundle .*ca\.crt cannot be used .*caBundle") as caught:
        run.run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.HUB_UNTRUSTED


def test_token_goes_through_a_proxy_to_the_hub_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as hub, forward_proxy({NAME: "127.0.0.1", "cdn.company.test": "127.0.0.1"}) as proxy:
        number = hub.url.rpartition(":")[2]
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        endpoint, storage = f"http://{NAME}:{number}", f"http://cdn.company.test:{number}"
        headers = {"Authorization": f"Bearer {WRITE}"}
        with httpx2.Client(transport=checked_transport(Destinations(endpoint), WRITE), headers=headers) as client:
            assert client.get(f"{endpoint}/api").content == client.get(f"{storage}/blob").content == b"here"
        assert proxy.asked == [f"{NAME}:{number}", f"cdn.company.test:{number}"]
        assert [each.get("authorization") for each in hub.headers] == [f"Bearer {WRITE}", None]


def test_proxy_is_not_asked_for_what_a_hub_may_not_send_to(
    port: int, authority: Authority, proxy: ForwardProxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    client = httpx2.Client(transport=checked_transport(Destinations("https://203.0.114.5"), None))
    for address in ("169.254.169.254", "10.0.0.1", f"127.0.0.1:{port}"):
        with pytest.raises(WorkerFailure, match="sends this pod to"):
            client.get(f"https://{address}/latest/meta-data")
    assert proxy.asked == []
