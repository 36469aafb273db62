"""The spec of an AugmentationJob: what a user asks for."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from augmentation_api.episode_ranges import MAX_DATASET_FRAMES, common, disjoint, parse_ranges
from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.object_store import (
    STORE_FORMS,
    STORE_KINDS,
    AzureLocation,
    GcsLocation,
    S3Location,
    StoreLocation,
    location_of,
    overlap_rules,
)
from augmentation_api.scene import SceneTransforms
from augmentation_api.tasks import Tasks
from augmentation_api.transforms import Seed
from augmentation_api.video_output import VideoOutput
from augmentation_api.vocabulary import (
    AugmentationMode,
    AugmentationType,
    Calibration,
    OnBadEpisode,
    OutputMode,
)
from augmentation_api.where_parser import LONGEST_WHERE, parse_where

REPO_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
DATASET_ID_PATTERN = rf"({REPO_ID_PATTERN})|^[a-z0-9]+://[^\s?#]+$"
EPISODES_PATTERN = r"^([0-9]+(:[0-9]+)?(,[0-9]+(:[0-9]+)?)*)?$"
DNS_LABEL_PATTERN = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"
MAX_ATTEMPT = 1000
MAX_SECONDS = 10 * 365 * 24 * 3600
"""Upper bound of every duration in a spec, seconds: ten years."""

RepoID = Annotated[str, StringConstraints(pattern=REPO_ID_PATTERN, max_length=193)]
ObjectName = Annotated[str, StringConstraints(pattern=DNS_LABEL_PATTERN, max_length=253)]
WorkloadPriorityName = Annotated[str, StringConstraints(pattern=DNS_LABEL_PATTERN, max_length=63)]
"""Name of a WorkloadPriorityClass, which is a label's value."""
DisplayName = Annotated[str, StringConstraints(max_length=255)]
Revision = Annotated[str, StringConstraints(min_length=1, max_length=255)]
CameraKey = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Cameras = Annotated[list[CameraKey], Field(max_length=64)]
Masks = dict[CameraKey, CameraKey]
AlsoApplyTo = dict[CameraKey, Annotated[list[CameraKey], Field(min_length=1, max_length=64)]]
Episodes = Annotated[str, StringConstraints(pattern=EPISODES_PATTERN, max_length=4096)]
SplitName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Splits = Annotated[list[SplitName], Field(max_length=64)]
Where = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WHERE)]
FORMS = {
    REPO_ID_PATTERN: "owner/name, e.g. lerobot/pusht",
    DATASET_ID_PATTERN: "owner/name, e.g. lerobot/pusht, or the URL of a folder in an object store, e.g. "
    "s3://robots/pusht",
    EPISODES_PATTERN: "episode indices and half-open ranges, e.g. 0:100,150",
    **STORE_FORMS,
}
"""What texts look like that match a pattern, for messages."""
Parallelism = Annotated[int, Field(ge=1, le=1000)]
PendingDeadline = Annotated[int, Field(ge=1, le=MAX_SECONDS)]
_FOLDER_NAME = r"([^./\x00][^/\x00]*|\.[^./\x00][^/\x00]*|\.\.[^/\x00]+)"
FolderPath = Annotated[str, StringConstraints(max_length=1024, pattern=rf"^{_FOLDER_NAME}(/{_FOLDER_NAME})*$")]
"""A relative path without `.`, `..` or empty parts: it cannot leave the volume or the repository."""


class HubSource(Model):
    """A dataset on a Hugging Face compatible hub."""

    repo_id: RepoID = Field(alias="repoID", description="Dataset on the hub, `owner/name`; not a storage bucket.")
    revision: Revision | None = Field(
        None,
        description="Branch, tag or commit to read. Pinned to a commit when the job is resolved. Default: the tag of "
        "the dataset's format version, as LeRobot picks it, else main.",
    )
    path: FolderPath | None = Field(
        None,
        description="Folder of the dataset inside the repository, relative: of a repository with several datasets, the "
        "one to read. Nothing outside it is read, and paths in the result begin at it. Default: the repository's root.",
    )


