"""Jobs over REST may name no object of their namespace: the gateway creates them with its own rights, for others."""

from augmentation_api.spec import AugmentationJobSpec
from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.problem import Problem


def require_nothing_named(key: ApiKey, spec: AugmentationJobSpec) -> None:
    """Raise Problem 403 for a request that names a Secret, a claim or a PriorityClass of the namespace.

    No dialect has a field for these today. This guards one that adds it: a key is no user of Kubernetes, so no RBAC
    says which of these it may use.
    """
    secret, source, output = spec.credentials_secret_ref, spec.source.volume, spec.output.volume
    named = {
        "credentialsSecretRef.name": secret.name if secret is not None else None,
        "source.volume.claimName": source.claim_name if source is not None else None,
        "output.volume.claimName": output.claim_name if output is not None else None,
        "priorityClassName": spec.priority_class_name,
    }
    for field, name in named.items():
        if name is not None:
            raise Problem(
                403,
                f"{field} is {name!r}, and key {key.id!r} may name none",
                "leave it out, or create the job with kubectl as a user who may use it",
            )
