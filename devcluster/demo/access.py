"""How to reach an installation: addresses and credentials, as the demo leaves them for going on by hand."""

import shlex
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Access:
    """An installation as one user sees it.

    Attributes:
        gateway_url: base URL of the REST gateway from this machine.
        api_key: a key that may read and write the jobs of `namespace`.
        hub_endpoint: base URL of the local hub from this machine.
        hub_token: token with the right to write to the `demo` user's datasets.
        kubeconfig: file that leads kubectl to the cluster.
        namespace: namespace of this user's jobs.
    """

    gateway_url: str
    api_key: str
    hub_endpoint: str
    hub_token: str
    kubeconfig: Path
    namespace: str

    def write_env(self, path: Path) -> None:
        """Write shell assignments to a file that only its owner may read."""
        values = {
            "GATEWAY_URL": self.gateway_url,
            "API_KEY": self.api_key,
            "HUB_ENDPOINT": self.hub_endpoint,
            "HUB_TOKEN": self.hub_token,
            "KUBECONFIG": str(self.kubeconfig),
            "NAMESPACE": self.namespace,
            # What the `augmentation` command reads.
            "AUGMENTATION_URL": self.gateway_url,
            "AUGMENTATION_KEY": self.api_key,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items()))
