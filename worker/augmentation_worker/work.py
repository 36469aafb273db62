"""What a phase works on: one job's spec, source and output, with scratch space and a device."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from augmentation_api import AugmentationJobSpec
from augmentation_worker.settings import Device
from augmentation_worker.storage.port import OutputDataset, SourceDataset

if TYPE_CHECKING:
    import torch


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
        wanted_device: what augments: cuda, cpu, or auto for cuda where there is one.
    """

    job_uid: str
    spec: AugmentationJobSpec
    source: SourceDataset
    output: OutputDataset
    scratch: Path
    events: Events
    wanted_device: Device = "auto"

    @cached_property
    def extends_source(self) -> bool:
        """Whether the result is committed on top of the source, whose files then need not be carried over."""
        return self.output.extends(self.source)

    @cached_property
    def device(self) -> "torch.device":
        """What augments."""
        import torch  # noqa: PLC0415 (takes seconds, and only augment needs it)

        if self.wanted_device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.wanted_device)

    @contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Path of a local file to write, which is removed afterwards."""
        local = self.scratch / "made" / name
        local.parent.mkdir(parents=True, exist_ok=True)
        yield local
        local.unlink()
