"""The gateway with TLS and a real API server."""

import ssl
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import READY_SECONDS, GatewayProcess


def test_gateway_with_certificate_serves_https_only(granted: ControlPlane, tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    process = GatewayProcess(
        tmp_path, granted.kubeconfig_of("gateway"), environment={"AUGMENTATION_TLS_FOLDER": str(folder)}
    )
    process.create_key("full", "--namespace", "robots")
    process.start()
    try:
        trust = ssl.create_default_context(cafile=folder / "tls.crt")
        url = process.url.replace("http:", "https:")
        with httpx.Client(base_url=url, verify=trust, timeout=60, trust_env=False) as client:
            deadline = time.monotonic() + READY_SECONDS
            while not _answers(client):
                assert process._process is not None
                assert process._process.poll() is None, process.log
                assert time.monotonic() < deadline, process.log
                time.sleep(0.1)
            assert client.get("/v1/augmentation", headers={"x-api-key": process.keys["full"]}).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{process.url}/healthz", trust_env=False)
    finally:
        process.stop()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_missing_certificate_stops_gateway_with_fix(granted: ControlPlane, tmp_path: Path) -> None:
    process = GatewayProcess(
        tmp_path, granted.kubeconfig_of("gateway"), environment={"AUGMENTATION_TLS_FOLDER": str(tmp_path / "none")}
    )
    process.create_key("full", "--namespace", "robots")
    process.start()
    assert process._process is not None
    assert process._process.wait(READY_SECONDS) == 2
    assert "as in a Secret of type kubernetes.io/tls" in process.log
