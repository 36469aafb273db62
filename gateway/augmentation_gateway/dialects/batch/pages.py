"""Pages of the batch dialect's lists."""

from pydantic import BaseModel, ConfigDict, Field


class PageQuery(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    offset: int = Field(0, ge=0, le=2**31, description="Entries to skip")
    limit: int = Field(50, ge=1, le=1000, description="Maximum number of entries per page")
