"""meta/augmentation.json of a LeRobot result: what was sampled for each augmented episode, and its pixel hashes."""

import json
from collections.abc import Mapping, Sequence

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.records import EpisodeRecords
from augmentation_worker.formats.provenance import job_entries

_PACKAGES = ("av", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")


def write_provenance(
    job_uid: str,
    spec: AugmentationJobSpec,
    origin: Mapping[str, str],
    plan: EpisodePlan,
    records: Sequence[EpisodeRecords],
) -> bytes:
    """The file's content. The same job gives the same bytes."""
    document = {
        **job_entries(job_uid, spec, origin, _PACKAGES),
        "cameras": [camera.key for camera in plan.cameras],
        "encoders": {camera.key: _encoders(camera.key, records) for camera in plan.cameras},
        "originalEpisodes": plan.total_episodes - len(plan.source_episodes) * plan.copies,
        "episodes": [
            {
                "episodeIndex": copy.episode_index,
                "sourceEpisodeIndex": episode.source.index,
                "copy": copy.copy,
                **({"tasks": dict(plan.instructions.texts(copy.tasks))} if plan.instructions else {}),
                "cameras": _versions(records[shard.index], episode.source.index, copy.copy),
            }
            for shard in plan.shards
            for episode in shard.episodes
            for copy in episode.copies
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _versions(records: EpisodeRecords, episode: int, copy: int) -> Mapping[str, object]:
    record = records.episodes[episode]
    versions = {camera: record.copies(camera)[copy] for camera in record.cameras}
    return {
        camera: {"parameters": version.parameters, "pixelHash": version.pixel_hash}
        for camera, version in versions.items()
    }


def _encoders(camera: str, records: Sequence[EpisodeRecords]) -> list[str]:
    """What encoded a camera's videos: more than one where some shards had a GPU and others none."""
    return sorted(
        {record.data.encoders[camera] for record in records if record.data and camera in record.data.encoders}
    )
