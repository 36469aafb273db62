"""What a job would take: a part of the answer to a dry run."""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES
from augmentation_api.estimate import FIGURES, Estimate, NodeEstimate, estimate, stand_ins_of
from augmentation_api.spec import AugmentationJobSpec
from augmentation_api.status import MAX_COUNT, MAX_SIDE, MOST_CAMERAS, SourceStatus, StreamStatus
from augmentation_api.video_output import CODEC_PRESETS
from augmentation_api.vocabulary import AugmentationType, VideoCodec
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.known_source import KnownSource, known_source
from augmentation_gateway.problem import FieldProblem, invalid


class SourceCodec(StrEnum):
    """How frames are stored: the codecs and images whose cost was measured."""

    AV1 = "av1"
    H264 = "h264"
    HEVC = "hevc"
    PNG = "png"
    JPEG = "jpeg"


TYPICAL_KIBIBYTES: Final[Mapping[SourceCodec, float]] = MappingProxyType(
    {
        SourceCodec.AV1: 15.0,
        SourceCodec.H264: 16.0,
        SourceCodec.HEVC: 9.0,
        SourceCodec.PNG: 400.0,
        SourceCodec.JPEG: 90.0,
    }
)
"""Per megapixel of a frame: means of a camera's, PushT's and generated footage (benchmarks/footage.py), videos with
LeRobot's distance of key frames as in benchmarks/codecs.py, JPEG at quality 90."""
MOST_CLASSES: Final = 50
"""Classes, the first by name, of which an estimate is given."""
_READ_IT: Final = (
    "No job or preview that this key sees has read {dataset} for what this request selects. POST /v1/previews with the "
    "same body does, in seconds, and starts nothing else: then ask again. Or say what the dataset is: source_frames, "
    "source_episodes, source_cameras, source_height, source_width and source_codec in the query"
)
# Not that a job would fail: the dataset may have the split by now, or its episodes were too many ranges for a status.
_NO_SUCH_SPLIT: Final = (
    "No split {unknown!r} was found when {dataset} was last read; it had: {found}. Correct splits; or, if the dataset "
    "has this split, preview this job, which reads the dataset again: then ask again"
)
_MOST_LISTED: Final = 20


class CreateQuery(BaseModel):
    """How a request to create a job is taken."""

    # A dry run that is asked for in other words would create the job.
    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: bool = Field(False, description="Check everything, create nothing, and return the manifest (200)")
    estimate: bool = Field(
        False,
        description="With dry_run: also say what the job would take. Needs a job or preview that has read the dataset, "
        "or all of source_frames, source_height and source_width",
    )
    source_frames: int | None = Field(
        None, ge=1, le=MAX_DATASET_FRAMES, description="For an estimate: frames of the selected episodes"
    )
    source_episodes: int = Field(
        1,
        ge=1,
        le=MAX_DATASET_FRAMES,
        description="For an estimate: number of selected episodes. A job has no more shards than these; one by default",
    )
    source_cameras: int = Field(1, ge=1, le=MOST_CAMERAS, description="For an estimate: number of augmented cameras")
    source_height: int | None = Field(None, ge=1, le=MAX_SIDE, description="For an estimate: height of a frame, pixels")
    source_width: int | None = Field(None, ge=1, le=MAX_SIDE, description="For an estimate: width of a frame, pixels")
    source_codec: SourceCodec = Field(
        SourceCodec.AV1,
        description="For an estimate: of the videos, or png or jpeg for images; of another, the nearest",
    )
    source_bytes_per_frame: int | None = Field(
        None, ge=1, le=MAX_COUNT, description="For an estimate: bytes of a stored frame; typical ones by default"
    )

    def check(self) -> None:
        """Check that what is said of an estimate leads to one. Raises Problem: 422."""
        # Generated clients send defaults, too: those say nothing.
        fields = type(self).model_fields.items()
        stated = [name for name, field in fields if name.startswith("source_") and getattr(self, name) != field.default]
        if self.estimate and not self.dry_run:
            raise _unusable("estimate", "is of a dry run", "add dry_run=true: without it this request creates a job")
        if stated and not self.estimate:
            raise _unusable(stated[0], "is for an estimate", "add dry_run=true and estimate=true, or leave it out")
        needed = ("source_frames", "source_height", "source_width")
        if stated and (missing := [name for name in needed if getattr(self, name) is None]):
            raise _unusable(stated[0], "alone does not describe a dataset", f"add {' and '.join(missing)}")

    def stated_source(self) -> KnownSource | None:
        """The source as the query describes it; None if it does not."""
        if self.source_frames is None or self.source_height is None or self.source_width is None:
            return None
        typical = TYPICAL_KIBIBYTES[self.source_codec] * 1024 * self.source_height * self.source_width / 1e6
        stream = StreamStatus(
            cameras=self.source_cameras,
            codec=self.source_codec.value,
            height=self.source_height,
            width=self.source_width,
            bytes_per_frame=round(typical) if self.source_bytes_per_frame is None else self.source_bytes_per_frame,
        )
        episodes = min(self.source_episodes, self.source_frames)
        return KnownSource(
            SourceStatus(selected_frames=self.source_frames, selected_episodes=episodes, streams=[stream]), None
        )


