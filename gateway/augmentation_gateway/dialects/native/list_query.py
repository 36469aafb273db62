"""The query of GET /v1/augmentation."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from augmentation_api.spec import RepoID
from augmentation_api.vocabulary import State
from augmentation_gateway.jobs.query import Filters, Order

LARGEST_PAGE = 200


class ListQuery(BaseModel):
    """Which jobs to list. Filters are joined by "and"."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: UUID | None = Field(None, description="Only jobs of this project")
    status: Annotated[list[State], Field(max_length=len(State))] = Field(
        default=[], description="Only jobs in this state; may be given more than once"
    )
    dataset_id: RepoID | None = Field(None, description="Only jobs that augment this dataset, `owner/name`")
    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None, description="Only jobs with this text in their name; upper and lower case are the same"
    )
    q: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = Field(
        None,
        description="Only jobs with this text in their name, dataset, node or id; upper and lower case are the same",
    )
    sort: Order = Field(Order.NEWEST, description="What to sort by, with a minus from the last to the first")
    limit: int = Field(50, ge=1, le=LARGEST_PAGE, description="Jobs on a page")
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="next_cursor of the page before, with the same sort and filters"
    )

    @property
    def filters(self) -> Filters:
        """What the query asks for."""
        return Filters(
            project_id=self.project_id,
            states=tuple(self.status),
            dataset_id=self.dataset_id,
            name=self.name,
            text=self.q,
        )