class VolumeSource(Model):
    """A dataset on a PersistentVolumeClaim of the job's namespace."""

    claim_name: ObjectName = Field(
        description="PersistentVolumeClaim in the job's namespace. The job's creator needs the verb use on it, or the "
        "right to create pods."
    )
    path: FolderPath = Field(
        "dataset", description="Folder of the dataset inside the volume, relative. No part may be a link."
    )


_PLACES: Final = ("hub", "volume", *STORE_KINDS)
_GIVEN: Final = f"[{', '.join(f'has(self.{place})' for place in _PLACES)}]"
_ONE_SOURCE: Final = "exactly one of hub, volume, s3, gcs and azure is needed"
_ONE_OUTPUT: Final = "at most one of hub, volume, s3, gcs and azure may be given"
_OUTPUT_FOLDER: Final = (
    "path of output.{kind} is empty: name the folder that the result becomes, e.g. datasets/pusht_augmented, so that "
    "nothing else lies in it"
)
_OVERLAP: Final = (
    "output.{kind} and source.{kind} are the same folder, or one lies in the other: a result is never written where "
    "its source is read, so name another output.{kind}.path"
)
_NO_ROOM: Final = (
    "source.{kind} is a whole bucket, next to which there is no room for the result: name output.{kind} with another "
    "bucket, or another output"
)


class Source(Model):
    """Where the dataset is read from: exactly one of `hub`, `volume`, `s3`, `gcs` and `azure`."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [kubernetes_rule(f"{_GIVEN}.exists_one(given, given)", _ONE_SOURCE)]
        }
    )

    hub: HubSource | None = Field(None, description="A dataset on a Hugging Face compatible hub.")
    volume: VolumeSource | None = Field(None, description="A dataset on a volume of the cluster.")
    s3: S3Location | None = Field(
        None, description="A dataset in a bucket of Amazon S3, or of a store that speaks its protocol."
    )
    gcs: GcsLocation | None = Field(None, description="A dataset in a bucket of Google Cloud Storage.")
    azure: AzureLocation | None = Field(None, description="A dataset in a container of Azure Blob Storage.")

    @property
    def store(self) -> StoreLocation | None:
        """The object store, if it is in one."""
        return location_of(self)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(getattr(self, place) is not None for place in _PLACES) != 1:
            raise ValueError(_ONE_SOURCE)
        return self


class HubOutput(Model):
    """A dataset to publish on a hub."""

    repo_id: RepoID | None = Field(
        None,
        alias="repoID",
        description="Dataset to publish, `owner/name`. Default: `<owner of the token>/<source name>_augmented_<first 8 "
        "of the job's id>`. Naming the source itself is allowed, unless source.hub.path is set: its previous "
        "revision stays under a tag `before-<job id>`.",
    )
    private: bool | None = Field(
        None,
        description="Whether the dataset is private if it has to be created. Default: as private as the source, so "
        "the result of a private or gated dataset, or of one on a volume, is private. true: publish only to a "
        "private dataset. false: the result may have more readers than the source; nothing else allows that.",
    )


class Output(Model):
    """Where the result goes and how it is written."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(f"{_GIVEN}.filter(given, given).size() <= 1", _ONE_OUTPUT),
                *(
                    kubernetes_rule(f"!has(self.{kind}) || self.{kind}.path != ''", _OUTPUT_FOLDER.format(kind=kind))
                    for kind in STORE_KINDS
                ),
            ]
        }
    )

    mode: OutputMode = Field(
        OutputMode.COPY,
        description="copy: the result holds every original episode, then its augmented versions. inPlace: every "
        "episode is replaced by one augmented version.",
    )
    hub: HubOutput | None = Field(None, description="Publish on a hub. Default when the source is on a hub.")
    volume: VolumeSource | None = Field(
        None,
        description="Publish on a volume of the cluster. Default when the source is on one: the same volume, "
        "`<path>_augmented_<first 8 of the job's id>`. Naming the source itself is allowed: it stays next to the "
        "result as `<path>.before-<first 8 of the job's id>`.",
    )
    s3: S3Location | None = Field(
        None,
        description="Publish in a bucket of Amazon S3, or of a store that speaks its protocol. Default when the source "
        "is in one: the same bucket, `<path>_augmented_<first 8 of the job's id>`. The folder has to be empty.",
    )
    gcs: GcsLocation | None = Field(
        None,
        description="Publish in a bucket of Google Cloud Storage. Default when the source is in one: the same bucket, "
        "`<path>_augmented_<first 8 of the job's id>`. The folder has to be empty.",
    )
    azure: AzureLocation | None = Field(
        None,
        description="Publish in a container of Azure Blob Storage. Default when the source is in one: the same "
        "container, `<path>_augmented_<first 8 of the job's id>`. The folder has to be empty.",
    )
    video: VideoOutput = Field(default=VideoOutput(), description="Encoding of the augmented videos.")

    @property
    def store(self) -> StoreLocation | None:
        """The object store, if it names one."""
        return location_of(self)

    @property
    def is_named(self) -> bool:
        """Whether it says where the result goes."""
        return any(getattr(self, place) is not None for place in _PLACES)

    @model_validator(mode="after")
    def _at_most_one(self) -> Self:
        if sum(getattr(self, place) is not None for place in _PLACES) > 1:
            raise ValueError(_ONE_OUTPUT)
        for kind in STORE_KINDS:
            location: StoreLocation | None = getattr(self, kind)
            if location is not None and not location.path:
                raise ValueError(_OUTPUT_FOLDER.format(kind=kind))
        return self


