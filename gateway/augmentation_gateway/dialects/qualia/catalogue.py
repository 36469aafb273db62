"""Instances, models and credits: what the administrator's classes offer, and what the key's jobs have cost."""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from augmentation_api.accelerators import is_accelerator
from augmentation_api.augmentation_class import InstanceLabels
from augmentation_api.default_resources import stated_resources
from augmentation_api.quantity import parse_quantity
from augmentation_gateway.cache.records import ClassRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import require_synced
from augmentation_gateway.credentials.keys import Right
from augmentation_gateway.dialects.qualia.pages import PageInfo, PageQuery
from augmentation_gateway.dialects.qualia.raw_status import price
from augmentation_gateway.jobs.query import Filters, matching
from augmentation_gateway.views.dependencies import CurrentGateway, CurrentKey
from augmentation_gateway.views.responses import OK_WITH_AGE, READ, detail_errors

PREFIXES: Final = ("/v1/instances", "/v1/models", "/v1/credits")
UNLIMITED: Final = 2**31 - 1
"""The balance: nothing is paid in advance, so nothing can run out."""
_GIB: Final = Decimal(2**30)


class InstanceRegion(BaseModel):
    """A region."""

    name: str
    description: str


class InstanceSpecs(BaseModel):
    """What one augment pod has."""

    vcpus: int = Field(description="CPU cores requested, rounded up")
    memory_gib: int = Field(description="Memory requested, rounded up")
    storage_gib: int = Field(description="Local disk for files in progress, rounded up")
    gpu_count: int
    gpu_type: str = Field(description="Accelerator; empty without one")


class Instance(BaseModel):
    """A kind of node that jobs run on: a placement of the class that they get."""

    id: str = Field(description="`class.placement`")
    name: str = Field(description="Name of the AugmentationClass")
    description: str
    gpu_description: str
    credits_per_hour: int = Field(description="Price of an augment pod per hour, rounded up; 0 if the class has none")
    price_per_hour: float | None = Field(description="The same, not rounded; null if the class has none")
    specs: InstanceSpecs
    regions: list[InstanceRegion] = Field(description="The region that the placement asks for, if it asks for one")
    region_count: int


class InstanceList(BaseModel):
    """The kinds of nodes that jobs run on."""

    data: list[Instance]


class ModelList(BaseModel):
    """Types of models that can be trained."""

    data: list[dict[str, Any]] = Field(description="Always empty: no job trains a model")


class ModelPage(BaseModel):
    """A page of trained models."""

    items: list[dict[str, Any]] = Field(description="Always empty: no job trains a model")
    page_info: PageInfo


class ModelsQuery(PageQuery):
    """Which models to list."""

    model_type: str | None = Field(None, max_length=64, description="Only models of this type")
    project_id: str | None = Field(None, max_length=64, description="Only models of this project")
    job_id: str | None = Field(None, max_length=64, description="Only models of this job")


class CreditBalance(BaseModel):
    """What jobs may cost, and have cost."""

    balance: int = Field(description=f"Always {UNLIMITED}: nothing is paid in advance")
    limited: bool = Field(description="Always false")
    used: float = Field(description="Price of all jobs that the key sees, by the prices of their classes")


router = APIRouter(prefix="/v1", tags=["qualia"])


@router.get("/instances", summary="List Instances", responses={**OK_WITH_AGE, **detail_errors(*READ)})
async def list_instances(gateway: CurrentGateway, key: CurrentKey) -> InstanceList:
    """List the kinds of nodes that jobs created here run on, in the order in which they are tried."""
    require(key, Right.READ)
    require_synced(gateway.view)
    defaults = [record for record in gateway.view.classes.records() if record.default]
    return InstanceList(
        data=[
            instance for record in sorted(defaults, key=lambda each: (each.type, each.name)) for instance in _of(record)
        ]
    )


@router.get("/models", summary="List Model Types", responses={**OK_WITH_AGE, **detail_errors(*READ)})
async def list_model_types(key: CurrentKey) -> ModelList:
    """List types of models that can be trained, of which there are none."""
    require(key, Right.READ)
    return ModelList(data=[])


@router.get("/models/list", summary="List Models", responses={**OK_WITH_AGE, **detail_errors(422, *READ)})
async def list_models(query: Annotated[ModelsQuery, Query()], key: CurrentKey) -> ModelPage:
    """List trained models, of which there are none."""
    require(key, Right.READ)
    return ModelPage(items=[], page_info=PageInfo(has_next=False, end_cursor=None, total_count=0))


@router.get("/credits", summary="Get Credits", responses={**OK_WITH_AGE, **detail_errors(*READ)})
async def get_credits(gateway: CurrentGateway, key: CurrentKey) -> CreditBalance:
    """Get what the jobs that the key sees have cost. There is no limit, so the balance says nothing."""
    used = 0.0
    async for jobs in matching(gateway, key, Filters()):
        for record in jobs:
            used += price(record)
    return CreditBalance(balance=UNLIMITED, limited=False, used=round(used, 6))


def _of(record: ClassRecord) -> Iterator[Instance]:
    """The placements of a class; none of one that is not as the CRD wants it."""
    spec = record.spec
    if spec is None:
        return
    for number, placement in enumerate(spec.placements, 1):
        resources = stated_resources(placement.resources or spec.resources)
        amounts = {**resources.limits, **resources.requests}
        labels, wanted = spec.instance_labels, placement.node_selector
        count, kind = _accelerator(amounts, labels, wanted)
        region = wanted.get(labels.region)
        per_hour = placement.price_per_hour
        of_how_many = f", choice {number} of {len(spec.placements)}" if len(spec.placements) > 1 else ""
        yield Instance(
            id=f"{record.name}.{placement.name}",
            name=record.name,
            description=f"{spec.type.capitalize()} jobs of class {record.name}{of_how_many}",
            gpu_description=f"{count} of {kind}" if count else "No accelerator",
            credits_per_hour=math.ceil(per_hour or 0),
            price_per_hour=per_hour,
            specs=InstanceSpecs(
                vcpus=_rounded_up(amounts.get("cpu", "1"), Decimal(1)),
                memory_gib=_rounded_up(amounts.get("memory", "1Gi"), _GIB),
                storage_gib=_rounded_up(spec.scratch_size, _GIB),
                gpu_count=count,
                gpu_type=kind,
            ),
            regions=[InstanceRegion(name=region, description=region)] if region else [],
            region_count=1 if region else 0,
        )


def _accelerator(amounts: Mapping[str, str], labels: InstanceLabels, wanted: Mapping[str, str]) -> tuple[int, str]:
    """Number and kind of the accelerators of a pod."""
    for name, quantity in amounts.items():
        if is_accelerator(name) and (count := _rounded_up(quantity, Decimal(1))):
            return count, wanted.get(labels.accelerator, name)
    return 0, ""


def _rounded_up(quantity: str, unit: Decimal) -> int:
    """A valid Kubernetes quantity in this unit, rounded up."""
    return math.ceil(parse_quantity(quantity) / unit)
