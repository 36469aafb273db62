"""The AugmentationClasses of the chart's values, written by the operator that holds the leader lease.

Helm cannot install them: it looks up the kinds of all objects of a release before it creates the first, among them the
CustomResourceDefinitions. Nor should it: a class that somebody has edited would stop each later upgrade. Here a field
that somebody else has changed stays as it is, and all others follow the values; a class that another release or a user
has made stays whole.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from augmentation_api.identifiers import CLASS_KIND, FIELD_MANAGER_OPERATOR, GROUP, VERSION
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource

RETRY_SECONDS = 2.0
OWN_MANAGERS = (FIELD_MANAGER_OPERATOR, "helm")
"""Field managers of the chart: Helm wrote the classes of charts before this one."""

WRITER = "augmentation.dev/written-by"
"""Annotation of a class: namespace and name of the operator that writes it."""
HELM_NAMESPACE = "meta.helm.sh/release-namespace"

_log = logging.getLogger(__name__)

Json = dict[str, Any]


def read_chart_classes(path: Path) -> dict[str, Json]:
    """Read the file of the chart: name of a class → its spec."""
    classes: dict[str, Json] = json.loads(path.read_text(encoding="utf-8"))
    return classes


async def ensure_chart_classes(
    api: KubeApi, classes: Mapping[str, Json], writer: str, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Create or update each class, for as long as it takes until the API server and the kind are available.

    A class that the API server rejects is logged and left out; the others are written.

    Args:
        api: the API server.
        classes: name → spec.
        writer: namespace and name of this operator, NAMESPACE/NAME.
    """
    for name, spec in classes.items():
        while not await _is_written(api, name, spec, writer):
            await sleep(RETRY_SECONDS)


async def _is_written(api: KubeApi, name: str, spec: Json, writer: str) -> bool:
    try:
        await _write(api, name, spec, writer)
    except KubeUnavailable as error:
        _log.warning("AugmentationClass %s cannot be written, retrying: %s", name, error)
        return False
    except KubeError as error:
        # 404: the CustomResourceDefinition is not there yet.
        is_transient = error.is_transient or error.status in (404, 409)
        _log.log(
            logging.WARNING if is_transient else logging.ERROR,
            "AugmentationClass %s cannot be written%s: %s",
            name,
            ", retrying" if is_transient else f" as classes.{name} of the Helm values says; correct it there",
            error,
        )
        return not is_transient
    return True


async def _write(api: KubeApi, name: str, spec: Json, writer: str) -> None:
    live = await _live(api, name)
    edited: list[str] = []
    if live is not None:
        if (owner := other_owner(live["metadata"], writer)) is not None:
            _log.warning(
                "AugmentationClass %s belongs to %s and stays: set classes.%s of the Helm values to null, or give it "
                "another name there",
                name,
                owner,
                name,
            )
            return
        fields = [
            entry["fieldsV1"].get("f:spec", {})
            for entry in live["metadata"].get("managedFields", ())
            if entry.get("manager") not in OWN_MANAGERS and not entry.get("subresource")
        ]
        spec = spec_to_write(spec, live.get("spec", {}), fields, edited)
    body = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": CLASS_KIND,
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "augmentation-operator"},
            # A chart before this one had the class among its objects: Helm must not delete it for being so no more.
            "annotations": {"helm.sh/resource-policy": "keep", WRITER: writer},
        },
        "spec": spec,
    }
    await api.apply(Resource.AUGMENTATION_CLASSES, name, body, field_manager=FIELD_MANAGER_OPERATOR)
    for path in edited:
        _log.info("AugmentationClass %s: %s was changed by hand and stays; the Helm values differ", name, path)


async def _live(api: KubeApi, name: str) -> Json | None:
    try:
        return await api.get(Resource.AUGMENTATION_CLASSES, name)
    except KubeError as error:
        if error.status != 404:
            raise
        return None


def other_owner(metadata: Mapping[str, Any], writer: str) -> str | None:
    """Who else made a class; None: this operator, or a chart before this one in its namespace."""
    annotations = metadata.get("annotations") or {}
    if WRITER in annotations:
        return None if annotations[WRITER] == writer else f"the operator {annotations[WRITER]}"
    if HELM_NAMESPACE in annotations:
        namespace = annotations[HELM_NAMESPACE]
        return None if namespace == writer.partition("/")[0] else f"a Helm release in namespace {namespace}"
    return "whoever created it"


def spec_to_write(wanted: Json, live: Json, fields: list[Json], edited: list[str]) -> Json:
    """The chart's spec with what others have changed; without its cudaImage where they have set `image`, as both have
    to be of one release. Arguments as of `keep_edits`."""
    spec = keep_edits(wanted, live, fields, edited)
    if spec.get("image") != wanted.get("image") and not any("f:cudaImage" in each for each in fields):
        spec.pop("cudaImage", None)
    return spec


def keep_edits(
    wanted: Mapping[str, Any], live: Mapping[str, Any], fields: list[Json], edited: list[str], path: str = "spec"
) -> Json:
    """`wanted`, with the live value of each field that differs and that another field manager owns.

    Args:
        wanted: what the values say.
        live: what the API server has.
        fields: what others own, as in metadata.managedFields (FieldsV1).
        edited: takes the paths of what was kept.
        path: of `wanted`.
    """
    kept: Json = {}
    for key, value in wanted.items():
        owned = [each[f"f:{key}"] for each in fields if f"f:{key}" in each]
        current = live.get(key)
        if not owned or key not in live or current == value:
            kept[key] = value
        elif isinstance(value, Mapping) and isinstance(current, Mapping):
            kept[key] = keep_edits(value, current, owned, edited, f"{path}.{key}")
        else:
            kept[key] = current
            edited.append(f"{path}.{key}")
    return kept