class CredentialsSecretRef(Model):
    """A key of a Secret that holds a hub token."""

    name: ObjectName = Field(
        description="Secret in the job's namespace. If a job names it, its creator needs the verb get or use on it, "
        "or the right to create pods."
    )
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = Field(
        "token", description="Key in the Secret's data."
    )


class Augmentation(SceneTransforms):
    """What is done to the camera images, and to the instructions."""

    cameras: Cameras = Field(
        default=[],
        description="Camera keys to augment, e.g. observation.images.top, or columns of an image dataset; empty: all "
        "color cameras, but for columns (and images) that look like masks or other labels.",
    )
    episodes: Episodes = Field(
        "",
        description="Episodes to augment, as indices and half-open ranges: `0:100,150`; empty: all. For an image "
        "dataset these are rows, counted through all splits in their order.",
    )
    splits: Splits = Field(
        default=[],
        description="Splits to augment, e.g. [train]: only their episodes (or rows), and of these only those that "
        "`episodes` names, if it names any; all others stay as they are. Default: all, also those for validation and "
        "tests.",
    )

    # No default in the CRD: what is not asked for does not appear in records, which stay as they were.
    where: Where | None = Field(
        None,
        description="Episodes to augment, by what the dataset says of them: success == true and task contains 'cup'. "
        "Compared are task (the texts of an episode's tasks) and the columns of meta/episodes (v2.1: the keys of "
        "meta/episodes.jsonl), but for statistics, by ==, !=, <, <=, >, >=, in [...] and "
        "contains, joined by and, or, not and parentheses. Of these only those that `episodes` and `splits` name, if "
        "they name any. A missing value fits no comparison but == null. Default: all.",
    )

    tasks: Tasks | None = Field(
        None,
        description="Other words for the task of an episode, one for each copy: language augmentation. Only for "
        "LeRobot datasets. Default: copies have the tasks of their episode.",
    )
    also_apply_to: AlsoApplyTo | None = Field(
        None,
        max_length=64,
        description="By camera, the mask and depth streams (images or video) that affine, cropResize and perspective "
        "move as they move the camera, e.g. {observation.images.top: [observation.masks.top]}; labels are never mixed. "
        "Default: all other streams stay as they are.",
    )

    masks: Masks | None = Field(
        None,
        max_length=64,
        description="By camera, the stream of images of which every value but 0 keeps the camera's pixel, e.g. "
        "{observation.images.top: observation.masks.top}: robot and objects; a stream of video, of which white does; "
        "or a folder of the source with a PNG per frame, as masks/top/episode_000000/frame_000000.png of masks/top. "
        "background replaces the other pixels; the mask itself stays as it is. Default: no masks.",
    )
    background_images: FolderPath | None = Field(
        None,
        description="Folder of the source with the images (PNG, JPEG, WebP, BMP) of which background puts one behind "
        "what is kept, e.g. backgrounds. Default: none.",
    )

    # No default in the CRD: a record without the field is of a result that exists, so it was allowed.
    calibration: Calibration | None = Field(
        None,
        description="What becomes of a job whose affine, cropResize or perspective moves a camera of which the "
        "metadata has a calibration (intrinsics, distortion, projection): refuse, as it is wrong where pixels were "
        "moved; or keep the source's values in all copies. Default: refuse.",
    )

    @field_validator("also_apply_to")
    @classmethod
    def _each_stream_follows_one_camera(cls, followers: AlsoApplyTo | None) -> AlsoApplyTo | None:
        streams = [stream for of_camera in (followers or {}).values() for stream in of_camera]
        repeated = sorted({stream for stream in streams if streams.count(stream) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} is named more than once: a stream moves with one camera")
        return followers

    @field_validator("episodes")
    @classmethod
    def _rising_ranges(cls, episodes: str) -> str:
        for first, last in parse_ranges(episodes):
            if last <= first:
                raise ValueError(f"range {first}:{last} is empty: write first:last with first < last")
        return episodes

    @field_validator("where")
    @classmethod
    def _condition(cls, where: str | None) -> str | None:
        if where is not None:
            parse_where(where)
        return where

    @property
    def episode_ranges(self) -> list[tuple[int, int]]:
        """`episodes` as half-open ranges in the order given; none if all are to be augmented."""
        return parse_ranges(self.episodes)

    def selected_ranges(
        self,
        count: int,
        splits: Mapping[str, Sequence[tuple[int, int]]] = MappingProxyType({}),
        chosen: Sequence[range] | None = None,
    ) -> list[range]:
        """The selected ones of `count` episodes as ranges, rising and disjoint: never a list of all.

        Args:
            count: episodes of the dataset.
            splits: by the name of each of its splits, the episodes in it as half-open ranges.
            chosen: the episodes for which `where` is true, rising and disjoint; None if it is not set.
        """
        if (chosen is None) != (self.where is None):
            raise ValueError("what `where` chooses goes with it, and has to be known")
        selected = disjoint(self.episode_ranges if self.episodes else [(0, count)], count)
        if chosen is not None:
            selected = common(selected, chosen)
        if not self.splits:
            return selected
        return common(selected, disjoint((part for name in self.splits for part in splits.get(name, ())), count))

    @property
    def selection(self) -> dict[str, object]:
        """The fields that select episodes, of those that are set."""
        fields = {"episodes": self.episodes, "splits": self.splits, "where": self.where}
        return {name: value for name, value in fields.items() if value}

    def selects_none_of(self, count: int, nouns: str) -> str:
        """Says that none of the `count` episodes (or rows), which `nouns` says, is selected: "... 0 to 99"."""
        asked = " with ".join(f"spec.augmentation.{name}: {value!r}" for name, value in self.selection.items())
        return f"{asked} selects none of the {count} {nouns}, 0 to {count - 1}"


class Preview(Model):
    """What to show of a job instead of running it: one frame of an episode, before and after."""

    episode: Annotated[int, Field(ge=0, le=MAX_DATASET_FRAMES)] | None = Field(
        None,
        description="Index of the episode, or of the row of an image dataset. Default: the first that the job selects.",
    )
    frame: Annotated[int, Field(ge=0, le=MAX_DATASET_FRAMES)] | None = Field(
        None, description="Index of the frame in the episode, from 0. Default: the middle one."
    )


class Generative(Model):
    """Parameters of generative augmentation; used only with type generative."""

    prompt: str | None = Field(None, max_length=8192, description="What the scene should look like.")
    prompts: list[Annotated[str, StringConstraints(max_length=8192)]] = Field(
        default=[], max_length=20, description="One prompt per copy, instead of `prompt`."
    )
    control_type: Annotated[str, StringConstraints(max_length=63)] | None = Field(
        None, description="What the model preserves of the source: edge, depth, segmentation or vis."
    )
    control_weight: float | None = Field(None, ge=0, le=1, description="How strictly the control is followed, 0 to 1.")
    guidance: float | None = Field(None, ge=0, le=50, description="Classifier-free guidance scale.")
    num_steps: int | None = Field(None, ge=1, le=200, description="Diffusion steps.")
    seed: Seed | None = Field(None, description="Seed of the model. Default: augmentation.seed.")
    model_variant: Annotated[str, StringConstraints(max_length=255)] | None = Field(
        None, description="Variant of the model, by the name that the image of the class gives it."
    )
    disable_guardrails: bool = Field(False, description="Turn off the model's content checks.")
    camera_name: CameraKey | None = Field(None, description="Camera to repaint; the other cameras are copied.")


MUTABLE_FIELDS = ("suspend", "cancel", "attempt", "ttlSecondsAfterFinished", "onBadEpisode", "parallelism")


SYSTEM_PRIORITY = "system-"
"""Prefix that Kubernetes reserves for its own PriorityClasses."""
SYSTEM_PRIORITY_REFUSED = (
    "priorityClassName names a PriorityClass that Kubernetes reserves for itself (system-*), which would preempt other "
    "teams' pods: name another one, or leave it out"
)

_ONE_VERSION_IN_PLACE = (
    "output.mode inPlace keeps one version of each episode, but augmentation.mode independent makes one per "
    "transform: name one transform in augmentation.transforms, or use augmentation.mode stacked"
)


def _change_rules(schema: dict[str, Any]) -> None:
    """Add the CEL rules for updates (only MUTABLE_FIELDS may change, and only forwards) and for modes."""
    required = schema.get("required", [])
    rules = [
        kubernetes_rule(
            "!oldSelf.cancel || self.cancel || self.attempt > oldSelf.attempt",
            "cancel cannot be taken back: raise attempt in the same change to start the job again, or create a new "
            "AugmentationJob",
        ),
        kubernetes_rule(
            "self.attempt == oldSelf.attempt || !self.cancel",
            "attempt is raised while cancel is true: set cancel to false in the same change",
        ),
        kubernetes_rule("self.attempt >= oldSelf.attempt", "attempt can only be raised"),
    ]
    for name, field in schema["properties"].items():
        if name in MUTABLE_FIELDS:
            continue
        same = f"self.{name} == oldSelf.{name}"
        if name not in required and field.get("default") is None:
            same = f"has(self.{name}) == has(oldSelf.{name}) && (!has(self.{name}) || {same})"
        rules.append(kubernetes_rule(same, f"{name} cannot be changed: create a new AugmentationJob"))
    rules.append(
        kubernetes_rule(
            f"self.output.mode != '{OutputMode.IN_PLACE}' || self.augmentation.mode != '{AugmentationMode.INDEPENDENT}'"
            " || !has(self.augmentation.transforms) || size(self.augmentation.transforms) == 1",
            _ONE_VERSION_IN_PLACE,
        )
    )
    rules += overlap_rules(_OVERLAP)
    unnamed = " && ".join(f"!has(self.output.{place})" for place in _PLACES)
    rules += [
        kubernetes_rule(
            f"!has(self.source.{kind}) || self.source.{kind}.path != '' || !({unnamed})", _NO_ROOM.format(kind=kind)
        )
        for kind in STORE_KINDS
    ]
    schema["x-kubernetes-validations"] = rules


class AugmentationJobSpec(Model):
    """What the job should do.

    Immutable, except suspend, cancel, attempt, parallelism, ttlSecondsAfterFinished and onBadEpisode.
    """

    model_config = ConfigDict(json_schema_extra=_change_rules)

    display_name: DisplayName | None = Field(None, description="Human-readable name.")
    project_id: UUID | None = Field(None, alias="projectID", description="Project the job belongs to.")
    type: AugmentationType = Field(
        AugmentationType.DETERMINISTIC, description="Kind of augmentation; selects the default class."
    )
    class_name: ObjectName | None = Field(
        None, description="AugmentationClass that sets nodes, image and limits. Empty: the default class of `type`."
    )
    source: Source = Field(description="The dataset to augment.")
    output: Output = Field(default=Output(), description="The dataset to publish.")
    credentials_secret_ref: CredentialsSecretRef | None = Field(
        None, description="Hub token. Default: the Secret that the AugmentationClass names."
    )
    augmentation: Augmentation = Field(default=Augmentation(), description="What is done to the camera images.")
    generative: Generative | None = Field(None, description="Parameters of generative augmentation.")
    preview: Preview | None = Field(
        None,
        description="Only show what the job would do: its resolve phase draws a frame of each camera and of each copy "
        "into status.preview, and the job is completed; nothing is augmented or published. `{}` shows the defaults.",
    )
    on_bad_episode: OnBadEpisode = Field(
        OnBadEpisode.FAIL,
        description="What becomes of selected episodes (rows of an image dataset) that cannot be decoded. All of them "
        "are found before it is asked, and listed in status.badEpisodes. fail: nothing is published. skip: they get no "
        "augmented version; the originals stay as they are. Changing it to skip while raising `attempt` restarts a "
        "job that failed for them, and repeats nothing.",
    )
    parallelism: Parallelism | None = Field(
        None,
        description="Maximum number of shards that run concurrently. Also the minimum number of shards, if there are "
        "enough episodes. Default: all shards, within the limits of the class. May be changed while the job runs; that "
        "leaves the number of shards as it is, and in a queue of Kueue a change counts from the next admission.",
    )
    backoff_limit_per_shard: int = Field(
        3, ge=0, le=20, description="Number of transient failures tolerated per shard before the job fails."
    )
    active_deadline_seconds: int | None = Field(
        None,
        ge=1,
        le=MAX_SECONDS,
        description="Deadline of the job in seconds, counted from its first pod; then the job fails. The clock stops "
        "while the job is suspended or queued, and restarts afterwards. At most ten years.",
    )
    pending_deadline_seconds: PendingDeadline | None = Field(
        None,
        description="How long the job may wait for pods that do not run, in seconds, whatever it waits for: a queue, "
        "Kueue's too, quota, an image, a volume or a node; then it fails with PendingDeadlineExceeded. Counted for "
        "each phase until its first pod runs, and again when a queue takes nodes back; not while the job is suspended. "
        "Default: no limit. At most ten years.",
    )
    ttl_seconds_after_finished: int | None = Field(
        None,
        ge=0,
        le=MAX_SECONDS,
        description="Delete the resource this many seconds after it finished. At most ten years. The dataset stays.",
    )
    queue_name: ObjectName | None = Field(
        None,
        description="Kueue LocalQueue in the job's namespace in which the augment pods "
        "wait for quota. Default: the queue of the class.",
    )
    priority_class_name: ObjectName | None = Field(
        None,
        # On the field, so that a job older than the rule can still be cancelled: ratcheting skips unchanged fields.
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule(f"!self.startsWith('{SYSTEM_PRIORITY}')", SYSTEM_PRIORITY_REFUSED)
            ]
        },
        description="PriorityClass of the worker pods; also decides their order in a queue. The creator of the job "
        "needs the verb use on it, or the right to create pods. Never a system-* class.",
    )
    workload_priority_class_name: WorkloadPriorityName | None = Field(
        None,
        description="Kueue WorkloadPriorityClass of the job: its order in a queue, and whom Kueue preempts for it, "
        "without a priority for its pods. The creator of the job needs the verb use on it, or the right to create "
        "pods. Default: that of the class, else the priority of priorityClassName.",
    )
    suspend: bool = Field(False, description="Suspend the job: no pods run until it is false again.")
    cancel: bool = Field(
        False, description="Cancel the job permanently. Undone only by raising `attempt` in the same change."
    )
    attempt: int = Field(
        0,
        ge=0,
        le=MAX_ATTEMPT,
        description="Raise it to restart a failed or cancelled job (for a cancelled one, also set `cancel` to false in "
        "the same change). Finished work is kept: the pinned revision and every recorded episode.",
    )

    @model_validator(mode="after")
    def _one_version_in_place(self) -> Self:
        independent = self.augmentation.mode is AugmentationMode.INDEPENDENT
        if self.output.mode is OutputMode.IN_PLACE and independent and len(self.augmentation.effective.transforms) > 1:
            raise ValueError(_ONE_VERSION_IN_PLACE)
        return self

    @model_validator(mode="after")
    def _writes_apart_from_what_it_reads(self) -> Self:
        for kind in STORE_KINDS:
            source: StoreLocation | None = getattr(self.source, kind)
            output: StoreLocation | None = getattr(self.output, kind)
            if source is not None and output is not None and source.overlaps(output):
                raise ValueError(_OVERLAP.format(kind=kind))
            if source is not None and not source.path and not self.output.is_named:
                raise ValueError(_NO_ROOM.format(kind=kind))
        return self
