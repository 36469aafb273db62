"""The resources this project touches: URL paths and kinds."""

from enum import Enum
from typing import NamedTuple

from augmentation_api.identifiers import CLASS_KIND, CLASS_PLURAL, GROUP, JOB_KIND, JOB_PLURAL, VERSION


class _Type(NamedTuple):
    prefix: str
    plural: str
    kind: str


class Resource(Enum):
    """A resource of the Kubernetes API: its URL path, and the kind of its objects."""

    AUGMENTATION_JOBS = _Type(f"/apis/{GROUP}/{VERSION}", JOB_PLURAL, JOB_KIND)
    AUGMENTATION_CLASSES = _Type(f"/apis/{GROUP}/{VERSION}", CLASS_PLURAL, CLASS_KIND)
    JOBS = _Type("/apis/batch/v1", "jobs", "Job")
    PODS = _Type("/api/v1", "pods", "Pod")
    NODES = _Type("/api/v1", "nodes", "Node")
    NAMESPACES = _Type("/api/v1", "namespaces", "Namespace")
    EVENTS = _Type("/api/v1", "events", "Event")
    SECRETS = _Type("/api/v1", "secrets", "Secret")
    CONFIG_MAPS = _Type("/api/v1", "configmaps", "ConfigMap")
    SERVICE_ACCOUNTS = _Type("/api/v1", "serviceaccounts", "ServiceAccount")
    ROLES = _Type("/apis/rbac.authorization.k8s.io/v1", "roles", "Role")
    ROLE_BINDINGS = _Type("/apis/rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding")
    NETWORK_POLICIES = _Type("/apis/networking.k8s.io/v1", "networkpolicies", "NetworkPolicy")
    ENDPOINT_SLICES = _Type("/apis/discovery.k8s.io/v1", "endpointslices", "EndpointSlice")
    CUSTOM_RESOURCES = _Type("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition")
    LEASES = _Type("/apis/coordination.k8s.io/v1", "leases", "Lease")
    PRIORITY_CLASSES = _Type("/apis/scheduling.k8s.io/v1", "priorityclasses", "PriorityClass")
    # Of Kueue, where it is installed. The last one is its visibility API.
    WORKLOADS = _Type("/apis/kueue.x-k8s.io/v1beta2", "workloads", "Workload")
    LOCAL_QUEUES = _Type("/apis/kueue.x-k8s.io/v1beta2", "localqueues", "LocalQueue")
    WORKLOAD_PRIORITY_CLASSES = _Type(
        "/apis/kueue.x-k8s.io/v1beta2", "workloadpriorityclasses", "WorkloadPriorityClass"
    )
    VISIBLE_QUEUES = _Type("/apis/visibility.kueue.x-k8s.io/v1beta2", "localqueues", "LocalQueue")

    @classmethod
    def of(cls, kind: str) -> "Resource":
        """The resource of a `kind`. Raises KeyError for a kind that this project does not use."""
        return {resource.value.kind: resource for resource in cls}[kind]


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
