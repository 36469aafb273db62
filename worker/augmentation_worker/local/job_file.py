"""The file that describes a job: an AugmentationJob as kubectl takes it, or only its spec."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from augmentation_api import AugmentationJobSpec, AugmentationType, FailureReason
from augmentation_api.identifiers import JOB_KIND
from augmentation_api.model import findings_of
from augmentation_api.object_store import STORE_KINDS
from augmentation_api.spec import FORMS
from augmentation_worker.failure import WorkerFailure

_PLACES = ("hub", "volume", *STORE_KINDS)
_ANY_SOURCE = {"hub": {"repoID": "local/dataset"}}
"""Stands where the spec has to name a source, as what is read is named on the command line."""


def read_job_file(path: Path) -> AugmentationJobSpec:
    """The spec of a job without a cluster: what the file says of where source and output are is left out.

    Raises WorkerFailure(SPEC_UNSUPPORTED), naming the file and the field.
    """
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise _unusable(path, f"it cannot be read: {error}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: of dates, numbers and bytes
        raise _unusable(path, f"it is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict):
        raise _unusable(path, f"it holds {type(document).__name__} instead of an {JOB_KIND} or its spec")
    if document.get("kind", JOB_KIND) != JOB_KIND:
        raise _unusable(path, f"its kind is {document['kind']}, not {JOB_KIND}")
    spec = document.get("spec", document if "kind" not in document else {})
    if not isinstance(spec, dict):
        raise _unusable(path, "spec is not a mapping")
    asked = folder_spec(spec, str(path))
    if asked.generative is not None and asked.type is not AugmentationType.GENERATIVE:
        raise _unusable(
            path, f"spec.generative is used only with type generative, and spec.type is {asked.type}: remove it"
        )
    return asked


def folder_spec(spec: dict[str, object], where: str) -> AugmentationJobSpec:
    """Check a spec. Raises WorkerFailure(SPEC_UNSUPPORTED), naming `where` it stands and the field."""
    output = spec.get("output") or {}
    if isinstance(output, dict):
        output = {key: value for key, value in output.items() if key not in _PLACES}
    try:
        return AugmentationJobSpec.model_validate({**spec, "source": _ANY_SOURCE, "output": output})
    except ValidationError as error:
        findings = [f"spec.{finding}" for finding in findings_of(error, FORMS, quotes_values=True)]
        raise WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"{where}: {'; '.join(findings)}") from error


def _unusable(path: Path, finding: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.SPEC_UNSUPPORTED, f"{path}: {finding}")
