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
    known = sorted(classes, key=lambda candidate: candidate.metadata.name)
    begun = job.status.class_name
    if begun:
        same = next((candidate for candidate in known if candidate.metadata.name == begun), None)
        return same or Rejection(
            FailureReason.CLASS_NOT_FOUND,
            f"the AugmentationClass {begun!r} that this job runs as was deleted: create it again, or create a new job",
        )
    wanted = job.spec.class_name
    if wanted:
        named = next((candidate for candidate in known if candidate.metadata.name == wanted), None)
        if named is None:
            names = ", ".join(candidate.metadata.name for candidate in known) or "none"
            return Rejection(
                FailureReason.CLASS_NOT_FOUND,
                f"spec.className {wanted!r}: no such AugmentationClass (available: {names})",
            )
        if named.spec.type != job.spec.type:
            return Rejection(
                FailureReason.CLASS_NOT_FOUND,
                f"spec.className {wanted!r} serves type {named.spec.type}, and spec.type is {job.spec.type}",
            )
        return named
    default = next((each for each in known if each.spec.type == job.spec.type and each.spec.default), None)
    if default is None:
        generative = job.spec.type is AugmentationType.GENERATIVE
        return Rejection(
            FailureReason.CLASS_NOT_FOUND,
            f"spec.type {job.spec.type}: no AugmentationClass is the default of this type; name one in spec.className "
            f"or ask the cluster's administrator for a default{_NO_MODEL if generative else ''}",
        )
    return default
