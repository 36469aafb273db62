"""Rotation of the service account token by the kubelet: programs reread the file."""

import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import httpx
import pytest

from tests.integration.control_plane import ControlPlane
from tests.integration.operator.cluster import SYSTEM_NAMESPACE, Cluster, install_chart, path_of, until
from tests.integration.operator.jobs import Job

# The paths of a pod's identity are constants: here they point into a folder of the test.
_STARTED = """
import sys
from datetime import timedelta
from pathlib import Path
from kubernetes.aio.config import incluster_config
from augmentation_operator import __main__
from augmentation_operator.process import kopf_handlers
folder = Path(sys.argv[1])
kopf_handlers.IDENTITY_FOLDER = folder
incluster_config.SERVICE_TOKEN_FILENAME = str(folder / "token")
incluster_config.SERVICE_CERT_FILENAME = str(folder / "ca.crt")
read = incluster_config.InClusterConfigLoader._read_token_file
def read_again_each_second(self):
    self._token_refresh_period = timedelta(seconds=1)
    read(self)
incluster_config.InClusterConfigLoader._read_token_file = read_again_each_second
__main__.main([])
"""


class Identity:
    """A pod's identity files, as the kubelet maintains them; each token is bound to a Secret and expires with it."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self._cluster, self.folder = cluster, folder
        folder.mkdir()
        shutil.copy(cluster.plane.folder / "certificates" / "apiserver.crt", folder / "ca.crt")
        (folder / "namespace").write_text(SYSTEM_NAMESPACE)

    def renew(self, binding: str) -> str:
        """Write a new token to the file and return it."""
        secret = self._cluster.post(path_of("secrets", SYSTEM_NAMESPACE), {"metadata": {"name": binding}})
        bound = {"kind": "Secret", "apiVersion": "v1", "name": binding, "uid": secret["metadata"]["uid"]}
        answer = self._cluster.post(
            path_of("serviceaccounts", SYSTEM_NAMESPACE, "augmentation-operator", "token"),
            {"spec": {"expirationSeconds": 3600, "boundObjectRef": bound}},
        )
        token = str(answer["status"]["token"])
        unfinished = self.folder / ".token"
        unfinished.write_text(token)
        unfinished.replace(self.folder / "token")
        return token

    def end(self, binding: str, token: str) -> None:
        """Wait until the API server rejects the token of a binding."""
        self._cluster.delete(path_of("secrets", SYSTEM_NAMESPACE, binding))

        def is_refused() -> bool:
            try:
                Cluster(self._cluster.plane, token).get(path_of("augmentationjobs", "robots"))
            except httpx.HTTPStatusError as error:
                return error.response.status_code == 401
            return False

        until(is_refused, lambda: "the old token is still good")


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path / "plane") as plane:
        install_chart(plane)
        yield plane


def test_operator_uses_rotated_token(plane: ControlPlane, tmp_path: Path) -> None:
    cluster = Cluster(plane)
    cluster.post("/api/v1/namespaces", {"metadata": {"name": "robots"}})
    identity = Identity(cluster, tmp_path / "identity")
    first = identity.renew("first")
    log = tmp_path / "operator.log"
    host, _, port = plane.url.removeprefix("https://").partition(":")
    environment = {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "AUGMENTATION_LIVENESS_ADDRESS": "127.0.0.1:0",
    }
    with log.open("wb") as written:
        operator = Popen(
            [sys.executable, "-c", _STARTED, identity.folder], stdout=written, stderr=written, env=_with(environment)
        )
    try:
        before = Job(cluster)
        until(lambda: before.children() != {}, log.read_text)
        second = identity.renew("second")
        assert second != first
        identity.end("first", first)
        time.sleep(1.5)  # the file is reread each second here, each minute in a pod
        # An open watch outlives its token: it is rejected only when it is reopened.
        plane.stop_api_server()
        plane.start_api_server()
        after = Job(cluster)
        until(lambda: after.children() != {}, log.read_text)
        assert operator.poll() is None
    finally:
        operator.terminate()
        operator.wait(60)


def _with(environment: dict[str, str]) -> dict[str, str]:
    import os

    return {**{name: value for name, value in os.environ.items() if name != "KUBECONFIG"}, **environment}
