"""HTTPS with real certificates: a renewed certificate is served without a restart."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from augmentation_gateway.server.certificate import Certificate, CertificateError


def write_certificate(folder: Path, name: str) -> bytes:
    """Write a certificate and its key for a name; return the certificate in DER."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", f"/CN={name}", "-keyout", folder / "tls.key", "-out", folder / "tls.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    return ssl.PEM_cert_to_DER_cert((folder / "tls.crt").read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "tls"


@asynccontextmanager
async def served(certificate: Certificate) -> AsyncIterator[int]:
    following = asyncio.create_task(certificate.follow(0.05))
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        following.cancel()
        server.close()


async def shown(port: int, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The certificate that a client sees, in DER."""
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    trust.maximum_version = version
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return der


async def test_renewed_certificate_is_served_to_new_connections(folder: Path) -> None:
    first = write_certificate(folder, "first")
    async with served(Certificate(folder)) as port:
        assert await shown(port) == first
        second = write_certificate(folder, "second")
        async with asyncio.timeout(60):
            while await shown(port) != second:  # noqa: ASYNC110 - the server sends no notification
                await asyncio.sleep(0.05)


async def test_unusable_certificate_leaves_previous_one_in_use(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = write_certificate(folder, "first")
    async with served(Certificate(folder)) as port:
        (folder / "tls.key").write_text("not a key")
        async with asyncio.timeout(60):
            while "still served" not in caplog.text:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)
        assert await shown(port) == first


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_client_with_outdated_tls_version_is_rejected(folder: Path) -> None:
    write_certificate(folder, "first")
    async with served(Certificate(folder)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await shown(port, ssl.TLSVersion.TLSv1_1)


def test_folder_without_certificate_is_rejected_by_name(folder: Path) -> None:
    with pytest.raises(CertificateError, match=r"tls\.crt and tls\.key cannot be served .*kubernetes\.io/tls"):
        Certificate(folder)
