"""How the programs talk to the Kubernetes API: plain JSON over the official client's transport, with typed errors.

The official client does what is hard (configuration, TLS, token rotation); objects stay the dictionaries that the API
sends, because they are read into augmentation_api's models or passed through, never into the client's own.
"""

from augmentation_kube.api import Collection, KubeApi
from augmentation_kube.client import connect
from augmentation_kube.errors import KubeError, KubeUnavailable
from augmentation_kube.paths import Resource, object_path
from augmentation_kube.reflector import Reflector

__all__ = [
    "Collection",
    "KubeApi",
    "KubeError",
    "KubeUnavailable",
    "Reflector",
    "Resource",
    "connect",
    "object_path",
]
