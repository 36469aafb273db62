"""The podTemplate of a class merged into a pod of the operator, which has the last word.

Lists are merged by the keys of Kubernetes' strategic merge: variables, volumes and containers by name, mounts by path.
Where both have an entry, the operator's stays: a class adds to a pod and takes nothing from it (docs/decisions/0055).
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

from augmentation_api.model import Model
from augmentation_api.pod_container import InitContainer
from augmentation_api.pod_fields import Resources
from augmentation_api.pod_scheduling import TopologySpreadConstraint
from augmentation_api.pod_template import PodSecurity, PodTemplate
from augmentation_operator.manifests.manifest import Manifest
from augmentation_operator.manifests.pod_resources import pod_resources

RESTRICTED_CONTAINER: Final[Manifest] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}
_ADDED_CONTAINER_RESOURCES: Final = Resources(requests={"cpu": "50m", "memory": "64Mi"}, limits={"memory": "256Mi"})
_NO_SCRATCH: Final = "0"
_REQUIRED: Final = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED: Final = "preferredDuringSchedulingIgnoredDuringExecution"


def with_template(pod: Manifest, template: PodTemplate | None, *, is_augment: bool) -> Manifest:
    """A pod template of the operator with what the class adds.

    Args:
        pod: `metadata` and `spec` as the operator makes them, with one container; it is not changed.
        is_augment: whether its pods do the class's work: they alone get its claims of devices, and are spread.
    """
    if template is None:
        return pod
    base, labels = pod["spec"], pod["metadata"]["labels"]
    (worker,) = base["containers"]
    metadata: Manifest = {**pod["metadata"], "labels": {**template.labels, **labels}}
    if template.annotations:
        metadata["annotations"] = {**template.annotations, **pod["metadata"].get("annotations", {})}
    worker = {
        **worker,
        "env": _merged("name", worker["env"], template.env),
        "volumeMounts": _merged("mountPath", worker["volumeMounts"], template.volume_mounts),
    }
    spec: Manifest = {
        **base,
        "securityContext": _security(base["securityContext"], template.security_context),
        "containers": [worker],
        "volumes": _merged("name", base["volumes"], template.volumes),
    }
    if template.init_containers:
        spec["initContainers"] = [_init_container(each) for each in template.init_containers]
    if template.node_selector:
        spec["nodeSelector"] = {**template.node_selector, **base.get("nodeSelector", {})}
    if template.tolerations:
        own = base.get("tolerations", [])
        spec["tolerations"] = [*own, *(each for each in _plain(template.tolerations) if each not in own)]
    if template.affinity is not None:
        spec["affinity"] = _affinity(base.get("affinity", {}), _as_given(template.affinity))
    if is_augment and template.resource_claims:
        spec["resourceClaims"] = _plain(template.resource_claims)
        worker["resources"] = {
            **worker["resources"],
            "claims": [{"name": each.name} for each in template.resource_claims],
        }
    if is_augment and template.topology_spread_constraints:
        spec["topologySpreadConstraints"] = [_spread(each, labels) for each in template.topology_spread_constraints]
    return {"metadata": metadata, "spec": spec}


def _as_given(model: Model) -> Manifest:
    """A model as Kubernetes takes it, without what is empty or Kubernetes' own default."""
    return model.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _plain(models: Sequence[Model]) -> list[Manifest]:
    return [_as_given(model) for model in models]


def _merged(key: str, own: Sequence[Manifest], added: Sequence[Model]) -> list[Manifest]:
    taken = {each[key] for each in own}
    return [*own, *(each for each in _plain(added) if each[key] not in taken)]


def _security(own: Manifest, wanted: PodSecurity) -> Manifest:
    assigned = {"runAsUser", "runAsGroup", "fsGroup"} if wanted.omit_ids else set()
    kept = {name: value for name, value in own.items() if name not in assigned}
    given = _as_given(wanted)
    given.pop("omitIDs", None)
    return {**kept, **given}


def _init_container(container: InitContainer) -> Manifest:
    stated = container.resources if container.resources.requests or container.resources.limits else None
    return {
        **_as_given(container),
        "resources": pod_resources(stated or _ADDED_CONTAINER_RESOURCES, _NO_SCRATCH),
        "securityContext": {**RESTRICTED_CONTAINER, **_as_given(container.security_context)},
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _affinity(own: Manifest, added: Manifest) -> Manifest:
    """Both affinities: a node has to meet one term of each, so every pair of terms is a term."""
    nodes, more = own.get("nodeAffinity", {}), added.get("nodeAffinity", {})
    merged: Manifest = {**added, **own}
    combined: Manifest = {}
    groups = [part[_REQUIRED]["nodeSelectorTerms"] for part in (nodes, more) if _REQUIRED in part]
    if groups:
        combined[_REQUIRED] = {"nodeSelectorTerms": [_both(terms) for terms in product(*groups)]}
    if preferred := [*nodes.get(_PREFERRED, []), *more.get(_PREFERRED, [])]:
        combined[_PREFERRED] = preferred
    if combined:
        merged["nodeAffinity"] = combined
    return merged


def _both(terms: Sequence[Manifest]) -> Manifest:
    parts = ("matchExpressions", "matchFields")
    joined: dict[str, list[Any]] = {part: [each for term in terms for each in term.get(part, [])] for part in parts}
    return {part: requirements for part, requirements in joined.items() if requirements}


def _spread(constraint: TopologySpreadConstraint, labels: Manifest) -> Manifest:
    stated = _as_given(constraint)
    stated.setdefault("labelSelector", {"matchLabels": dict(labels)})
    return {"maxSkew": constraint.max_skew, "whenUnsatisfiable": constraint.when_unsatisfiable, **stated}
