"""What a job takes on the nodes of a class: shards, pods, time and price."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from augmentation_api.accelerators import count_accelerators
from augmentation_api.augmentation_class import AugmentationClassSpec, ClassPlacement
from augmentation_api.default_resources import cpu_limit, stated_resources
from augmentation_api.estimate.figures import Figures
from augmentation_api.estimate.work import Work, work_of
from augmentation_api.quantity import parse_quantity
from augmentation_api.sharding import shard_count
from augmentation_api.spec import AugmentationJobSpec
from augmentation_api.status import SourceStatus

_LEAST_CORES: Final = 0.1


@dataclass(frozen=True)
class NodeEstimate:
    """What a job takes on one kind of node: a placement of a class.

    Attributes:
        placement: its name.
        accelerators: number of them in each pod. What they save has not been measured: the time is that of the cores.
        cores: that a pod may use, its CPU limit.
        pods: that run concurrently.
        seconds: from the creation of the job to its end, on warm nodes that have these cores free, without waiting.
        seconds_at_most: where pods get no more than the cores that they request; None where they request none.
        augment_seconds: of the augment phase alone.
        frames_per_second: augmented frames of one pod, one for all cameras together.
        pod_hours: of all augment pods.
        price: of these hours, by pricePerHour; None where the placement has none.
    """

    placement: str
    accelerators: int
    cores: float
    pods: int
    seconds: float
    seconds_at_most: float | None
    augment_seconds: float
    frames_per_second: float
    pod_hours: float
    price: float | None


@dataclass(frozen=True)
class Estimate:
    """What a job takes.

    Attributes:
        work: what it makes.
        shards: parts of it.
        nodes: by placement of the class, in order of preference.
    """

    work: Work
    shards: int
    nodes: tuple[NodeEstimate, ...]

    def at(self, index: int) -> NodeEstimate:
        """That of the placement at an index, from 0; the last one if there are fewer."""
        return self.nodes[min(index, len(self.nodes) - 1)]


def estimate(
    spec: AugmentationJobSpec,
    source: SourceStatus,
    runs_as: AugmentationClassSpec,
    figures: Figures,
    *,
    shards: int | None = None,
) -> Estimate | None:
    """What a job takes as a class; None while too little is known of its source.

    Args:
        spec: of the job.
        source: as resolve has read it, for what this job selects.
        runs_as: the class.
        figures: what was measured.
        shards: their number, if it is fixed already.
    """
    work = work_of(spec, source, figures)
    if work is None:
        return None
    copies = work.frames // source.selected_frames if source.selected_frames else 1
    count = shards or shard_count(
        source.model_copy(update={"copies": copies}),
        frames_per_shard=runs_as.frames_per_shard,
        parallelism=spec.parallelism,
    )
    return Estimate(work, count, tuple(_nodes(spec, work, count, runs_as, figures)))


def _nodes(
    spec: AugmentationJobSpec, work: Work, shards: int, runs_as: AugmentationClassSpec, figures: Figures
) -> Iterator[NodeEstimate]:
    pods = min(shards, spec.parallelism or shards, runs_as.limits.max_parallelism)
    job = figures.job
    waves = ceil(shards / pods)
    # resolve, augment and publish begin with a pod each; shards beyond those that run concurrently with one more.
    beside = (2 + waves) * job.start + job.resolve + job.notice + job.publish + job.publish_episode * work.episodes
    for placement in runs_as.placements:
        cores, requested = _cores(placement, runs_as)
        each = _shard_seconds(work, shards, cores, placement)
        at_most = None
        if 0 < requested < cores:
            at_most = beside + waves * _shard_seconds(work, shards, requested, placement)
        hours = shards * (job.start + each) / 3600
        price = placement.price_per_hour
        yield NodeEstimate(
            placement=placement.name,
            accelerators=count_accelerators((placement.resources or runs_as.resources).model_dump()),
            cores=cores,
            pods=pods,
            seconds=beside + waves * each,
            seconds_at_most=at_most,
            augment_seconds=waves * (job.start + each),
            frames_per_second=work.frames / shards / each if each else 0.0,
            pod_hours=hours,
            price=None if price is None else price * hours,
        )


def _shard_seconds(work: Work, shards: int, cores: float, placement: ClassPlacement) -> float:
    """Seconds of one shard, once its pod is at work."""
    busy = max(_LEAST_CORES, min(cores, work.threads))
    return work.processor_seconds / shards / busy / (placement.relative_speed or 1.0)


def _cores(placement: ClassPlacement, runs_as: AugmentationClassSpec) -> tuple[float, float]:
    """Cores that an augment pod may use, and those that it is sure to have."""
    resources = stated_resources(placement.resources or runs_as.resources)
    requested = parse_quantity(resources.requests.get("cpu", "0"))
    return float(parse_quantity(cpu_limit(resources))), float(requested)
