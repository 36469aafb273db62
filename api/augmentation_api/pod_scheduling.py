"""Where the pods of a class may run, in the fields of a Kubernetes pod: affinity and topology spread."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from augmentation_api.model import Model
from augmentation_api.pod_fields import LabelKey, LabelValue

NamespaceName = Annotated[str, StringConstraints(min_length=1, max_length=63)]


class LabelRequirement(Model):
    """A requirement of a label selector."""

    key: LabelKey = Field(description="Key of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="Comparison operator.")
    values: list[LabelValue] = Field(
        default=[], max_length=64, description="Values to compare with; none for Exists and DoesNotExist."
    )


class LabelSelector(Model):
    """A label selector of Kubernetes: all of it must match."""

    match_labels: dict[LabelKey, LabelValue] = Field(default={}, description="Labels with exactly these values.")
    match_expressions: list[LabelRequirement] = Field(default=[], max_length=16, description="Other requirements.")


class PodAffinityTerm(Model):
    """Pods in whose neighbourhood a pod should be, or should not."""

    topology_key: LabelKey = Field(description="Label of nodes whose value makes them neighbours.")
    label_selector: LabelSelector | None = Field(None, description="The pods; empty: none.")
    namespaces: list[NamespaceName] = Field(
        default=[], max_length=64, description="Their namespaces. Default: its own."
    )
    namespace_selector: LabelSelector | None = Field(None, description="Labels of their namespaces.")
    match_label_keys: list[LabelKey] = Field(
        default=[], max_length=16, description="Keys of labels whose value must be that of the pod itself."
    )


class WeightedPodAffinityTerm(Model):
    """A preference for a neighbourhood."""

    weight: int = Field(ge=1, le=100, description="Weight of the preference, 1 to 100.")
    pod_affinity_term: PodAffinityTerm = Field(description="The neighbourhood.")


class PodAffinity(Model):
    """Neighbourhoods to be in, or to keep away from."""

    required_during_scheduling_ignored_during_execution: list[PodAffinityTerm] = Field(
        default=[], max_length=16, description="Requirements, all of them."
    )
    preferred_during_scheduling_ignored_during_execution: list[WeightedPodAffinityTerm] = Field(
        default=[], max_length=16, description="Preferences."
    )


class NodeSelectorRequirement(Model):
    """A requirement of a node: of its labels or of its fields."""

    key: LabelKey = Field(description="Key of the label, or name of the field.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="Comparison operator.")
    values: list[LabelValue] = Field(default=[], max_length=64, description="Values to compare with.")


class NodeSelectorTerm(Model):
    """Requirements of a node that must all be met."""

    match_expressions: list[NodeSelectorRequirement] = Field(default=[], max_length=16, description="Of its labels.")
    match_fields: list[NodeSelectorRequirement] = Field(default=[], max_length=16, description="Of its fields.")


class NodeSelector(Model):
    """Nodes that meet at least one of several terms."""

    node_selector_terms: list[NodeSelectorTerm] = Field(
        min_length=1, max_length=16, description="Terms, of which one must be met."
    )


class PreferredSchedulingTerm(Model):
    """A preference for nodes."""

    weight: int = Field(ge=1, le=100, description="Weight of the preference, 1 to 100.")
    preference: NodeSelectorTerm = Field(description="The nodes.")


class PodNodeAffinity(Model):
    """Nodes that a pod must or should run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = Field(
        None, description="Nodes that qualify. Those of a placement must meet its requirements as well."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredSchedulingTerm] = Field(
        default=[], max_length=16, description="Preferences among these."
    )


class Affinity(Model):
    """The affinity of a pod, as in a pod."""

    node_affinity: PodNodeAffinity | None = Field(None, description="Nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="Pods to be near to.")
    pod_anti_affinity: PodAffinity | None = Field(None, description="Pods to keep away from.")


class TopologySpreadConstraint(Model):
    """How evenly pods are spread over zones, nodes and the like, as in a pod."""

    topology_key: LabelKey = Field(description="Label of nodes by whose values pods are spread.")
    max_skew: int = Field(1, ge=1, le=1000, description="By how many pods two values may differ.")
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        "DoNotSchedule", description="Whether a pod waits rather than break the rule."
    )
    label_selector: LabelSelector | None = Field(
        None, description="The pods that are counted. Default: those of the same job and phase."
    )
    min_domains: int | None = Field(None, ge=1, le=1000, description="How many values there must be.")
    match_label_keys: list[LabelKey] = Field(
        default=[], max_length=16, description="Keys of labels whose value must be that of the pod itself."
    )
    node_affinity_policy: Literal["Honor", "Ignore"] | None = Field(
        None, description="Whether nodes that the pod may not run on are counted."
    )
    node_taints_policy: Literal["Honor", "Ignore"] | None = Field(
        None, description="Whether nodes with taints that the pod does not tolerate are counted."
    )
