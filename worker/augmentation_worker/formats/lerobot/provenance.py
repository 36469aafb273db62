"""meta/augmentation.json: how the dataset came to be, for people, for reproducing it, and for a restarted publish."""

import json
from collections.abc import Mapping, Sequence
from importlib import metadata as installed

from augmentation_api import AugmentationJobSpec
from augmentation_worker.formats.lerobot.plan import Plan
from augmentation_worker.formats.lerobot.records import ShardRecords

DISTRIBUTION = "augmentation-operator"
_RECORDED_PACKAGES = ("av", "torch", "torchvision", "numpy", "pyarrow", "huggingface_hub")
UNKNOWN_VERSION = "unknown"


def version() -> str:
    """Version of this project; unknown where it runs without being installed."""
    return _version_of(DISTRIBUTION)


def package_versions(names: Sequence[str]) -> dict[str, str]:
    """Versions of the libraries that pixels and files depend on."""
    return {name: _version_of(name) for name in names}


def write_provenance(
    job_uid: str, spec: AugmentationJobSpec, origin: Mapping[str, str], plan: Plan, records: Sequence[ShardRecords]
) -> bytes:
    """The file's content. The same job gives the same bytes.

    Args:
        job_uid: id of the job.
        spec: what it asked for.
        origin: where the source lies, and the revision that was read.
        plan: the plan.
        records: of each shard, by index.
    """
    document = {
        "jobID": job_uid,
        "generator": {"name": DISTRIBUTION, "version": version()},
        "packages": package_versions(_RECORDED_PACKAGES),
        "source": dict(origin),
        "seed": spec.augmentation.seed,
        "mode": spec.output.mode.value,
        "augmentation": spec.augmentation.to_wire(),
        "video": spec.output.video.to_wire(),
        "cameras": [camera.key for camera in plan.cameras],
        "encoders": {camera.key: _encoders(camera.key, records) for camera in plan.cameras},
        "originalEpisodes": plan.total_episodes - len(plan.episodes) * plan.copies,
        "episodes": [
            {
                "episodeIndex": copy.episode_index,
                "sourceEpisodeIndex": episode.source.index,
                "copy": copy.copy,
                "cameras": _versions(records[shard.index], episode.source.index, copy.copy),
            }
            for shard in plan.shards
            for episode in shard.episodes
            for copy in episode.copies
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _versions(records: ShardRecords, episode: int, copy: int) -> Mapping[str, object]:
    made = records.episodes[episode]
    versions = {camera: made.copies(camera)[copy] for camera in made.cameras}
    return {
        camera: {"parameters": version.parameters, "pixelHash": version.pixel_hash}
        for camera, version in versions.items()
    }


def _encoders(camera: str, records: Sequence[ShardRecords]) -> list[str]:
    """What encoded a camera's videos: more than one where some shards had a GPU and others none."""
    return sorted(
        {record.data.encoders[camera] for record in records if record.data and camera in record.data.encoders}
    )


def _version_of(distribution: str) -> str:
    try:
        return installed.version(distribution)
    except installed.PackageNotFoundError:
        return UNKNOWN_VERSION
