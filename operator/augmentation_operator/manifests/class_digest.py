"""What a batch Job was made from: digests of its class and of what that makes of the Job.

A Job that waits is replaced when both differ from what they would be now. The first alone may differ for a field that
is not the Job's; the second alone differs after an update of the operator, for which no Job loses its place in a queue.
"""

import hashlib
import json
from typing import Final

from augmentation_api import AugmentationClass
from augmentation_operator.manifests.manifest import Manifest

_LENGTH: Final = 16


def made_from(manifest: Manifest, augmentation_class: AugmentationClass) -> str:
    """The value of the annotation for the manifest of a Job."""
    template, labels = manifest["spec"]["template"], manifest["metadata"]["labels"]
    return f"{_digest(augmentation_class.spec.to_wire())}.{_digest([template, labels])}"


def differs(annotation: str, manifest: Manifest, augmentation_class: AugmentationClass) -> bool:
    """Whether a Job was made from another class, and would be another Job now. False if its origin is not known."""
    before, now = annotation.split("."), made_from(manifest, augmentation_class).split(".")
    return len(before) == len(now) and all(old != new for old, new in zip(before, now, strict=True))


def is_of_class(annotation: str, augmentation_class: AugmentationClass) -> bool:
    """Whether a Job was made from this class as it is, or it is not known from which."""
    return annotation.partition(".")[0] in ("", _digest(augmentation_class.spec.to_wire()))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_LENGTH]
