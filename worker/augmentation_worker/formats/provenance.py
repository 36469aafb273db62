"""meta/augmentation.json, as far as all formats write the same: for people, reproduction and a restarted publish."""

from collections.abc import Callable, Mapping, Sequence
from importlib import metadata as installed
from typing import Any

from augmentation_api import AugmentationJobSpec
from augmentation_api.vocabulary import OnBadEpisode
from augmentation_worker.formats.port import PixelHashes
from augmentation_worker.transforms.key_version import KEY_VERSION

_DISTRIBUTION = "augmentation-operator"
UNKNOWN_VERSION = "unknown"


def version() -> str:
    """Version of this project; unknown where it runs without being installed."""
    return _version_of(_DISTRIBUTION)


def job_entries(
    job_uid: str, spec: AugmentationJobSpec, source: Mapping[str, str], packages: Sequence[str]
) -> dict[str, object]:
    """The entries that come first in every format: the job, what made it, and from what.

    `source` is where it lies and the revision that was read; `packages` are libraries that pixels and files depend on.
    """
    return {
        "jobID": job_uid,
        "generator": {"name": _DISTRIBUTION, "version": version()},
        "packages": {name: _version_of(name) for name in packages},
        "source": dict(source),
        "seed": spec.augmentation.seed,
        "keyVersion": KEY_VERSION,
        "mode": spec.output.mode.value,
        **({"preset": preset.value} if (preset := spec.augmentation.preset) is not None else {}),
        # With everything said, and no preset: what a release takes for granted may change, pixels must not.
        "augmentation": spec.augmentation.effective.model_copy(update={"preset": None}).to_wire(),
        "video": spec.output.video.to_wire(),
        **({"onBadEpisode": spec.on_bad_episode} if spec.on_bad_episode is not OnBadEpisode.FAIL else {}),
    }


def pixel_hashes(
    provenance: Mapping[str, object], entries: str, title: Callable[[Mapping[str, object]], str]
) -> PixelHashes | None:
    """The hashes of a format that lists what it made, each with its `cameras`, under the key `entries`; else None."""
    listed: Any = provenance.get(entries)
    if listed is None:
        return None
    return {
        (title(entry), camera): version["pixelHash"] for entry in listed for camera, version in entry["cameras"].items()
    }


def _version_of(distribution: str) -> str:
    try:
        return installed.version(distribution)
    except installed.PackageNotFoundError:
        return UNKNOWN_VERSION
