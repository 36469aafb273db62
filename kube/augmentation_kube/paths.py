"""URL paths of the resources this project touches."""

from enum import Enum
from typing import NamedTuple

from augmentation_api.identifiers import CLASS_PLURAL, GROUP, JOB_PLURAL, VERSION


class _Location(NamedTuple):
    prefix: str
    plural: str


class Resource(Enum):
    """A resource of the Kubernetes API and its URL path."""

    AUGMENTATION_JOBS = _Location(f"/apis/{GROUP}/{VERSION}", JOB_PLURAL)
    AUGMENTATION_CLASSES = _Location(f"/apis/{GROUP}/{VERSION}", CLASS_PLURAL)
    JOBS = _Location("/apis/batch/v1", "jobs")
    PODS = _Location("/api/v1", "pods")
    NODES = _Location("/api/v1", "nodes")
    EVENTS = _Location("/api/v1", "events")
    SECRETS = _Location("/api/v1", "secrets")
    CONFIG_MAPS = _Location("/api/v1", "configmaps")
    SERVICE_ACCOUNTS = _Location("/api/v1", "serviceaccounts")
    ROLES = _Location("/apis/rbac.authorization.k8s.io/v1", "roles")
    ROLE_BINDINGS = _Location("/apis/rbac.authorization.k8s.io/v1", "rolebindings")
    NETWORK_POLICIES = _Location("/apis/networking.k8s.io/v1", "networkpolicies")
    ENDPOINT_SLICES = _Location("/apis/discovery.k8s.io/v1", "endpointslices")
    CUSTOM_RESOURCES = _Location("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions")
    LEASES = _Location("/apis/coordination.k8s.io/v1", "leases")
    PRIORITY_CLASSES = _Location("/apis/scheduling.k8s.io/v1", "priorityclasses")
    # Of Kueue, where it is installed. The last one is its visibility API.
    WORKLOADS = _Location("/apis/kueue.x-k8s.io/v1beta2", "workloads")
    LOCAL_QUEUES = _Location("/apis/kueue.x-k8s.io/v1beta2", "localqueues")
    VISIBLE_QUEUES = _Location("/apis/visibility.kueue.x-k8s.io/v1beta2", "localqueues")

    @classmethod
    def of(cls, kind: str) -> "Resource":
        """The resource of a `kind`. Raises KeyError for a kind that this project never creates."""
        return _BY_KIND[kind]


_BY_KIND = {
    "AugmentationJob": Resource.AUGMENTATION_JOBS,
    "AugmentationClass": Resource.AUGMENTATION_CLASSES,
    "Job": Resource.JOBS,
    "Event": Resource.EVENTS,
    "ConfigMap": Resource.CONFIG_MAPS,
    "ServiceAccount": Resource.SERVICE_ACCOUNTS,
    "Role": Resource.ROLES,
    "RoleBinding": Resource.ROLE_BINDINGS,
}


def object_path(
    resource: Resource, namespace: str | None = None, name: str | None = None, subresource: str | None = None
) -> str:
    """Path of a collection (no name), an object, or an object's subresource. No namespace: cluster-wide."""
    parts = [resource.value.prefix]
    if namespace:
        parts += ["namespaces", namespace]
    parts.append(resource.value.plural)
    parts += [part for part in (name, subresource) if part]
    return "/".join(parts)
