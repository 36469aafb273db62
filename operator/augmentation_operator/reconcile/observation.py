"""Everything outside the AugmentationJob itself that a decision depends on."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from augmentation_api import AugmentationJob, PhaseName
from augmentation_api.identifiers import attempt_and_placement_of
from augmentation_operator.children.job import ChildJob, attempt_of, placement_index
from augmentation_operator.children.pod import ChildPod
from augmentation_operator.queueing.built_in import Place
from augmentation_operator.queueing.kueue.view import KueueView


@dataclass(frozen=True)
class Observation:
    """What the caches and the queues show of a job's children.

    Attributes:
        jobs, pods: of the present attempt.
        earlier_jobs, earlier_pods: of earlier attempts, or of placements that were tried before.
        node_labels: of the nodes that augment pods run on.
        place: in the queue of its namespace and class; None: there is no limit, or it needs no slot now.
        kueue: what Kueue says of the Job that waits or is about to be made; None: it was not asked.
        namespace_terminates: whether the namespace of the job is being deleted.
        warnings: message of the newest warning Event of a Job or pod that is stuck, by its name.
    """

    jobs: Mapping[PhaseName, ChildJob] = field(default_factory=dict)
    pods: tuple[ChildPod, ...] = ()
    earlier_jobs: tuple[ChildJob, ...] = ()
    earlier_pods: tuple[ChildPod, ...] = ()
    node_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    warnings: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None
    kueue: KueueView | None = None
    namespace_terminates: bool = False

    def pods_of(self, phase: PhaseName) -> tuple[ChildPod, ...]:
        """The pods of one phase, oldest first."""
        return tuple(pod for pod in self.pods if pod.phase == phase)

    @property
    def living_jobs(self) -> tuple[str, ...]:
        """Names of the Jobs of any attempt and placement that may still start pods."""
        return tuple(child.name for child in (*self.jobs.values(), *self.earlier_jobs) if not child.is_finished)

    @property
    def is_still(self) -> bool:
        """Whether nothing runs or will run, of any attempt and placement."""
        return not self.living_jobs and all(pod.is_finished for pod in (*self.pods, *self.earlier_pods))


def children_of(job: AugmentationJob, jobs: Iterable[ChildJob], pods: Iterable[ChildPod]) -> Observation:
    """The children of a job among objects that carry its uid as a label.

    A label is no proof: what lies in another namespace, or is a Job of another name than a phase has, is not its child.
    """
    metadata = job.metadata

    def turn(phase: PhaseName, job_name: str) -> tuple[int, int] | None:
        return attempt_and_placement_of(job_name, metadata.name, metadata.uid, phase)

    def present(phase: PhaseName) -> tuple[int, int]:
        return attempt_of(job), placement_index(job) if phase == PhaseName.AUGMENT else 0

    own_jobs = [
        (child, number)
        for child in jobs
        if child.namespace == metadata.namespace and (number := turn(child.phase, child.name)) is not None
    ]
    own_pods = [
        (pod, number)
        for pod in sorted(pods, key=lambda pod: (str(pod.created_at), pod.name))
        if pod.namespace == metadata.namespace and (number := turn(pod.phase, pod.job_name)) is not None
    ]
    return Observation(
        jobs={child.phase: child for child, number in own_jobs if number == present(child.phase)},
        pods=tuple(pod for pod, number in own_pods if number == present(pod.phase)),
        earlier_jobs=tuple(child for child, number in own_jobs if number < present(child.phase)),
        earlier_pods=tuple(pod for pod, number in own_pods if number < present(pod.phase)),
    )
