"""Creation of an AugmentationJob: its manifest, its name, and requests that are safe to repeat."""

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, TypeVar

from augmentation_api.identifiers import (
    ANNOTATION_API_KEY_ID,
    ANNOTATION_ORGANISATION,
    ANNOTATION_PRINCIPAL_ID,
    ANNOTATION_PRINCIPAL_TYPE,
    API_VERSION,
    FIELD_MANAGER_GATEWAY,
    GROUP,
    JOB_KIND,
    KUBERNETES_NAME_LIMIT,
    LABEL_PROJECT_ID,
)
from augmentation_api.object_store import STORE_KINDS, StoreLocation
from augmentation_api.spec import AugmentationJobSpec
from augmentation_api.vocabulary import AugmentationType
from augmentation_gateway.cache.object_cache import ObjectCache
from augmentation_gateway.cache.records import JobRecord
from augmentation_gateway.credentials.authentication import require
from augmentation_gateway.credentials.job_access import require_project
from augmentation_gateway.credentials.keys import ApiKey, Right
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.jobs.changes import WRITE_TIMEOUT_SECONDS
from augmentation_gateway.problem import DO_NOT_REPEAT, Problem, of_kubernetes
from augmentation_kube import KubeError, KubeUnavailable, Resource

ANNOTATION_REQUEST_DIGEST: Final = f"{GROUP}/request-sha256"
"""On jobs created with an Idempotency-Key: digest of the request, to tell a repetition from another request."""

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Like generated names of Kubernetes: no vowels and no look-alikes, so that it spells no word and is not misread."""


Written = TypeVar("Written")


@dataclass(frozen=True)
class Creation:
    """The result of a request to create a job.

    Attributes:
        record: the job.
        created: False if an earlier request with the same Idempotency-Key had created it.
    """

    record: JobRecord
    created: bool


async def create_job(
    gateway: Gateway, key: ApiKey, spec: AugmentationJobSpec, *, idempotency_key: str | None = None
) -> Creation:
    """Create a job in the key's namespace; the very next read finds it.

    Raises:
        Problem: 400 no class serves its type, 403 the key may not, 409 the Idempotency-Key was used for another
            request, 422 the API server rejected the spec, 503 the Kubernetes API is unavailable.
    """
    jobs = _require_creatable(gateway, key, spec)
    body = manifest(spec, key, idempotency_key)
    creating = _create_or_find(gateway, key, body, repeatable=idempotency_key is not None)
    creation = await _in_time(creating)
    jobs.insert(creation.record.raw)  # type: ignore[arg-type]
    return creation


async def try_job(gateway: Gateway, key: ApiKey, spec: AugmentationJobSpec) -> dict[str, Any]:
    """Run all checks of `create_job` and of the API server, and create nothing. Raises as `create_job` does.

    Returns:
        The job as a manifest for kubectl, under a name that is the same for the same display name.
    """
    _require_creatable(gateway, key, spec)
    body = manifest(spec, key)
    await _in_time(gateway.api.create(Resource.AUGMENTATION_JOBS, body, key.namespace, dry_run=True))
    metadata = {"name": _readable(spec.display_name) or "augmentation", "namespace": key.namespace}
    # The gateway's annotations name who sent the request; whoever applies this manifest does so in their own name.
    if labels := body["metadata"]["labels"]:
        metadata["labels"] = labels
    return {**body, "metadata": metadata}


def _require_creatable(gateway: Gateway, key: ApiKey, spec: AugmentationJobSpec) -> ObjectCache[JobRecord]:
    """The cache that the job will be in. Raises Problem if the key may not create it, or no class serves it."""
    require(key, Right.WRITE)
    if spec.project_id is not None:
        require_project(key, spec.project_id)
    require_nothing_named(key, spec)
    gateway.rate_limit.check_job(key)
    jobs = gateway.view.jobs_in(key.namespace)
    if jobs is None:
        raise Problem(403, f"Namespace {key.namespace!r} of key {key.id!r} is not served by this gateway.")
    if spec.type is AugmentationType.GENERATIVE and not gateway.view.has_default_class(spec.type):
        raise Problem(
            400,
            "Generative augmentation is not available: no AugmentationClass is the default for type generative",
            "use deterministic, or have the administrator add such a class",
        )
    return jobs


def require_nothing_named(key: ApiKey, spec: AugmentationJobSpec) -> None:
    """Raise Problem 403 for a request that names a Secret, a claim or a PriorityClass of the namespace, or an endpoint.

    No dialect has a field for these today. This guards one that adds it: a key is no user of Kubernetes, so no RBAC
    says which of these it may use; and what is sent to an endpoint is the class's to say.
    """
    secret, source, output = spec.credentials_secret_ref, spec.source.volume, spec.output.volume
    named = {
        "credentialsSecretRef.name": secret.name if secret is not None else None,
        "source.volume.claimName": source.claim_name if source is not None else None,
        "output.volume.claimName": output.claim_name if output is not None else None,
        "priorityClassName": spec.priority_class_name,
    }
    for side, kind in product(("source", "output"), STORE_KINDS):
        place: StoreLocation | None = getattr(getattr(spec, side), kind)
        if place is not None:
            own = place.credentials_secret_ref
            named[f"{side}.{kind}.credentialsSecretRef.name"] = own.name if own is not None else None
            named[f"{side}.{kind}.endpoint"] = place.endpoint
    for field, name in named.items():
        if name is not None:
            raise Problem(
                403,
                f"{field} is {name!r}, and key {key.id!r} may name none",
                "leave it out, or create the job with kubectl as a user who may use it",
            )


async def _in_time(writing: Awaitable[Written]) -> Written:
    """The result of a write to the Kubernetes API. Raises Problem if it fails or takes too long."""
    try:
        async with asyncio.timeout(WRITE_TIMEOUT_SECONDS):
            return await writing
    except TimeoutError as error:
        raise of_kubernetes(KubeUnavailable("no answer in time")) from error
    except (KubeError, KubeUnavailable) as error:
        raise of_kubernetes(error) from error


def manifest(spec: AugmentationJobSpec, key: ApiKey, idempotency_key: str | None = None) -> dict[str, Any]:
    """The AugmentationJob to create.

    Only what was set in `spec` is written; the rest is for the CRD's defaults, as it is for a job made with kubectl.
    """
    written = spec.as_given()
    annotations = {
        ANNOTATION_API_KEY_ID: key.id,
        ANNOTATION_PRINCIPAL_TYPE: key.principal.type,
        ANNOTATION_PRINCIPAL_ID: key.principal.id,
        ANNOTATION_ORGANISATION: key.organisation,
    }
    if idempotency_key is None:
        name = readable_name(spec.display_name)
    else:
        # The name is the lock: the API server accepts only one of two equal requests, from any replica.
        name = f"aug-{hashlib.sha256(f'{key.id}/{idempotency_key}'.encode()).hexdigest()[:32]}"
        annotations[ANNOTATION_REQUEST_DIGEST] = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    if key.credentials_secret_ref is not None:
        # Whatever the request says: a key with a hub token of its own creates no job with another.
        written["credentialsSecretRef"] = key.credentials_secret_ref.model_dump(mode="json", by_alias=True)
    return {
        "apiVersion": API_VERSION,
        "kind": JOB_KIND,
        "metadata": {
            "name": name,
            "namespace": key.namespace,
            "labels": {LABEL_PROJECT_ID: str(spec.project_id)} if spec.project_id is not None else {},
            "annotations": annotations,
        },
        "spec": written,
    }


def readable_name(display_name: str | None) -> str:
    """A unique object name (RFC 1123 label, at most 63 characters) that resembles the display name, if it can.

    >>> readable_name("Pick & Place, 2nd try")
    'pick-place-2nd-try-x7k2m9qd'
    """
    suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(8))
    readable = _readable(display_name)[: KUBERNETES_NAME_LIMIT - len(suffix) - 1].strip("-")
    return f"{readable or 'aug'}-{suffix}"


def _readable(display_name: str | None) -> str:
    """The part of a display name that is valid in the name of an object; may be empty."""
    return re.sub(r"[^a-z0-9]+", "-", (display_name or "").lower())[:KUBERNETES_NAME_LIMIT].strip("-")


async def _create_or_find(gateway: Gateway, key: ApiKey, body: dict[str, Any], *, repeatable: bool) -> Creation:
    try:
        raw = await gateway.api.create(
            Resource.AUGMENTATION_JOBS, body, key.namespace, field_manager=FIELD_MANAGER_GATEWAY
        )
        return Creation(JobRecord.read(raw), created=True)
    except KubeError as error:
        if not (repeatable and error.status == 409):
            raise
    existing = await gateway.api.get(Resource.AUGMENTATION_JOBS, body["metadata"]["name"], key.namespace)
    ours, theirs = body["metadata"]["annotations"], existing["metadata"].get("annotations", {})
    # The other annotations name the key's owner, which may have changed in the keys file since.
    if any(theirs.get(name) != ours[name] for name in (ANNOTATION_API_KEY_ID, ANNOTATION_REQUEST_DIGEST)):
        raise Problem(
            409,
            "This Idempotency-Key was used for another request",
            "use a new key for a new job",
            headers=DO_NOT_REPEAT,
        )
    return Creation(JobRecord.read(existing), created=False)
