"""The closed sets of words in an AugmentationJob: states, phases, condition types."""

from enum import StrEnum


class State(StrEnum):
    """State of the job as a whole. `completed`, `failed` and `cancelled` are terminal."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the state is terminal."""
        return self in (State.COMPLETED, State.FAILED, State.CANCELLED)


class PhaseName(StrEnum):
    """The phases of a job, in the order they run."""

    RESOLVE = "resolve"
    PROVISION = "provision"
    AUGMENT = "augment"
    PUBLISH = "publish"


class PhaseStatus(StrEnum):
    """Status of one phase."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    FAILED = "failed"


class ConditionType(StrEnum):
    """Condition types of a job (metav1.Condition). A type that has never applied is absent."""

    ACCEPTED = "Accepted"
    SUSPENDED = "Suspended"
    ADMITTED = "Admitted"
    PLACED = "Placed"
    COMPLETE = "Complete"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    # Derived from the state, for GitOps tools, which know these three of any resource (sigs.k8s.io/cli-utils, kstatus).
    READY = "Ready"
    RECONCILING = "Reconciling"
    STALLED = "Stalled"


HEALTH_CONDITIONS = (ConditionType.READY, ConditionType.RECONCILING, ConditionType.STALLED)
"""The conditions that say nothing of their own: they follow from the state and the other conditions."""
SUSPENDED_STATE = "suspended"
"""What status.displayState says of a job whose pods are held by spec.suspend, in place of its state."""


class AdmissionReason(StrEnum):
    """Reasons of the Admitted condition: why a job may take nodes, or why it may not yet."""

    SLOT_TAKEN = "SlotTaken"
    NO_LIMIT = "NoLimit"
    ADMITTED = "Admitted"
    # It is waiting for its turn.
    QUEUED = "Queued"
    PREEMPTED = "Preempted"
    EVICTED = "Evicted"
    SUSPENDED = "Suspended"
    # Waiting alone does not help: REQUIRES_ACTION.
    QUEUE_NOT_FOUND = "QueueNotFound"
    QUEUE_INACTIVE = "QueueInactive"
    QUEUE_NOT_NAMED = "QueueNotNamed"
    QUEUE_FORBIDDEN = "QueueForbidden"
    KUEUE_NOT_INSTALLED = "KueueNotInstalled"
    DEACTIVATED = "Deactivated"
    EXCEEDS_QUOTA = "ExceedsQuota"
    PRIORITY_CLASS_NOT_FOUND = "PriorityClassNotFound"


REQUIRES_ACTION = frozenset(
    {
        AdmissionReason.QUEUE_NOT_FOUND,
        AdmissionReason.QUEUE_INACTIVE,
        AdmissionReason.QUEUE_NOT_NAMED,
        AdmissionReason.QUEUE_FORBIDDEN,
        AdmissionReason.KUEUE_NOT_INSTALLED,
        AdmissionReason.DEACTIVATED,
        AdmissionReason.EXCEEDS_QUOTA,
        AdmissionReason.PRIORITY_CLASS_NOT_FOUND,
    }
)
"""Reasons that do not resolve without action of the user or an administrator."""


class AugmentationType(StrEnum):
    """`deterministic`: image transforms computed from a seed. `generative`: a video model repaints the scene."""

    DETERMINISTIC = "deterministic"
    GENERATIVE = "generative"


class AugmentationMode(StrEnum):
    """`stacked`: every copy gets all transforms. `independent`: each transform makes its own copies."""

    STACKED = "stacked"
    INDEPENDENT = "independent"


class AcrossCameras(StrEnum):
    """`shared`: the cameras of an episode see one scene. `independent`: every camera samples for itself."""

    SHARED = "shared"
    INDEPENDENT = "independent"


class Calibration(StrEnum):
    """What becomes of a job that moves pixels of a camera whose calibration is in the dataset's metadata."""

    REFUSE = "refuse"
    KEEP = "keep"


class OutputMode(StrEnum):
    """`copy`: originals, then augmented versions. `inPlace`: one augmented version replaces each original."""

    COPY = "copy"
    IN_PLACE = "inPlace"


class TaskSource(StrEnum):
    """Where paraphrases of tasks come from, other than the spec."""

    DATASET = "dataset"


class OnBadEpisode(StrEnum):
    """What becomes of a job with episodes (or rows) that cannot be used."""

    FAIL = "fail"
    SKIP = "skip"


class VideoCodec(StrEnum):
    """Codec of the augmented videos; `source` takes that of the source's videos."""

    SOURCE = "source"
    AV1 = "av1"
    H264 = "h264"
    HEVC = "hevc"


class VideoProfile(StrEnum):
    """What augmented videos are made for. `like-source`: whatever the source's are."""

    LIKE_SOURCE = "like-source"
    FAST = "fast"
    SMALL = "small"


class EncoderChoice(StrEnum):
    """`auto`: the hardware encoder where the GPU has one for the codec. `software`: always the CPU's encoder."""

    AUTO = "auto"
    SOFTWARE = "software"


class NotificationState(StrEnum):
    """What became of the event that announces the end of a job. `failed`: it was given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class ShardState(StrEnum):
    """State of one shard of the augment phase, as its worker reports it."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
