"""meta/augmentation.json and .parquet of a LeRobot result: what was sampled for each copy, and its pixel hashes."""

import json
from collections.abc import Collection, Mapping
from typing import Final

import pyarrow as pa

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.lerobot.merge import Version
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.provenance import COPIES_ENTRY, CopiesTable, job_entries
from augmentation_worker.storage.provenance import COPIES_PATH
from augmentation_worker.work import Work

_PACKAGES = ("av", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")
EPISODE_COLUMN: Final = "episode_index"
_SCHEMA = pa.schema(
    [
        ("source_episode_index", pa.int64()),
        ("copy", pa.int64()),
        (EPISODE_COLUMN, pa.int64()),
        ("camera", pa.string()),
        ("pixel_hash", pa.string()),
        ("parameters", pa.string()),
        ("tasks", pa.string()),
    ]
)
"""`parameters` and `tasks` are JSON; `tasks` has other instructions than the source's by those, and is null without."""


class CopiesFile(CopiesTable):
    """The table of copies, episode by episode and copy by copy, a row for each camera."""

    def __init__(self, work: Work, plan: EpisodePlan) -> None:
        super().__init__(work, _SCHEMA)
        self._instructions = plan.instructions

    def add(self, version: Version) -> None:
        """Add an augmented episode."""
        texts = None if self._instructions is None else _json(self._instructions.texts(version.copy.tasks))
        for camera in version.record.cameras:
            made = version.record.copies(camera)[version.copy.copy]
            self.append(
                {
                    "source_episode_index": version.episode.source.index,
                    "copy": version.copy.copy,
                    EPISODE_COLUMN: version.copy.episode_index,
                    "camera": camera,
                    "pixel_hash": made.pixel_hash,
                    "parameters": _json(made.parameters),
                    "tasks": texts,
                }
            )


def _json(values: Mapping[str, object]) -> str:
    return json.dumps(dict(values), ensure_ascii=False)


def write_provenance(
    job_uid: str,
    spec: AugmentationJobSpec,
    origin: Mapping[str, str],
    plan: EpisodePlan,
    encoders: Mapping[str, Collection[str]],
) -> bytes:
    """The document's content. The same job gives the same bytes.

    `encoders` are, by camera, what encoded its videos.
    """
    document = {
        **job_entries(job_uid, spec, origin, _PACKAGES),
        "cameras": [camera.key for camera in plan.cameras],
        "encoders": {camera.key: sorted(encoders.get(camera.key, ())) for camera in plan.cameras},
        "originalEpisodes": plan.total_episodes - len(plan.source_episodes) * plan.copies,
        COPIES_ENTRY: COPIES_PATH,
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()
