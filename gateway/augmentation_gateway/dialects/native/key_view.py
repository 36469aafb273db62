"""What a key may do, for a client that shows no button which would be refused."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from augmentation_gateway.credentials.keys import ApiKey


class PrincipalView(BaseModel):
    """Who uses the key."""

    type: Literal["user", "service"]
    id: str


class KeyView(BaseModel):
    """The key that a request was sent with; never the key itself."""

    id: str = Field(description="Name of the key")
    principal: PrincipalView
    organisation: str
    namespace: str = Field(description="Kubernetes namespace whose jobs it sees and makes")
    projects: list[str] = Field(description="Project ids it may use; `*`: every project")
    expires_at: datetime | None = Field(description="When it ceases to be valid; null: it does not expire")
    rights: list[Literal["read", "write"]] = Field(description="What it may do with jobs of these projects")


def key_view(key: ApiKey) -> KeyView:
    """A key as its user may see it."""
    return KeyView(
        id=key.id,
        principal=PrincipalView(type=key.principal.type, id=key.principal.id),
        organisation=key.organisation,
        namespace=key.namespace,
        projects=[str(project) for project in key.projects],
        expires_at=key.expires_at,
        rights=[right.value for right in key.rights],
    )
