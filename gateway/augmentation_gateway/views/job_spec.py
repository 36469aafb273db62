"""From a request to the spec of an AugmentationJob, and from a spec back to a request: one table, read both ways."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from augmentation_api.object_store import STORE_KINDS, stored_url
from augmentation_api.presets import PRESETS
from augmentation_api.spec import AugmentationJobSpec
from augmentation_api.vocabulary import EncoderChoice, OutputMode, VideoCodec
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.views.dataset_id import place_of
from augmentation_gateway.views.parameters import GENERATIVE, TRANSFORMS
from augmentation_gateway.views.request import AugmentationRequest, transform_names

_PATHS: Final[Mapping[str, str]] = {
    "project_id": "projectID",
    "augmentation_type": "type",
    "name": "displayName",
    "augment_transforms": "augmentation.transforms",
    "augment_mode": "augmentation.mode",
    "augment_copies": "augmentation.copies",
    "augment_copies_per_transform": "augmentation.copiesPerTransform",
    "augment_dataset_mode": "output.mode",
    "seed": "augmentation.seed",
    "revision": "source.hub.revision",
    "path": "source.hub.path",
    "private": "output.hub.private",
    "video_profile": "output.video.profile",
    "video_codec": "output.video.codec",
    "video_crf": "output.video.crf",
    "video_gop": "output.video.gop",
    "video_preset": "output.video.preset",
    "video_encoder": "output.video.encoder",
    "parallelism": "parallelism",
    "pending_deadline_seconds": "pendingDeadlineSeconds",
    "cameras": "augmentation.cameras",
    "episodes": "augmentation.episodes",
    "splits": "augmentation.splits",
    "where": "augmentation.where",
    "on_bad_episode": "onBadEpisode",
    "tasks": "augmentation.tasks",
    "also_apply_to": "augmentation.alsoApplyTo",
    "masks": "augmentation.masks",
    "background_images": "augmentation.backgroundImages",
    "calibration": "augmentation.calibration",
    "preset": "augmentation.preset",
    "choose": "augmentation.choose",
    "across_cameras": "augmentation.acrossCameras",
    "per_camera": "augmentation.perCamera",
}
"""Where the spec has what a field of the request says; the fields of parameters follow from their models."""
_OF_A_PRESET: Final = frozenset(
    {"augment_transforms"} | {name for own in TRANSFORMS.values() for each in own for name in each.paths}
)
_NO_FIELD: Final = ("endpoint", "region", "addressing", "credentialsSecretRef")
"""What a place in an object store may have that no request says."""
_IN_PLACE: Final = "inplace"
_TO_SPEC: Final[Mapping[str, Callable[[Any], Any]]] = {
    "augment_transforms": transform_names,
    "augment_copies_per_transform": lambda copies: copies or None,
    "augment_dataset_mode": lambda mode: OutputMode.IN_PLACE if mode == _IN_PLACE else OutputMode.COPY,
}
_TO_REQUEST: Final[Mapping[str, Callable[[Any], Any]]] = {
    "augment_transforms": ",".join,
    "augment_dataset_mode": lambda mode: _IN_PLACE if mode == OutputMode.IN_PLACE else "copy",
    "episodes": lambda episodes: episodes or None,
    "video_codec": lambda codec: None if codec == VideoCodec.SOURCE else codec,
    "video_encoder": lambda encoder: None if encoder == EncoderChoice.AUTO else encoder,
}


_PARAMETERS: Final = frozenset(name for parameters in TRANSFORMS.values() for each in parameters for name in each.paths)


def to_job_spec(request: AugmentationRequest) -> AugmentationJobSpec:
    """The spec that asks for what the request asks for.

    What this API has defaults for is always set: the choices, and every range of the transforms that are named. A
    request keeps its meaning, and a manifest shows all of it, even if the CRD's defaults change one day. Everything
    else (transforms that are not named, fields that are not given) is left unset, for the CRD's defaults; so is what a
    preset may say, unless the request says it itself.
    """
    spec: dict[str, Any] = {}
    for name, path in _paths(request.transforms):
        if request.preset is not None and name in _OF_A_PRESET and name not in request.model_fields_set:
            continue
        value = _TO_SPEC.get(name, _same)(getattr(request, name))
        if value is not None:
            *parents, key = path.split(".")
            parent = spec
            for field in parents:
                parent = parent.setdefault(field, {})
            parent[key] = value
    _name_datasets(request, spec)
    return AugmentationJobSpec.model_validate(spec)


def _name_datasets(request: AugmentationRequest, spec: dict[str, Any]) -> None:
    """Add to a spec where the dataset is and where the result goes."""
    for side, dataset_id in (("source", request.dataset_id), ("output", request.output_dataset_id)):
        if dataset_id is not None:
            for kind, place in place_of(dataset_id).items():
                named = spec.setdefault(side, {})
                named[kind] = {**named.get(kind, {}), **place}
                if side == "source" and request.source_anonymous:
                    named[kind]["anonymous"] = True


def request_of(record: JobRecord) -> dict[str, Any]:
    """The fields of AugmentationRequest that ask for this job, also where it was created with kubectl.

    Read from the object as it is, with the defaults that the API server filled in: fields of the spec that a newer
    release added are skipped, and so is what this API has no field for (a volume, for example).
    """
    spec = record.raw["spec"]
    augmentation = spec.get("augmentation", {})
    preset = PRESETS.get(augmentation.get("preset"))
    transforms = augmentation.get("transforms") or (["lighting"] if preset is None else preset.transforms)
    defaults: dict[str, Any] = {"augmentation_type": record.type, "augment_dataset_mode": "copy"}
    if augmentation.get("preset") is None:
        defaults["augment_transforms"] = transforms
    source, output = spec["source"], spec.get("output", {})
    request: dict[str, Any] = {"project_id": None, "dataset_id": _asked_by(source)}
    for name, path in _paths(transforms):
        value: Any = spec
        for key in path.split("."):
            value = None if value is None else value.get(key)
        if value is None or value == []:
            value = defaults.get(name)
        if value is None and preset is None and name in _PARAMETERS:
            # The API server fills in no ranges: those that the worker takes are the request's own defaults.
            request[name] = AugmentationRequest.model_fields[name].default
            continue
        if value is not None:
            request[name] = _TO_REQUEST.get(name, _same)(value)
    request["output_dataset_id"] = _asked_by(output)
    if request["dataset_id"] is not None and any(source.get(kind, {}).get("anonymous") for kind in STORE_KINDS):
        request["source_anonymous"] = True
    return {name: value for name, value in request.items() if value is not None}


def _asked_by(side: Mapping[str, Any]) -> str | None:
    """The id that asks for the dataset of a source or output; None where a request cannot: an endpoint or a Secret."""
    if any(own in side.get(kind, {}) for kind in STORE_KINDS for own in _NO_FIELD):
        return None
    repo_id = (side.get("hub") or {}).get("repoID")
    return repo_id if repo_id is not None else stored_url(side)


def _paths(transforms: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The fields that a job with these transforms may have, each with its path in the spec."""
    yield from _PATHS.items()
    for name in transforms:
        for parameter in TRANSFORMS.get(name, ()):
            yield from parameter.paths.items()
    for parameter in GENERATIVE:
        yield from parameter.paths.items()


def _same(value: Any) -> Any:
    return value
