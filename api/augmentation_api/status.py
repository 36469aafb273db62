"""The status of an AugmentationJob: what every view of a job shows, and who writes it.

The operator owns state, phases' outcome, conditions, progress and placement; each worker owns its shard entry, its
events and what it found out (source, output). All write by server-side apply, so nobody overwrites another's fields.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from augmentation_api.model import ObservedModel, Timestamp, list_map
from augmentation_api.spec import MAX_COPIES
from augmentation_api.vocabulary import PhaseName, PhaseStatus, ShardState, State, TransformName

EVENTS_PER_PHASE = 50
"""Events that the workers of a phase keep, all together; but for each of many shards its last two."""
LEAST_EVENTS_PER_SHARD = 2
EVENT_BYTES_PER_PHASE = 200 * 1024
"""Bytes of text in these as they are stored (stored_size.py), so that no worker makes a status so large that others
cannot write it any more (etcd takes 1.5 MiB)."""
LEAST_EVENT_BYTES_PER_SHARD = 4096
MAX_SHARDS = 100
"""Shards of a job at most. Each owns an entry of the status, and the API server merges all of them on every write."""
MAX_EVENTS = 256
"""Events of a phase at most: two of each of MAX_SHARDS shards, and room for the operator's."""
MOST_CAMERAS = 64
TEXT_LIMIT = 4096
"""Most characters of a message or an error."""

MAX_COUNT = 2**53 - 1
"""Largest count: the largest integer that every JSON parser reads exactly (RFC 8259, section 6)."""
MAX_DATASET_FRAMES = 10**10
"""Most episodes, rows or frames of a dataset: ten years of video at 30 frames a second, a hundred times over every
dataset there is, and few enough that sums and products of it stay exact."""
MAX_FRAMES_PER_SECOND = 1e9

