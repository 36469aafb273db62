"""meta/augmentation.json: by the job's id in it a storage knows whose result it holds; the rest is the format's.

It stays small. What is recorded of each copy is in a table beside it.
"""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_api.worker_contract import RESULT_COPIES, RESULT_PROVENANCE
from augmentation_worker.dataset_path import DatasetPath

PROVENANCE_PATH = DatasetPath(RESULT_PROVENANCE)
COPIES_PATH = DatasetPath(RESULT_COPIES)


class _Provenance(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    job_id: str = Field(alias="jobID")


def job_of(content: bytes | None) -> str | None:
    """Id of the job that made a dataset, by the content of its file; None if that is missing or not one of ours."""
    try:
        return _Provenance.model_validate_json(content or b"").job_id
    except ValidationError:
        return None
