"""The status of an AugmentationJob: what every view of a job shows, and who writes it.

The operator owns state, phase outcomes, conditions, progress and placement; each worker owns its shard entry, its
events and what it reports about datasets (source, output, bad episodes). All use server-side apply, so no writer
overwrites another.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES
from augmentation_api.model import OWNED_AS_A_WHOLE, ObservedModel, Timestamp, list_map
from augmentation_api.spec import EPISODES_PATTERN
from augmentation_api.transforms import MAX_COPIES, TransformName
from augmentation_api.vocabulary import NotificationState, PhaseName, PhaseStatus, ShardState, State

MOST_STATUS_BYTES = 100 * 1024
"""Size of the status of the largest job as it is stored, with managedFields and without a preview (decision 0064). Our
operator and workers keep to it; whoever does not is limited by EVENTS_PER_PHASE and the like."""
EVENTS_PER_PHASE = 50
"""Events that the API server takes of all workers of a phase together; with many shards, at least two of each."""
LEAST_EVENTS_PER_SHARD = 2
EVENT_BYTES_PER_PHASE = 200 * 1024
"""Bytes of text in these events as stored (stored_size.py), so that no worker can fill the status and block the other
writers (etcd takes 1.5 MiB)."""
LEAST_EVENT_BYTES_PER_SHARD = 4096
MOST_NAMES_BYTES = 1024
"""Bytes of the names of cameras, of splits with their episodes, and of selected episodes, that a source's status lists,
each."""
MAX_SHARDS = 100
"""Maximum number of shards of a job. Each owns an entry of the status, and the API server merges all of them on every
write."""
MAX_EVENTS = 256
"""Maximum number of events of a phase: two per shard, and room for the operator's."""
MOST_CAMERAS = 64
MOST_SPLITS = 64
MOST_STREAMS = 4
MAX_SELECTION = 4096
"""Most characters of a split's ranges of episodes."""
MAX_PREVIEW_BYTES = 384 * 1024
"""Size of the largest preview in a status, in bytes: 512 KiB as base64, of the 1.5 MiB that etcd takes of an object."""
MAX_SIDE = 65_536
"""Largest side of a frame, pixels."""
TEXT_LIMIT = 4096
"""Maximum length of a message or an error, in characters."""

