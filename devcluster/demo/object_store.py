"""The S3 store of `make demo STORE=s3`: versitygw as a pod, the sample dataset in it, and results read back."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import obstore
import yaml
from obstore.store import S3Store

from devcluster import commands, pins
from devcluster.demo.dataset import SAMPLE
from devcluster.demo.installation import (
    STORE_BUCKET,
    STORE_NAMESPACE,
    STORE_PORT,
    STORE_SECRET,
    Installation,
    restricted_namespace,
    secret,
    secret_values,
)
from devcluster.demo.port_forward import forward
from devcluster.progress import step
from devcluster.provider import detect_provider
from devcluster.settings import CHECKOUT, Settings
from devcluster.tool_image import publish_tool
from devcluster.tools import tool_path

_BINARY = "versitygw"
_KEYS = "versitygw-keys"
_DOCKERFILE = f'FROM scratch\nCOPY {_BINARY} /{_BINARY}\nUSER 65532:65532\nENTRYPOINT ["/{_BINARY}"]\n'
_LOCAL_PORT = 18082
_LAST = "meta/info.json"
"""The file by which readers enter: who finds it, finds the rest."""


@dataclass(frozen=True)
class DemoStore:
    """The store, as this machine reaches it.

    Attributes:
        endpoint: its URL on this machine.
        keys: access key and secret key, as a Secret has them.
    """

    endpoint: str
    keys: dict[str, str]

    def url(self, path: str) -> str:
        """The URL of a folder of its bucket."""
        return f"s3://{STORE_BUCKET}/{path}"

    def client(self) -> S3Store:
        """A client of its bucket."""
        return S3Store(
            STORE_BUCKET,
            endpoint=self.endpoint,
            region="us-east-1",
            access_key_id=self.keys["AWS_ACCESS_KEY_ID"],
            secret_access_key=self.keys["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )

    def upload_sample(self, path: str) -> None:
        """Put the sample dataset into a folder, unless it is there."""
        client = self.client()
        if self.files(f"{path}/{_LAST}"):
            return
        for file in sorted(each for each in SAMPLE.rglob("*") if each.is_file()):
            name = file.relative_to(SAMPLE).as_posix()
            if name != _LAST:
                obstore.put(client, f"{path}/{name}", file.read_bytes())
        obstore.put(client, f"{path}/{_LAST}", (SAMPLE / _LAST).read_bytes())

    def files(self, path: str) -> list[str]:
        """The keys that begin with a path."""
        return [found["path"] for chunk in obstore.list(self.client(), path) for found in chunk]

    def download(self, path: str, folder: Path) -> None:
        """Copy all files of a folder."""
        client = self.client()
        for key in self.files(f"{path}/"):
            target = folder / key.removeprefix(f"{path}/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(bytes(obstore.get(client, key).bytes()))


def install_store(settings: Settings, installation: Installation, namespace: str) -> DemoStore:
    """See to it that the store runs, and that jobs of a namespace have its keys. Safe to repeat."""
    kubectl = installation.kubectl
    provider = detect_provider() if settings.existing else commands.require_recorded(settings).provider
    destination = commands.destination(settings)
    tool_set = pins.tool_set_of(_BINARY)
    assert tool_set is not None  # noqa: S101
    program = tool_path(_BINARY, settings.cache)
    tag = publish_tool(tool_set, _BINARY, _DOCKERFILE, {_BINARY: program}, provider, destination, settings.cache)
    with step("S3 store"):
        keys = secret_values(kubectl, _KEYS, STORE_NAMESPACE) or {
            "AWS_ACCESS_KEY_ID": f"demo{secrets.token_hex(6)}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
        }
        text = (CHECKOUT / "devcluster" / "versitygw" / "manifest.yaml").read_text()
        objects = list(yaml.safe_load_all(text.replace("VERSITYGW_IMAGE", f"{destination.pull}/{_BINARY}:{tag}")))
        for each in objects:
            each["metadata"]["namespace"] = STORE_NAMESPACE
        kubectl.apply(
            restricted_namespace(STORE_NAMESPACE),
            secret(_KEYS, STORE_NAMESPACE, keys),
            secret(STORE_SECRET, namespace, keys),
            *objects,
        )
        kubectl.run("rollout", "status", "deployment/versitygw", "--namespace", STORE_NAMESPACE, "--timeout=180s")
        port = forward(kubectl, STORE_NAMESPACE, "versitygw", _LOCAL_PORT, STORE_PORT, settings.images_file.parent)
    return DemoStore(f"http://127.0.0.1:{port}", keys)
