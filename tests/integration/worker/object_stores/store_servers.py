"""Real servers of the three protocols, each with its own address, and what makes buckets in them."""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from augmentation_api.worker_contract import StoreAccess
from devcluster.azurite import azurite_command
from devcluster.settings import cache_folder
from devcluster.tools import tool_path
from tests.integration.worker.object_stores.gcs_xml import XmlWrites
from tests.integration.worker.object_stores.store_proxy import StoreProxy, proxied

Kind = Literal["s3", "gcs", "azure"]
S3_USER, S3_PASSWORD = "lab-user", "lab-password-of-the-store"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Of Azurite, which everybody has: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite."""


@dataclass(frozen=True)
class StoreServer:
    """A running store.

    Attributes:
        kind: which protocol.
        url: its address, where nothing is between.
        credentials: folder with the files of a Secret.
        proxy: what requests go through.
    """

    kind: Kind
    url: str
    credentials: Path
    proxy: StoreProxy = field(compare=False)

    def access(self, bucket: str, path: str, *, direct: bool = False, **more: Any) -> StoreAccess:
        """How a pod reaches a folder."""
        base = self.url if direct and self.kind != "gcs" else self.proxy.url
        account = AZURE_ACCOUNT if self.kind == "azure" else None
        known: dict[str, Any] = {
            "kind": self.kind,
            "bucket": bucket,
            "path": path,
            "account": account,
            "endpoint": f"{base}/{account}" if account else base,
            "region": "us-east-1" if self.kind == "s3" else None,
            "identity": "secret",
            "secret": "store-key",
            "credentials_folder": str(self.credentials),
        }
        return StoreAccess(**{**known, **more})

    def make_bucket(self, name: str, **headers: str) -> None:
        """Make an empty bucket."""
        match self.kind:
            case "s3":
                self.s3("PUT", f"/{name}", headers=headers)
            case "gcs":
                body = json.dumps({"name": name}).encode()
                _send("POST", f"{self.url}/storage/v1/b?project=lab", body, {"Content-Type": "application/json"})
            case "azure":
                self._azure_container(name)

    def s3(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"", query: str = "") -> bytes:
        """A request that obstore has no word for."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        signed = {
            "host": urlsplit(self.url).netloc,
            "x-amz-content-sha256": digest,
            "x-amz-date": now,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        names = ";".join(sorted(signed))
        lines = [f"{name}:{signed[name]}" for name in sorted(signed)]
        request = "\n".join([method, quote(path), query, *lines, "", names, digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = f"AWS4{S3_PASSWORD}".encode()
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), "sha256").digest()
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        authorization = f"AWS4-HMAC-SHA256 Credential={S3_USER}/{scope}, SignedHeaders={names}, Signature={signature}"
        signed.pop("host")
        return _send(method, f"{self.url}{quote(path)}?{query}", body, {**signed, "Authorization": authorization})

    def _azure_container(self, name: str) -> None:
        date, version = formatdate(usegmt=True), "2021-12-02"
        resource = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{name}\nrestype:container"
        text = "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n{resource}"
        signature = base64.b64encode(hmac.new(base64.b64decode(AZURE_KEY), text.encode(), "sha256").digest()).decode()
        headers = {
            "x-ms-date": date,
            "x-ms-version": version,
            "Authorization": f"SharedKey {AZURE_ACCOUNT}:{signature}",
            "Content-Length": "0",
        }
        _send("PUT", f"{self.url}/{AZURE_ACCOUNT}/{name}?restype=container", b"", headers)


@contextmanager
def running_store(kind: Kind, folder: Path, port: int) -> Iterator[StoreServer]:
    """Start a server on a free port of loopback, with its data below `folder`."""
    credentials, data = folder / "secret", folder / "data"
    credentials.mkdir(parents=True)
    data.mkdir()
    command, environment = _command(kind, data, port)
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url, process, log)
        with proxied(url, translate=XmlWrites() if kind == "gcs" else None) as proxy:
            for name, content in _secret(kind, proxy.url).items():
                (credentials / name).write_text(content)
            yield StoreServer(kind, url, credentials, proxy)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(kind: Kind, data: Path, port: int) -> tuple[list[str], Mapping[str, str]]:
    cache = cache_folder(os.environ)
    match kind:
        case "s3":
            for part in ("buckets", "metadata", "versions"):
                (data / part).mkdir()
            options = ["--quiet", "--keep-alive", "--port", f"127.0.0.1:{port}", "posix"]
            options += ["--sidecar", str(data / "metadata"), "--versioning-dir", str(data / "versions")]
            keys = {"ROOT_ACCESS_KEY_ID": S3_USER, "ROOT_SECRET_ACCESS_KEY": S3_PASSWORD}
            return [str(tool_path("versitygw", cache)), *options, str(data / "buckets")], keys
        case "gcs":
            options = ["-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port)]
            options += ["-public-host", f"127.0.0.1:{port}", "-log-level", "error"]
            return [str(tool_path("fake-gcs-server", cache)), *options], {}
        case "azure":
            options = ["--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port)]
            return [*azurite_command(cache), *options, "--skipApiVersionCheck", "--silent", "--disableTelemetry"], {}


def _secret(kind: Kind, url: str) -> Mapping[str, str]:
    match kind:
        case "s3":
            return {"AWS_ACCESS_KEY_ID": S3_USER, "AWS_SECRET_ACCESS_KEY": S3_PASSWORD}
        case "gcs":
            # Without a sign-in, which the emulator does not have.
            key = {
                "gcs_base_url": url,
                "disable_oauth": True,
                "client_email": "",
                "private_key": "",
                "private_key_id": "",
            }
            return {"service-account.json": json.dumps(key)}
        case "azure":
            return {"AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY}


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except HTTPError:
            return  # it answers
        except (URLError, OSError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the store did not start: {log.read_text()}") from None
            time.sleep(0.05)


def _send(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    request = urllib.request.Request(url, data=body or None, method=method, headers=dict(headers))
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return bytes(answer.read())
    except HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.code} {error.read()[:500]!r}") from error


def of_path(access: StoreAccess, path: str) -> StoreAccess:
    """Another folder of the same bucket."""
    return access.model_copy(update={"path": path})