MAX_COUNT = 2**53 - 1
"""Largest count: the largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""
MAX_FRAMES_PER_SECOND = 1e9

MOST_BAD_EPISODES_LISTED = 20
"""Episodes that cannot be used which the status names; a file has all."""

WORKER_FIELDS = ("shards", "source", "output", "badEpisodes", "preview")
"""Fields of the status that the worker pods own, as they own their events; the operator owns all others."""

Text = Annotated[str, StringConstraints(max_length=TEXT_LIMIT)]
ShortText = Annotated[str, StringConstraints(max_length=512)]
DatasetName = Annotated[str, StringConstraints(max_length=1536, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""`owner/name` on a hub, `claim:path` on a volume; without control characters."""
Revision = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
FilePath = Annotated[str, StringConstraints(max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
PageAddress = Annotated[str, StringConstraints(max_length=1024, pattern=r"^https?://[^\x00-\x20\x7f\"<>]+$")]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
DatasetCount = Annotated[int, Field(ge=0, le=MAX_DATASET_FRAMES)]
ShardLimit = Annotated[int, Field(ge=1, le=MAX_SHARDS)]
FramesPerSecond = Annotated[float, Field(ge=0, le=MAX_FRAMES_PER_SECOND)]


class Condition(ObservedModel):
    """A standard condition (metav1.Condition)."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    type: Annotated[str, StringConstraints(max_length=316)] = Field(description="CamelCase type of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it applies.")
    reason: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="CamelCase reason of the last change."
    )
    message: Text = Field("", description="The cause, and the fix.")
    last_transition_time: Timestamp = Field(description="When the status of the condition last changed.")
    observed_generation: Count | None = Field(
        None, description="Generation of the spec that the condition is based on."
    )


class PhaseEvent(ObservedModel):
    """An event of a phase."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    id: ShortText = Field(description="Unique within the phase; begins with the name of the writer.")
    status: ShortText | None = Field(None, description="Event type, e.g. started, progress, retrying.")
    message: Text | None = Field(None, description="Human-readable description.")
    error: Text | None = Field(None, description="What went wrong, and the fix.")
    timestamp: Timestamp | None = Field(None, description="When it happened.")
    retry_attempt: Count | None = Field(None, description="Retry number, 0 for the first try.")
    data: dict[str, Annotated[str, StringConstraints(max_length=1024)]] | None = Field(
        None, max_length=16, description="Details by name."
    )


class Phase(ObservedModel):
    """One stage of the job."""

    name: PhaseName = Field(description="resolve, provision, augment or publish.")
    status: PhaseStatus | None = Field(
        None, description="Status of the phase: pending, in_progress, completed or failed."
    )
    started_at: Timestamp | None = Field(None, description="When it began.")
    completed_at: Timestamp | None = Field(None, description="When it completed or failed.")
    error: Text | None = Field(None, description="Why it failed, and the fix.")
    events: list[PhaseEvent] = Field(
        default=[],
        max_length=MAX_EVENTS,
        json_schema_extra=list_map("id"),
        description="Events of the phase; the newest are kept.",
    )


class Tally(ObservedModel):
    """Counts of work items: total, done and failed."""

    total: Count = Field(0, description="Total number.")
    done: Count = Field(0, description="Number finished.")
    failed: Count = Field(0, description="Number failed.")


def _left_out_where_zero(schema: JsonDict) -> None:
    """Of a count that the API server is not to fill in: a hundred shards have many zeros."""
    del schema["default"]


class ShardTally(Tally):
    """Counts of a shard: total, done and failed; what is absent is 0."""

    total: Count = Field(0, description="Total number.", json_schema_extra=_left_out_where_zero)
    done: Count = Field(0, description="Number finished.", json_schema_extra=_left_out_where_zero)
    failed: Count = Field(0, description="Number failed.", json_schema_extra=_left_out_where_zero)


class Shard(ObservedModel):
    """State of one shard, as its worker reports it."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    index: Annotated[int, Field(ge=0, le=MAX_SHARDS - 1)] = Field(description="Number of the shard, from 0.")
    state: ShardState | None = Field(None, description="running, completed or failed.")
    node: ShortText | None = Field(None, description="Node it runs on.")
    attempt: Count | None = Field(None, description="Number of restarts.")
    episodes: ShardTally | None = Field(None, description="Source episodes of this shard.")
    frames: ShardTally | None = Field(None, description="Augmented frames of this shard.")
    bytes: ShardTally | None = Field(None, description="Bytes written by this shard.")
    frames_per_second: FramesPerSecond | None = Field(None, description="Augmented frames per second.")
    message: ShortText | None = Field(
        None, description="What happened last, while the job has too many shards for events of each."
    )
    updated_at: Timestamp | None = Field(None, description="When this entry was written.")


class Progress(ObservedModel):
    """Progress of the job."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    episodes: Tally = Field(default=Tally(), description="Source episodes.")
    frames: Tally = Field(default=Tally(), description="Augmented frames.")
    bytes: Tally = Field(
        default=Tally(), description="Bytes of augmented video; `total` is an estimate until all are there."
    )
    percent: Annotated[int, Field(ge=0, le=100)] = Field(0, description="0 to 100; 100 only when completed.")
    frames_per_second: FramesPerSecond | None = Field(None, description="Augmented frames per second, over all shards.")
    estimated_seconds_remaining: Count | None = Field(
        None,
        description="Estimated seconds until the augment phase completes, of the time in which its pods run: from what "
        "was measured elsewhere until shards report their speed.",
    )
    estimated_price: Annotated[float, Field(ge=0)] | None = Field(
        None,
        description="Estimated cost of all augment pods, by the pricePerHour of their placement; absent where it has "
        "none. What they have cost so far is usage.price.",
    )


class Placement(ObservedModel):
    """Where the augment pods run, read from the labels of the node."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    placement: ShortText | None = Field(
        None, description="Name of the placement, in the class's list, that is tried or was taken."
    )
    rung: Count | None = Field(None, description="Index of the placement in the class's list, from 0.")
    tried_since: Timestamp | None = Field(
        None, description="Time since which the job waits for a node of this placement."
    )
    node: ShortText | None = Field(None, description="Node of the first shard.")
    instance_type: ShortText | None = Field(None, description="node.kubernetes.io/instance-type of that node.")
    region: ShortText | None = Field(None, description="topology.kubernetes.io/region of that node.")
    zone: ShortText | None = Field(None, description="topology.kubernetes.io/zone of that node.")
    accelerator: ShortText | None = Field(None, description="Accelerator of that node, e.g. NVIDIA-L4.")


class SplitStatus(ObservedModel):
    """A split of the source dataset."""

    name: ShortText = Field(description="Name of the split, e.g. train.")
    episodes: Annotated[str, StringConstraints(pattern=EPISODES_PATTERN, max_length=MAX_SELECTION)] = Field(
        "", description="Its episodes (or rows), as half-open ranges: `0:100,150:151`."
    )


class StreamStatus(ObservedModel):
    """Cameras of the source that are augmented and whose frames are stored in the same way."""

    cameras: Annotated[int, Field(ge=1, le=MOST_CAMERAS)] = Field(1, description="Number of these cameras.")
    codec: Annotated[str, StringConstraints(max_length=32)] = Field(
        description="Codec of their videos, e.g. av1 or h264; png or jpeg for images."
    )
    height: Annotated[int, Field(ge=1, le=MAX_SIDE)] = Field(description="Height of a frame, pixels.")
    width: Annotated[int, Field(ge=1, le=MAX_SIDE)] = Field(description="Width of a frame, pixels.")
    bytes_per_frame: Count = Field(description="Bytes of a frame as it is stored, on average over their files.")
    preset: Annotated[str, StringConstraints(max_length=32)] | None = Field(
        None, description="Preset with which copies are encoded unless the job says otherwise."
    )
    gop: Annotated[int, Field(ge=1, le=MAX_COUNT)] | None = Field(
        None, description="Distance of key frames of these copies, frames."
    )
    crf: Annotated[float, Field(ge=0, le=100)] | None = Field(None, description="Their constant rate factor.")


class SourceStatus(ObservedModel):
    """The source dataset, pinned to one revision."""

    repo_id: DatasetName | None = Field(None, alias="repoID", description="Dataset that is read.")
    revision: Revision | None = Field(None, description="Commit that is read, even if the branch moves on.")
    format: ShortText | None = Field(
        None, description="Dataset format, e.g. LeRobot v3.0 or Hugging Face images (parquet)."
    )
    episodes: DatasetCount | None = Field(
        None, description="Episodes in the source; a row of an image dataset counts as an episode of one frame."
    )
    frames: DatasetCount | None = Field(None, description="Frames in the source; for an image dataset, rows.")
    cameras: list[ShortText] = Field(
        default=[],
        max_length=MOST_CAMERAS,
        description="Camera keys in the source; for an image dataset, its image columns.",
    )
    splits: list[SplitStatus] | None = Field(
        None, max_length=MOST_SPLITS, description="Splits of the source with the episodes in each, if it has any."
    )
    streams: list[StreamStatus] | None = Field(
        None,
        max_length=MOST_STREAMS,
        description="How the augmented cameras are stored, from which time, bytes and price are estimated. Absent if "
        f"they are stored in more than {MOST_STREAMS} ways, or that is not known.",
    )
    selected_episodes: DatasetCount | None = Field(None, description="Number of episodes selected for augmentation.")
    selected: Annotated[str, StringConstraints(pattern=EPISODES_PATTERN, max_length=MOST_NAMES_BYTES)] | None = Field(
        None,
        description="The selected episodes (or rows) as indices and half-open ranges, `0:100,150`, of a job with "
        f"augmentation.where. Absent without it, and where that is longer than {MOST_NAMES_BYTES} characters.",
    )
    blocks: DatasetCount | None = Field(
        None,
        description="For an image dataset: number of blocks of rows, its unit of work. Absent where the unit of work "
        "is an episode.",
    )
    selected_frames: DatasetCount | None = Field(None, description="Number of frames in the selected episodes.")
    key_version: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None,
        description="Version of the keys by which values are sampled, as of the release that resolved the job; all its "
        "pods keep to it. 2: cameras share the scene's values unless augmentation.acrossCameras says otherwise. "
        "Absent: 1, every camera samples for itself.",
    )
    min_shards: ShardLimit | None = Field(
        None, description="Fewest shards that can record the work: what one shard may record is limited."
    )
    max_shards: ShardLimit | None = Field(
        None, description="Most shards that have work: one per unit of work that is never split, e.g. an episode."
    )
    copies: Annotated[int, Field(ge=0, le=MAX_COPIES * len(TransformName))] | None = Field(
        None, description="Augmented versions per selected episode."
    )


class OutputStatus(ObservedModel):
    """The result dataset; all fields but `datasetID` and `url` appear once it is published."""

    dataset_id: DatasetName | None = Field(None, alias="datasetID", description="Dataset, `owner/name`.")
    revision: Revision | None = Field(None, description="Commit of the result.")
    episodes: Count | None = Field(None, description="Episodes in the result.")
    frames: Count | None = Field(None, description="Frames in the result.")
    files: list[FilePath] | None = Field(
        None,
        max_length=16,
        description="Paths of the files of the result that describe it, e.g. README.md and meta/info.json.",
    )
    url: PageAddress | None = Field(None, description="Page of the dataset on its hub.")


class PreviewStatus(ObservedModel):
    """What a job with spec.preview would do: an image of frames before and after."""

    media_type: Literal["image/png", "image/jpeg"] = Field(description="Media type of the image.")
    image: Annotated[
        str, StringConstraints(max_length=4 * (MAX_PREVIEW_BYTES // 3), pattern=r"^[A-Za-z0-9+/]+={0,2}$")
    ] = Field(
        description="The image in base64: a row per camera, the frame as recorded, then of each copy, with the sampled "
        "parameters."
    )


class BadEpisode(ObservedModel):
    """An episode, or a row of an image dataset, that cannot be used."""

    index: DatasetCount = Field(description="Number of the episode or row in the source.")
    cause: ShortText = Field(description="Camera or column, frame and file, and what is wrong with it.")


class BadEpisodes(ObservedModel):
    """The selected episodes that cannot be used, found before the result is put together."""

    count: DatasetCount = Field(description="Number of them.")
    items: list[BadEpisode] = Field(
        default=[], max_length=MOST_BAD_EPISODES_LISTED, description="The first of them, in order."
    )
    file: FilePath | None = Field(None, description="Path of the file of the result that lists all of them.")


class Usage(ObservedModel):
    """Resources used by the pods of all attempts, for billing. May lack up to 30 s of a pod that was deleted."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    accelerator_seconds: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Accelerator-seconds, by the limits of the pods; devices of resourceClaims are not counted."
    )
    cpu_seconds: Annotated[float, Field(ge=0)] | None = Field(None, description="CPU-seconds, by requested cores.")
    price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Cost of the augment pods, by the pricePerHour of their placement; absent where it has none."
    )
    accounted_until: Timestamp | None = Field(None, description="End of the period that is accounted for.")


