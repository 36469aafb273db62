"""The paths of qualia's packages that are not of augmentation: read views over the jobs, keys and classes there are.

The packages `qualia-sdk` and `qualia-cli` also manage projects, datasets and instances, list jobs, and follow them as
finetune jobs. There is no store behind these paths: each answer is computed from what the key may see.
"""

from typing import Final

from augmentation_gateway.dialect import Dialect, StatusOperation
from augmentation_gateway.dialects.qualia import catalogue, datasets, finetune, jobs, projects

_QUERY: Final = tuple(
    {**datasets.DatasetsQuery.model_fields, **jobs.JobsQuery.model_fields, **catalogue.ModelsQuery.model_fields}
)

DIALECT: Final = Dialect(
    name="qualia",
    prefix=finetune.PREFIX,
    other_prefixes=(
        projects.PREFIX,
        datasets.PREFIX,
        jobs.PREFIX,
        *catalogue.PREFIXES,
    ),
    status_path=f"{finetune.PREFIX}/{{job_id}}",
    status_operation=StatusOperation(
        summary="Get Job Status",
        description="Get the status of a job, as `qualia job get` and `client.finetune.get` show it.",
        model=finetune.FinetuneStatus,
        name="finetune_status",
    ),
    encode_status=finetune.encode_status,
    fields={"body": tuple(projects.ProjectRequest.model_fields), "query": _QUERY},
    clients=("qualia",),
    routers=(finetune.router, projects.router, datasets.router, jobs.router, catalogue.router),
)
