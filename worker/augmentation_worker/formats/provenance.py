"""meta/augmentation.json, as far as all formats write the same: for people, reproduction and a restarted publish."""

from collections.abc import Mapping, Sequence
from importlib import metadata as installed

from augmentation_api import AugmentationJobSpec

_DISTRIBUTION = "augmentation-operator"
UNKNOWN_VERSION = "unknown"


def version() -> str:
    """Version of this project; unknown where it runs without being installed."""
    return _version_of(_DISTRIBUTION)


def job_entries(
    job_uid: str, spec: AugmentationJobSpec, source: Mapping[str, str], packages: Sequence[str]
) -> dict[str, object]:
    """The entries that come first in every format: the job, what made it, and from what.

    Args:
        job_uid: id of the job.
        spec: what it asks for.
        source: where the source lies, and the revision that was read.
        packages: libraries that pixels and files depend on; their versions are recorded.
    """
    return {
        "jobID": job_uid,
        "generator": {"name": _DISTRIBUTION, "version": version()},
        "packages": {name: _version_of(name) for name in packages},
        "source": dict(source),
        "seed": spec.augmentation.seed,
        "mode": spec.output.mode.value,
        "augmentation": spec.augmentation.to_wire(),
        "video": spec.output.video.to_wire(),
    }


def _version_of(distribution: str) -> str:
    try:
        return installed.version(distribution)
    except installed.PackageNotFoundError:
        return UNKNOWN_VERSION