class Queue(ObservedModel):
    """Position in the queue while the job waits for quota."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    position: Count | None = Field(None, description="Number of jobs ahead of this one.")
    depth: Count | None = Field(None, description="Number of jobs in the queue.")


class Notification(ObservedModel):
    """The event that announces the end of a job to the address that its class names."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    id: ShortText = Field(description="Id of the event, the same at every delivery: the header webhook-id.")
    state: NotificationState = Field(description="pending, delivered, or failed: given up.")
    message: Text | None = Field(None, description="Why the last delivery failed.")


class ClassSnapshot(ObservedModel):
    """An AugmentationClass as it was when a job began."""

    model_config = ConfigDict(json_schema_extra=OWNED_AS_A_WHOLE)

    generation: Count | None = Field(None, description="metadata.generation of the class.")
    taken_at: Timestamp | None = Field(None, description="When it was taken: the first augment pod ran.")
    spec: dict[str, Any] = Field(
        json_schema_extra={"x-kubernetes-preserve-unknown-fields": True}, description="The spec of the class."
    )


class AugmentationJobStatus(ObservedModel):
    """Observed state of the job."""

    observed_generation: Count | None = Field(None, description="Generation of the spec the operator last acted on.")
    state: State | None = Field(None, description="queued, running, completed, failed or cancelled.")
    display_state: ShortText | None = Field(
        None,
        description="The state as `kubectl get` shows it: suspended while spec.suspend holds the job, else the same as "
        "`state`.",
    )
    current_phase: PhaseName | None = Field(None, description="Phase that the job is in, or ended in.")
    message: Text | None = Field(None, description="One-line human-readable summary of the current state.")
    conditions: list[Condition] = Field(
        default=[], max_length=32, json_schema_extra=list_map("type"), description="Standard conditions."
    )
    phases: list[Phase] = Field(
        default=[], max_length=8, json_schema_extra=list_map("name"), description="Phases of the job, in order."
    )
    shards: list[Shard] = Field(
        default=[], max_length=MAX_SHARDS, json_schema_extra=list_map("index"), description="One entry per shard."
    )
    shard_count: Count | None = Field(None, description="Number of shards of the augment phase.")
    progress: Progress | None = Field(None, description="Progress of the job.")
    class_name: ShortText | None = Field(
        None, description="AugmentationClass of the job. Chosen once; a later change of the default has no effect."
    )
    class_snapshot: ClassSnapshot | None = Field(
        None,
        description="The class as it was when the first augment pod ran. Later changes of the class, and its deletion, "
        "do not affect this attempt of the job; until then, and in the next attempt, they do.",
    )
    placement: Placement | None = Field(None, description="Where the augment pods run.")
    source: SourceStatus | None = Field(None, description="The source dataset, as resolved.")
    output: OutputStatus | None = Field(None, description="The result dataset.")
    preview: PreviewStatus | None = Field(None, description="The preview of a job with spec.preview.")
    bad_episodes: BadEpisodes | None = Field(
        None,
        description="Selected episodes that cannot be used; spec.onBadEpisode decides what becomes of the job. Absent "
        "while there are none, and until the publish phase begins: before, shards[].episodes.failed counts them.",
    )
    usage: Usage | None = Field(None, description="Resources used by the job.")
    attempt: Count | None = Field(None, description="The spec.attempt that is running or that the job ended in.")
    retry_count: Count | None = Field(
        None, description="Number of pods of this attempt that were replaced after a transient failure."
    )
    preemption_count: Count | None = Field(None, description="Number of pods that were preempted or evicted.")
    queue: Queue | None = Field(None, description="Position in the queue.")
    notification: Notification | None = Field(
        None, description="The event of the job's end, where its class has `notify`. A restart makes another one."
    )
    created_at: Timestamp | None = Field(None, description="When the resource was created.")
    queued_at: Timestamp | None = Field(None, description="When this attempt was accepted.")
    started_at: Timestamp | None = Field(None, description="When the first pod of this attempt ran.")
    completed_at: Timestamp | None = Field(None, description="When it completed or failed.")
    cancelled_at: Timestamp | None = Field(None, description="When it was cancelled.")

    def phase(self, name: PhaseName) -> Phase:
        """The phase of that name; an empty one if it has no entry yet."""
        return next((phase for phase in self.phases if phase.name == name), None) or Phase(name=name)

    def has_completed(self, name: PhaseName) -> bool:
        """Whether that phase is recorded as completed."""
        return self.phase(name).status == PhaseStatus.COMPLETED

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if there is one."""
        return next((condition for condition in self.conditions if condition.type == kind), None)

    def is_true(self, kind: str) -> bool:
        """Whether the condition of that type is recorded as True."""
        condition = self.condition(kind)
        return condition is not None and condition.status == "True"
