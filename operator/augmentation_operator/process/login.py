"""Login of kopf's own watch: with the pod's projected token, which the kubelet renews within the hour.

kopf logs in again when the API server answers 401; the token is then reread, so an expired one does no harm.
The client of KubeApi rereads the same file each minute by itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kopf

IDENTITY_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """The pod's identity, else what $KUBECONFIG names; None where there is neither."""
    return in_cluster(IDENTITY_FOLDER, os.environ) or kopf.login_with_kubeconfig(**kwargs)


def in_cluster(folder: Path, environ: Mapping[str, str]) -> kopf.ConnectionInfo | None:
    """Connection to the API server at the address given to pods, with the token in `folder`; None outside of pods.

    By address, not by name: a DNS that is unavailable must not keep the operator from the API server.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    token = folder / "token"
    if not host or not port or not token.is_file():
        return None
    return kopf.ConnectionInfo(
        server=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        ca_path=folder / "ca.crt",
        token=token.read_text(encoding="ascii").strip(),
        default_namespace=(folder / "namespace").read_text(encoding="ascii").strip(),
    )
