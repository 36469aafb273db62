"""Requests of the batch dialect: parameters as its own fields, or as a worker's configuration with inputs."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from augmentation_api.identifiers import API_VERSION
from augmentation_api.vocabulary import AugmentationType
from augmentation_gateway.views.dataset_id import DatasetId
from augmentation_gateway.views.request import AugmentationRequest

WORKER: Final = "worker"
VERSION: Final = API_VERSION.rpartition("/")[2]


class InputFile(BaseModel):
    """An input of a job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file_id: DatasetId = Field(description="Dataset to augment, `owner/name` or the URL of a folder in an object store")
    metadata: dict[str, Any] | None = Field(None, description="Not used")


class _ParametersSchema:
    """Documents both forms of the parameters, of which validation makes one."""

    @staticmethod
    def __get_pydantic_json_schema__(core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        in_worker = {
            "title": "WorkerParameters",
            "description": "The same, with the fields in worker.config; dataset_id may be given as an input",
            "type": "object",
            "required": [WORKER],
            "properties": {
                WORKER: {
                    "type": "object",
                    "properties": {
                        "parallelism": {
                            "type": "integer",
                            "minimum": 1,
                            "description": "Maximum number of concurrent shards",
                        },
                        "config": {"type": "object", "description": "As the body of POST /v1/augmentation"},
                    },
                    "additionalProperties": False,
                }
            },
        }
        return {"anyOf": [handler(core_schema), in_worker]}


class BatchJobRequest(BaseModel):
    """A job to create."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Name of the job, for people"
    )
    pipeline_type: Literal["batch"] = Field("batch", description="Pipeline type")
    pipeline_key: Literal["augmentation-deterministic", "augmentation-generative"] = Field(
        "augmentation-deterministic", description="Pipeline key"
    )
    pipeline_version: str | None = Field(
        None, max_length=63, description=f"There is one version, {VERSION}", json_schema_extra={"enum": [VERSION, None]}
    )
    inputs: dict[str, Annotated[list[InputFile], Field(min_length=1, max_length=1)]] | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="The dataset to augment, under a port of any name, for dataset_id of parameters.worker.config",
    )
    parameters: Annotated[AugmentationRequest, _ParametersSchema] = Field(
        description="As the body of POST /v1/augmentation, or {worker: {parallelism, config: {as that body}}}"
    )

    @model_validator(mode="before")
    @classmethod
    def _into_parameters(cls, value: Any) -> Any:
        # Fields outside of the parameters count inside, so that each error is reported at its own place.
        if not (isinstance(value, dict) and isinstance(value.get("parameters"), dict)):
            return value
        inside = dict(value["parameters"])
        if WORKER in inside:
            inside = _merged(inside, _of_worker(inside.pop(WORKER)))
            inside = _merged(inside, _of_inputs(value.get("inputs")))
        kind = str(value.get("pipeline_key", "augmentation-deterministic")).removeprefix("augmentation-")
        if kind in list(AugmentationType):
            inside.setdefault("augmentation_type", kind)
        if isinstance(value.get("name"), str):
            inside.setdefault("name", value["name"])
        return {**value, "parameters": inside}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.pipeline_key != f"augmentation-{self.parameters.augmentation_type}":
            raise _unusable(
                f"pipeline_key {self.pipeline_key} and parameters.augmentation_type "
                f"{self.parameters.augmentation_type} contradict each other",
                "give one of them",
            )
        if self.pipeline_version not in (None, VERSION):
            raise _unusable(f"pipeline_version is {self.pipeline_version}, but there is only {VERSION}", "leave it out")
        for (file,) in (self.inputs or {}).values():
            if file.file_id != self.parameters.dataset_id:
                raise _unusable(
                    f"inputs names {file.file_id} and parameters.dataset_id {self.parameters.dataset_id}",
                    "give one of them",
                )
        return self


def _of_worker(worker: Any) -> dict[str, Any]:
    """The fields of a request that `parameters.worker` gives."""
    if not isinstance(worker, dict) or not isinstance(worker.get("config", {}), dict):
        raise _unusable("parameters.worker is not {parallelism, config: {…}}", "put the fields into config")
    if more := sorted(set(worker) - {"parallelism", "config"}):
        raise _unusable(f"parameters.worker has {str(more[0])[:40]}", "put the fields into parameters.worker.config")
    given = {"parallelism": worker["parallelism"]} if "parallelism" in worker else {}
    return _merged(dict(worker.get("config", {})), given)


def _of_inputs(inputs: Any) -> dict[str, Any]:
    """The dataset that `inputs` names; nothing where they have another form, which is reported at its place."""
    ports = list(inputs.values()) if isinstance(inputs, dict) else []
    if len(ports) == 1 and isinstance(ports[0], list) and len(ports[0]) == 1 and isinstance(ports[0][0], dict):
        return {"dataset_id": ports[0][0]["file_id"]} if "file_id" in ports[0][0] else {}
    if any(isinstance(files, list) and files for files in ports):
        raise _unusable("inputs names more than one dataset, but a job augments one", "create one job for each")
    return {}


def _merged(fields: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for name, value in more.items():
        if name in fields and fields[name] != value:
            raise _unusable(f"{str(name)[:40]} is given twice, with two values", "give one of them")
    return {**fields, **more}


def _unusable(cause: str, fix: str) -> PydanticCustomError:
    return PydanticCustomError("unusable", "{cause}: {fix}", {"cause": cause, "fix": fix})
