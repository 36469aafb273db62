"""The certificate for HTTPS, reloaded without a restart when cert-manager renews it."""

import asyncio
import logging
import ssl
from pathlib import Path

_log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0
"""How often the files are checked."""


class CertificateError(Exception):
    """A certificate that cannot be served; the message names the files and the fix."""


class Certificate:
    """tls.crt and tls.key in a folder, the keys of a Secret of type kubernetes.io/tls.

    Raises CertificateError if they cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self._certificate, self._key = folder / "tls.crt", folder / "tls.key"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._loaded = b""
        self._load()

    async def follow(self, seconds: float = CHECK_SECONDS) -> None:
        """Reload the certificate when its files change; an unusable one leaves the last one in use."""
        while True:
            await asyncio.sleep(seconds)
            try:
                if self._load():
                    _log.info("the certificate was renewed")
            except CertificateError as error:
                _log.error("the last certificate is still served: %s", error)

    def _load(self) -> bool:
        """Load the files if they have changed. Returns whether they had."""
        try:
            content = self._certificate.read_bytes() + self._key.read_bytes()
            if content == self._loaded:
                return False
            # Into another context first: a key that does not match would leave this one half changed.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self._certificate, self._key)
            self.context.load_cert_chain(self._certificate, self._key)
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(
                f"{self._certificate} and {self._key.name} cannot be served ({type(error).__name__}): put a certificate"
                " and its key there, in PEM, as in a Secret of type kubernetes.io/tls"
            ) from error
        self._loaded = content
        return True
