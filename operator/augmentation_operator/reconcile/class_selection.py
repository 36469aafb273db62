"""The selection of a job's AugmentationClass: the one it names, else the default of its type."""

from collections.abc import Iterable

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationType, FailureReason
from augmentation_operator.reconcile.failure_reason import Rejection

_NO_MODEL = (
    ". No generative model comes with this operator: a class names an image of its own (docs/worker-contract.md)"
)


def select_class(job: AugmentationJob, classes: Iterable[AugmentationClass]) -> AugmentationClass | Rejection:
    """The class of a job, or why there is none. A job that has begun keeps the class it began with.

    Where several classes claim to be the default of a type, the oldest name in alphabetical order wins, so that the
    choice does not depend on the order of a listing.
    """
    known = {each.metadata.name: each for each in sorted(classes, key=lambda each: each.metadata.name)}
    if begun := job.status.class_name:
        return known.get(begun) or _not_found(
            f"the AugmentationClass {begun!r} that this job runs as was deleted: create it again, or create a new job"
        )
    if wanted := job.spec.class_name:
        named = known.get(wanted)
        if named is None:
            available = ", ".join(known) or "none"
            return _not_found(f"spec.className {wanted!r}: no such AugmentationClass (available: {available})")
        if named.spec.type != job.spec.type:
            return _not_found(
                f"spec.className {wanted!r} serves type {named.spec.type}, and spec.type is {job.spec.type}"
            )
        return named
    default = next((each for each in known.values() if each.spec.type == job.spec.type and each.spec.default), None)
    return default or _not_found(
        f"spec.type {job.spec.type}: no AugmentationClass is the default of this type; name one in spec.className "
        f"or ask the cluster's administrator for a default"
        f"{_NO_MODEL if job.spec.type is AugmentationType.GENERATIVE else ''}"
    )


def _not_found(message: str) -> Rejection:
    return Rejection(FailureReason.CLASS_NOT_FOUND, message)
