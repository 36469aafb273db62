"""Where an AugmentationClass has the end of each of its jobs announced (docs/notifications.md)."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from augmentation_api.model import Model, kubernetes_rule
from augmentation_api.spec import ObjectName

_HTTPS_ONLY = "notify.url has to begin with https://, unless notify.insecure is true"


class SigningSecretRef(Model):
    """A key of a Secret in the operator's own namespace that holds signing keys."""

    name: ObjectName = Field(description="Secret in the operator's namespace, which its chart has to list.")
    key: Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", max_length=253)] = Field(
        "secret",
        description="Key in the Secret's data. Its value is `whsec_` and 24 random bytes or more in base64; two such "
        "values, separated by a space, while one replaces the other.",
    )


class Notify(Model):
    """Where the end of each job is announced: a CloudEvent by POST, signed as Standard Webhooks says."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                kubernetes_rule("self.url.startsWith('https://') || self.insecure", _HTTPS_ONLY),
            ]
        }
    )

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+([/?][^\s#]*)?$", max_length=1024)] = Field(
        description="Address of the receiver, https, without user and password. Redirects are not followed."
    )
    insecure: bool = Field(
        False, description="Allow an http address: everybody on the way can read, though not forge, the events."
    )
    secret_ref: SigningSecretRef = Field(description="The key by which events are signed.")

    @model_validator(mode="after")
    def _https(self) -> Self:
        if not self.url.startswith("https://") and not self.insecure:
            raise ValueError(_HTTPS_ONLY)
        return self
