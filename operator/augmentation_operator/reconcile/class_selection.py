"""The selection of a job's AugmentationClass: the one it names, else the default of its type."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from pydantic import ValidationError

from augmentation_api import AugmentationClass, AugmentationJob, AugmentationType, FailureReason, ObjectMeta
from augmentation_api.augmentation_class import AugmentationClassSpec
from augmentation_api.readable_class import UnreadableClass
from augmentation_api.status import ClassSnapshot
from augmentation_operator.reconcile.failure_reason import Rejection

AnyClass = AugmentationClass | UnreadableClass
Classes = Mapping[str, AnyClass]

_NO_MODEL = (
    ". No generative model comes with this operator: a class names an image of its own (docs/worker-contract.md)"
)


def select_class(job: AugmentationJob, classes: Iterable[AnyClass]) -> AugmentationClass | Rejection:
    """The class of a job, or why there is none. A job that has begun keeps the class it began with.

    Where several classes claim to be the default of a type, the oldest name in alphabetical order wins, so that the
    choice does not depend on the order of a listing. An invalid one is chosen by nobody, and harms no other.
    """
    if (snapshot := _snapshot(job)) is not None:
        return snapshot
    known: Classes = {_name_of(each): each for each in sorted(classes, key=_name_of)}
    if begun := job.status.class_name:
        return _of_its_type(job, begun, _valid(known.get(begun)), "the AugmentationClass") or _not_found(
            f"the AugmentationClass {begun!r} that this job runs as was deleted: create it again, or create a new job"
        )
    if wanted := job.spec.class_name:
        return _named(job, wanted, known)
    return _default(job, known)


def snapshot_of(augmentation_class: AugmentationClass, now: datetime) -> ClassSnapshot:
    """A class as it is now, to be kept with a job."""
    generation = augmentation_class.metadata.generation
    return ClassSnapshot(generation=generation, taken_at=now, spec=augmentation_class.spec.to_wire())


def class_now(
    job: AugmentationJob, selected: AugmentationClass | Rejection, classes: Iterable[AnyClass]
) -> AugmentationClass | None:
    """The class of a job as it is now, for what is not of its pods; one that is gone, as the job began with it.

    Args:
        selected: the answer of select_class.
    """
    name = job.status.class_name if isinstance(selected, Rejection) else selected.metadata.name
    readable = (each for each in classes if isinstance(each, AugmentationClass))
    known = selected if isinstance(selected, AugmentationClass) else _read_snapshot(job)
    return next((each for each in readable if each.metadata.name == name), known)


def _snapshot(job: AugmentationJob) -> AugmentationClass | None:
    """The class as it was when the job began; None: the job has not begun or has ended, or it cannot be read."""
    state = job.status.state
    return None if state is not None and state.is_final else _read_snapshot(job)


def _read_snapshot(job: AugmentationJob) -> AugmentationClass | None:
    """The class that the status keeps; None: it keeps none, or one of another release that cannot be read."""
    name, snapshot = job.status.class_name, job.status.class_snapshot
    if name is None or snapshot is None:
        return None
    try:
        spec = AugmentationClassSpec.model_validate(snapshot.spec)
    except ValidationError:
        return None
    return AugmentationClass(metadata=ObjectMeta(name=name, generation=snapshot.generation or 0), spec=spec)


def _named(job: AugmentationJob, wanted: str, known: Classes) -> AugmentationClass | Rejection:
    named = _of_its_type(job, wanted, _valid(known.get(wanted)), "spec.className")
    if named is None:
        available = ", ".join(name for name, each in known.items() if isinstance(each, AugmentationClass)) or "none"
        return _not_found(f"spec.className {wanted!r}: no such AugmentationClass (available: {available})")
    return named


def _of_its_type(
    job: AugmentationJob, name: str, found: AugmentationClass | Rejection | None, what: str
) -> AugmentationClass | Rejection | None:
    """A class that was found, unless it serves another type, as one that was created again may."""
    if isinstance(found, AugmentationClass) and found.spec.type != job.spec.type:
        return _not_found(f"{what} {name!r} serves type {found.spec.type}, and spec.type is {job.spec.type}")
    return found


def _default(job: AugmentationJob, known: Classes) -> AugmentationClass | Rejection:
    readable = (each for each in known.values() if isinstance(each, AugmentationClass))
    default = next((each for each in readable if each.spec.type == job.spec.type and each.spec.default), None)
    if default is not None:
        return default
    unreadable = (each for each in known.values() if isinstance(each, UnreadableClass))
    broken = next((each for each in unreadable if each.type == job.spec.type and each.default), None)
    return _valid(broken) or _not_found(
        f"spec.type {job.spec.type}: no AugmentationClass is the default of this type; name one in spec.className "
        f"or ask the cluster's administrator for a default"
        f"{_NO_MODEL if job.spec.type is AugmentationType.GENERATIVE else ''}"
    )


def _valid(found: AugmentationClass | UnreadableClass | None) -> AugmentationClass | Rejection | None:
    """A class that was found, or what is wrong with it; None: it was not found."""
    if not isinstance(found, UnreadableClass):
        return found
    default = ", the default of its type," if found.default else ""
    return Rejection(
        FailureReason.CLASS_INVALID,
        f"the AugmentationClass {found.name!r}{default} is invalid: {'; '.join(found.findings)}. Ask the cluster's "
        "administrator to correct it",
    )


def _name_of(each: AugmentationClass | UnreadableClass) -> str:
    return each.name if isinstance(each, UnreadableClass) else each.metadata.name


def _not_found(message: str) -> Rejection:
    return Rejection(FailureReason.CLASS_NOT_FOUND, message)