Text = Annotated[str, StringConstraints(max_length=TEXT_LIMIT)]
ShortText = Annotated[str, StringConstraints(max_length=512)]
DatasetName = Annotated[str, StringConstraints(max_length=1536, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""`owner/name` on a hub, `claim:path` on a volume; without control characters."""
Revision = Annotated[str, StringConstraints(max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
PageAddress = Annotated[str, StringConstraints(max_length=1024, pattern=r"^https?://[^\x00-\x20\x7f\"<>]+$")]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
DatasetCount = Annotated[int, Field(ge=0, le=MAX_DATASET_FRAMES)]
FramesPerSecond = Annotated[float, Field(ge=0, le=MAX_FRAMES_PER_SECOND)]


class Condition(ObservedModel):
    """A standard condition (metav1.Condition)."""

    type: Annotated[str, StringConstraints(max_length=316)] = Field(description="CamelCase type of the condition.")
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it applies.")
    reason: Annotated[str, StringConstraints(max_length=1024)] = Field(
        description="CamelCase reason of the last change."
    )
    message: Text = Field("", description="The cause, and the fix.")
    last_transition_time: Timestamp = Field(description="When the status of the condition last changed.")
    observed_generation: Count | None = Field(None, description="Generation of the spec this was decided on.")


class PhaseEvent(ObservedModel):
    """Something that happened in a phase."""

    id: ShortText = Field(description="Unique in its phase; begins with the writer's name.")
    status: ShortText | None = Field(None, description="Word for what happened, e.g. started, progress, retrying.")
    message: Text | None = Field(None, description="What happened, for people.")
    error: Text | None = Field(None, description="What went wrong, and the fix.")
    timestamp: Timestamp | None = Field(None, description="When it happened.")
    retry_attempt: Count | None = Field(None, description="0 for the first try.")
    data: dict[str, Annotated[str, StringConstraints(max_length=1024)]] | None = Field(
        None, max_length=16, description="Details by name."
    )


class Phase(ObservedModel):
    """One stage of the job."""

    name: PhaseName = Field(description="resolve, provision, augment or publish.")
    status: PhaseStatus | None = Field(None, description="Where the phase stands.")
    started_at: Timestamp | None = Field(None, description="When it began.")
    completed_at: Timestamp | None = Field(None, description="When it ended, well or not.")
    error: Text | None = Field(None, description="Why it failed, and the fix.")
    events: list[PhaseEvent] = Field(
        default=[],
        max_length=MAX_EVENTS,
        json_schema_extra=list_map("id"),
        description="What happened; the newest are kept.",
    )


class Tally(ObservedModel):
    """A count of things to do and done."""

    total: Count = Field(0, description="All of them.")
    done: Count = Field(0, description="Finished.")
    failed: Count = Field(0, description="Given up.")


class Shard(ObservedModel):
    """What one shard reports of itself."""

    index: Annotated[int, Field(ge=0, le=MAX_SHARDS - 1)] = Field(description="Number of the shard, from 0.")
    state: ShardState | None = Field(None, description="running, completed or failed.")
    node: ShortText | None = Field(None, description="Node it runs on.")
    attempt: Count | None = Field(None, description="How often it was started again.")
    episodes: Tally | None = Field(None, description="Source episodes of this shard.")
    frames: Tally | None = Field(None, description="Augmented frames of this shard.")
    bytes: Tally | None = Field(None, description="Bytes written by this shard.")
    frames_per_second: FramesPerSecond | None = Field(None, description="Augmented frames a second.")
    updated_at: Timestamp | None = Field(None, description="When this entry was written.")


class Progress(ObservedModel):
    """How far the job is."""

    episodes: Tally = Field(default=Tally(), description="Source episodes.")
    frames: Tally = Field(default=Tally(), description="Augmented frames.")
    bytes: Tally = Field(default=Tally(), description="Bytes of augmented video.")
    percent: Annotated[int, Field(ge=0, le=100)] = Field(0, description="0 to 100; 100 only when completed.")
    frames_per_second: FramesPerSecond | None = Field(None, description="All shards together.")
    estimated_seconds_remaining: Count | None = Field(None, description="Of the augment phase, while it runs.")


class Placement(ObservedModel):
    """Where the GPU work runs, read from the standard labels of the node."""

    placement: ShortText | None = Field(None, description="Rung of the class's ladder that is tried or was taken.")
    rung: Count | None = Field(None, description="Its number in the ladder, from 0.")
    tried_since: Timestamp | None = Field(None, description="Since when nodes of this rung are waited for.")
    node: ShortText | None = Field(None, description="Node of the first shard.")
    instance_type: ShortText | None = Field(None, description="node.kubernetes.io/instance-type of that node.")
    region: ShortText | None = Field(None, description="topology.kubernetes.io/region of that node.")
    zone: ShortText | None = Field(None, description="topology.kubernetes.io/zone of that node.")
    accelerator: ShortText | None = Field(None, description="Accelerator of that node, e.g. NVIDIA-L4.")


class SourceStatus(ObservedModel):
    """The dataset as it was found, pinned to one revision."""

    repo_id: DatasetName | None = Field(None, alias="repoID", description="Dataset that was read.")
    revision: Revision | None = Field(None, description="Commit that is read, whatever happens to the branch.")
    format: ShortText | None = Field(
        None, description="Dataset format, e.g. LeRobot v3.0 or Hugging Face images (parquet)."
    )
    episodes: DatasetCount | None = Field(
        None, description="Episodes in the source; a row of an image dataset counts as an episode of one frame."
    )
    frames: DatasetCount | None = Field(None, description="Frames in the source; of an image dataset its rows.")
    cameras: list[ShortText] = Field(
        default=[],
        max_length=MOST_CAMERAS,
        description="Camera keys in the source; of an image dataset its columns of pictures.",
    )
    selected_episodes: DatasetCount | None = Field(None, description="Episodes the job augments.")
    blocks: DatasetCount | None = Field(
        None,
        description="Blocks of rows in which the shards of an image dataset do and record their work. Absent where "
        "they do so by episodes.",
    )
    selected_frames: DatasetCount | None = Field(None, description="Frames of those episodes.")
    copies: Annotated[int, Field(ge=0, le=MAX_COPIES * len(TransformName))] | None = Field(
        None, description="Augmented versions of each of those episodes."
    )


class OutputStatus(ObservedModel):
    """The dataset that was published; `revision` and what follows appear with the commit."""

    dataset_id: DatasetName | None = Field(None, alias="datasetID", description="Dataset, `owner/name`.")
    revision: Revision | None = Field(None, description="Commit of the result.")
    episodes: Count | None = Field(None, description="Episodes in the result.")
    frames: Count | None = Field(None, description="Frames in the result.")
    url: PageAddress | None = Field(None, description="Page of the dataset on its hub.")


class Usage(ObservedModel):
    """What the pods of all attempts used, for billing. A pod that vanishes may lack its last half minute."""

    accelerator_seconds: Annotated[float, Field(ge=0)] | None = Field(None, description="Accelerators x seconds.")
    cpu_seconds: Annotated[float, Field(ge=0)] | None = Field(None, description="Requested CPU cores x seconds.")
    price: Annotated[float, Field(ge=0)] | None = Field(
        None, description="Time of the augment pods at the pricePerHour of their placement; absent where it has none."
    )
    accounted_until: Timestamp | None = Field(None, description="Up to when this is counted.")


class Queue(ObservedModel):
    """Place in the queue while the job waits for quota."""

    position: Count | None = Field(None, description="Jobs ahead of this one.")
    depth: Count | None = Field(None, description="Jobs in the queue.")


class AugmentationJobStatus(ObservedModel):
    """What has become of the job."""

    observed_generation: Count | None = Field(None, description="Generation of the spec the operator last acted on.")
    state: State | None = Field(None, description="queued, running, completed, failed or cancelled.")
    current_phase: PhaseName | None = Field(None, description="Phase the job is in, or ended in.")
    message: Text | None = Field(None, description="The story in one line: what it does, waits for or failed of.")
    conditions: list[Condition] = Field(
        default=[], max_length=32, json_schema_extra=list_map("type"), description="Standard conditions."
    )
    phases: list[Phase] = Field(
        default=[], max_length=8, json_schema_extra=list_map("name"), description="The stages, in order."
    )
    shards: list[Shard] = Field(
        default=[], max_length=MAX_SHARDS, json_schema_extra=list_map("index"), description="One small entry a shard."
    )
    shard_count: Count | None = Field(None, description="Shards the augment phase is cut into.")
    progress: Progress | None = Field(None, description="How far the job is.")
    class_name: ShortText | None = Field(
        None, description="AugmentationClass the job runs as: chosen once, whatever becomes the default later."
    )
    placement: Placement | None = Field(None, description="Where the work runs.")
    source: SourceStatus | None = Field(None, description="The dataset as it was found.")
    output: OutputStatus | None = Field(None, description="The dataset that was published.")
    usage: Usage | None = Field(None, description="What the job used.")
    attempt: Count | None = Field(None, description="The spec.attempt that runs, or that the job ended in.")
    retry_count: Count | None = Field(
        None, description="Pods of this attempt that failed for a passing reason and were started again."
    )
    preemption_count: Count | None = Field(None, description="Pods that were preempted or evicted.")
    queue: Queue | None = Field(None, description="Place in the queue.")
    created_at: Timestamp | None = Field(None, description="When the resource was created.")
    queued_at: Timestamp | None = Field(None, description="When this attempt was accepted.")
    started_at: Timestamp | None = Field(None, description="When the first pod of this attempt ran.")
    completed_at: Timestamp | None = Field(None, description="When it completed or failed.")
    cancelled_at: Timestamp | None = Field(None, description="When it was cancelled.")

    def phase(self, name: PhaseName) -> Phase:
        """The phase of that name; an empty one if nothing is written of it yet."""
        return next((phase for phase in self.phases if phase.name == name), Phase(name=name))

    def has_completed(self, name: PhaseName) -> bool:
        """Whether that phase is recorded as ended well."""
        return self.phase(name).status == PhaseStatus.COMPLETED

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if there is one."""
        return next((condition for condition in self.conditions if condition.type == kind), None)
