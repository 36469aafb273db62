"""meta/augmentation.json: by the job's id in it a storage knows whose result it holds; the rest is the format's."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_api.worker_contract import RESULT_PROVENANCE
from augmentation_worker.dataset_path import DatasetPath

PROVENANCE_PATH = DatasetPath(RESULT_PROVENANCE)


class Provenance(BaseModel):
    """The part of the file that a storage reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    job_id: str = Field(alias="jobID")


def read_provenance(content: bytes) -> Provenance | None:
    """Who made a dataset; None if the file is not one of ours."""
    try:
        return Provenance.model_validate_json(content)
    except ValidationError:
        return None
