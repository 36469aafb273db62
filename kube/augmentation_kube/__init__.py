"""How the programs talk to the Kubernetes API: plain JSON over the official client's transport, with typed errors.

The official client does the hard parts (configuration, TLS, token rotation). Objects stay plain dictionaries: they are
read into the models of augmentation_api or passed through, never into models of the client.
"""

from augmentation_kube.api import KubeApi
from augmentation_kube.client import connect
from augmentation_kube.errors import KubeError, KubeUnavailable
from augmentation_kube.paths import Resource, object_path
from augmentation_kube.reflector import Reflector

__all__ = [
    "KubeApi",
    "KubeError",
    "KubeUnavailable",
    "Reflector",
    "Resource",
    "connect",
    "object_path",
]