class NodeEstimateView(BaseModel):
    """What the job would take on one kind of node."""

    placement: str = Field(description="Placement of the class, in the order in which they are tried")
    accelerators: int = Field(description="Number in each pod. What they save is not in the time: it is that of cores")
    cores: float = Field(description="That each pod may use")
    pods: int = Field(description="Pods that run concurrently")
    minutes: float = Field(description="From creation to completion, on warm nodes with these cores free, no waiting")
    minutes_at_most: float | None = Field(
        None,
        description="Where pods get no more than the cores that they request; null where they request none",
    )
    pod_hours: float = Field(description="Of all augment pods")
    price: float | None = Field(
        None, description="Of these hours, by the class's price, in its currency; null where it has none"
    )


class ClassEstimateView(BaseModel):
    """What the job would take as another class."""

    class_name: str = Field(description="AugmentationClass, which a job names in spec.className")
    shards: int = Field(description="Number of shards")
    nodes: list[NodeEstimateView] = Field(description="By kind of node, in the order in which they are tried")


class EstimateView(BaseModel):
    """What the job would take. Measured jobs took within 30 % of the time on as many cores; bytes are rougher."""

    class_name: str = Field(description="AugmentationClass that the job would run as: the default of its type")
    frames: int = Field(description="Augmented frames, one for all cameras together, as progress counts them")
    images: int = Field(description="Augmented frames of all cameras")
    bytes: int = Field(description="Of the augmented videos or images, estimated")
    processor_seconds: float = Field(description="Of one core of the machine that the model was measured on")
    shards: int = Field(description="Number of shards")
    nodes: list[NodeEstimateView] = Field(description="By kind of node, in the order in which they are tried")
    other_classes: list[ClassEstimateView] = Field(
        description="The same for other classes of the type, by name. A job that is created here runs as class_name; "
        "one that is created with kubectl names another in spec.className"
    )
    source_job_id: str | None = Field(
        None, description="The job or preview that has read the dataset; null for what the query says of it"
    )
    note: str | None = Field(None, description="What has been assumed")


async def estimate_of(
    gateway: Gateway, key: ApiKey, spec: AugmentationJobSpec, query: CreateQuery
) -> tuple[EstimateView | None, str | None]:
    """What a job would take; or, instead, why that is not known and what to do about it."""
    if spec.type is AugmentationType.GENERATIVE:
        return None, "Generative jobs are not estimated: their time is that of the model of the class."
    runs_as = gateway.view.class_for(None, spec.type)
    if runs_as is None:
        return None, f"No AugmentationClass is the default for type {spec.type.value}: have the administrator add one."
    if runs_as.spec is None:
        return None, f"The AugmentationClass {runs_as.name} is invalid: have the administrator correct it."
    known = query.stated_source() or await known_source(gateway, key, spec)
    if known is None or known.unknown_split is not None:
        return None, _unread(spec, known)
    if (refused := _empty_selection(spec, known.source) or _refused_encoding(spec, known.source)) is not None:
        return None, f"The job would fail when its source is read: {refused}."
    found = estimate(spec, known.source, runs_as.spec, FIGURES)
    assert found is not None  # noqa: S101 - a known source says how its cameras are stored
    others = [*_other_classes(gateway, runs_as.name, spec, known.source)]
    accelerators = [node.accelerators for node in found.nodes]
    accelerators += [node.accelerators for other in others for node in other.nodes]
    return _view(found, known, runs_as.name, others, _note(spec, known, query, any(accelerators))), None


