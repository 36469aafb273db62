"""What a phase works on: one job's spec, source and output, with scratch space and a device."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final, Protocol

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_BYTES
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.media.device import AugmentDevice
from augmentation_worker.media.stage_clock import StageClock
from augmentation_worker.settings import ENV_DEVICE, Device
from augmentation_worker.storage.port import OutputDataset, SourceDataset

NVIDIA_DRIVER: Final = Path("/dev/nvidiactl")
"""There wherever NVIDIA's driver is, and in containers that its device plugin gives a GPU."""


class Events(Protocol):
    """Takes the events of a phase."""

    def event(self, status: str, message: str, *, data: Mapping[str, str] | None = None) -> None:
        """Report an event. Returns at once."""


@dataclass(frozen=True)
class Work:
    """One job as the pods of augment and publish see it.

    Attributes:
        job_uid: id of the job.
        spec: what it asks for.
        source: the dataset at its pinned revision.
        output: where the result goes.
        scratch: writable folder.
        events: takes events for the status.
        checkpoint_bytes: most bytes of a unit of the work, where its format lets it have several episodes.
        wanted_device: what augments: cuda, cpu, or auto for cuda where there is one.
        stages: counts the seconds of each stage.
    """

    job_uid: str
    spec: AugmentationJobSpec
    source: SourceDataset
    output: OutputDataset
    scratch: Path
    events: Events
    wanted_device: Device = "auto"
    checkpoint_bytes: int = DEFAULT_CHECKPOINT_BYTES
    stages: StageClock = field(default_factory=StageClock)

    @cached_property
    def extends_source(self) -> bool:
        """Whether the result is committed on top of the source, whose files then need not be carried over."""
        return self.output.extends(self.source)

    @cached_property
    def device(self) -> AugmentDevice:
        """What augments: an event says so if a GPU is there, and does not.

        Raises WorkerFailure(SPEC_UNSUPPORTED) for a GPU that is asked for and not there, or without torch.
        """
        if self.wanted_device == "cpu":
            return "cpu"
        try:
            import torch  # noqa: PLC0415 (takes a second, and an image for CPUs has none)
        except ImportError:
            problem = (
                "a GPU needs PyTorch, which is not installed here: set cudaImage of the AugmentationClass to the image "
                "augmentation-worker-cuda, or install augmentation-operator[worker-cuda]"
            )
        else:
            if torch.cuda.is_available():
                return "cuda"
            problem = "PyTorch finds no GPU that it can use here: check the driver with nvidia-smi"
        if self.wanted_device == "cuda":
            raise WorkerFailure(
                FailureReason.SPEC_UNSUPPORTED,
                f"cuda is asked for (--device, or the pod's {ENV_DEVICE}), but {problem}, or ask for auto or cpu",
            )
        if NVIDIA_DRIVER.exists():
            self.events.event("gpu", f"The CPU augments, although there is a GPU here: {problem}")
        return "cpu"

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Path of a local file to write, which is removed afterwards."""
        local = self.scratch / "made" / name
        local.parent.mkdir(parents=True, exist_ok=True)
        yield local
        local.unlink()