def _view(
    found: Estimate, known: KnownSource, class_name: str, others: list[ClassEstimateView], note: str | None
) -> EstimateView:
    return EstimateView(
        class_name=class_name,
        frames=found.work.frames,
        images=found.work.images,
        bytes=found.work.bytes,
        processor_seconds=round(found.work.processor_seconds, 1),
        shards=found.shards,
        nodes=[_node_view(node) for node in found.nodes],
        other_classes=others,
        source_job_id=known.uid,
        note=note,
    )


def _other_classes(
    gateway: Gateway, runs_as: str, spec: AugmentationJobSpec, source: SourceStatus
) -> Iterator[ClassEstimateView]:
    """What the job would take as each other class of its type that is valid."""
    for record in gateway.view.classes_of(spec.type)[:MOST_CLASSES]:
        if record.name != runs_as and record.spec is not None:
            found = estimate(spec, source, record.spec, FIGURES)
            if found is not None:
                nodes = [_node_view(node) for node in found.nodes]
                yield ClassEstimateView(class_name=record.name, shards=found.shards, nodes=nodes)


def _note(spec: AugmentationJobSpec, known: KnownSource, query: CreateQuery, accelerated: bool) -> str | None:
    """What has been assumed, in words; None where nothing has. `accelerated`: whether any node has accelerators."""
    assumed = stand_ins_of(spec, known.source, FIGURES)
    # Generated clients send the default, too: a 1 that is stated is no different.
    if known.uid is None and query.source_episodes == 1:
        assumed.append(
            "All frames count as one episode, and so as one shard: give the number of episodes in source_episodes"
        )
    if known.assumes_equal_episodes:
        assumed.append("Frames were computed from the number of episodes, as if all were of the same length")
    if accelerated:
        assumed.append(
            "On nodes with accelerators the time is that of the CPU cores: what a GPU saves has not been measured"
        )
    return ". ".join(assumed) or None


def _unusable(name: str, cause: str, fix: str) -> Exception:
    return invalid([FieldProblem(("query", name), name, f"{name} {cause}", fix)])


def _unread(spec: AugmentationJobSpec, known: KnownSource | None) -> str:
    """Why it is not known what the job selects, and what to do."""
    if known is None:
        return _READ_IT.format(dataset=_name_of(spec))
    found = ", ".join(split.name for split in (known.source.splits or ())[:_MOST_LISTED])
    return _NO_SUCH_SPLIT.format(unknown=known.unknown_split, dataset=_name_of(spec), found=found)


def _empty_selection(spec: AugmentationJobSpec, source: SourceStatus) -> str | None:
    """What the worker would say of a selection without any episode, and what to change; None where it has some."""
    if source.selected_episodes != 0:
        return None
    nouns = "episodes" if source.blocks is None else "rows"
    finding = spec.augmentation.selects_none_of(source.episodes or 0, nouns)
    return f"{finding} (SelectionEmpty). Change {' or '.join(spec.augmentation.selection)} to select some of them"


def _refused_encoding(spec: AugmentationJobSpec, source: SourceStatus) -> str | None:
    """What the source's codec, which copies keep, has not of what the request asks for; None if it has all."""
    for stream in source.streams or ():
        if stream.codec in CODEC_PRESETS and spec.output.video.named_codec is None:
            try:
                spec.output.video.check(VideoCodec(stream.codec))
            except ValueError as error:
                return f"video_{error}"
    return None


def _node_view(node: NodeEstimate) -> NodeEstimateView:
    return NodeEstimateView(
        placement=node.placement,
        accelerators=node.accelerators,
        cores=node.cores,
        pods=node.pods,
        minutes=round(node.seconds / 60, 2),
        minutes_at_most=None if node.seconds_at_most is None else round(node.seconds_at_most / 60, 2),
        pod_hours=round(node.pod_hours, 4),
        price=None if node.price is None else _rounded(node.price),
    )


def _rounded(price: float) -> float:
    """To four decimals; what is less than a cent to two digits, as it is not free."""
    return round(price, 4) if price >= 0.01 else float(f"{price:.2g}")


def _name_of(spec: AugmentationJobSpec) -> str:
    hub = spec.source.hub
    return hub.repo_id if hub is not None else "the dataset"
