"""CustomResourceDefinitions from the pydantic models: one source for the API server, the programs and the docs.

pydantic speaks JSON Schema 2020-12; a CRD takes the structural subset of OpenAPI 3.0. The difference is small and
all here: references are inlined, null alternatives dropped (absent is the only null), unknown fields left to pruning.
"""

from copy import deepcopy
from typing import Any

from pydantic import BaseModel

from augmentation_api.augmentation_class import AugmentationClassSpec
from augmentation_api.identifiers import (
    CLASS_KIND,
    CLASS_PLURAL,
    CLASS_SHORT_NAMES,
    GROUP,
    JOB_KIND,
    JOB_PLURAL,
    JOB_SHORT_NAMES,
    KUBERNETES_NAME_LIMIT,
    VERSION,
)
from augmentation_api.model import kubernetes_rule
from augmentation_api.resource import AugmentationClass, AugmentationJob
from augmentation_api.spec import FORMS, AugmentationJobSpec
from augmentation_api.status import AugmentationJobStatus
from augmentation_api.transforms import TransformName
from augmentation_api.vocabulary import State

Schema = dict[str, Any]

_NO_COUNTERPART = ("title", "$defs", "propertyNames", "const", "discriminator")


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural OpenAPI schema of a model, with its defaults, bounds, descriptions and CEL rules."""
    schema = model.model_json_schema(by_alias=True, mode="validation")
    converted: Schema = _convert(schema, schema.get("$defs", {}))
    return converted


def _convert(node: Any, definitions: Schema) -> Any:
    if isinstance(node, list):
        return [_convert(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target = definitions[node["$ref"].rsplit("/", 1)[-1]]
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        return _convert({**target, **siblings}, definitions)
    if "anyOf" in node:
        (only,) = [option for option in node["anyOf"] if option.get("type") != "null"]
        siblings = {key: value for key, value in node.items() if key != "anyOf"}
        return _convert({**only, **siblings}, definitions)

    converted = {
        key: _convert_keyword(key, value, definitions)
        for key, value in node.items()
        if key not in _NO_COUNTERPART
        and not (key == "additionalProperties" and isinstance(value, bool))
        and not (key == "default" and value is None)
    }
    return _with_form(converted) | _kubernetes_keywords(converted)


def _with_form(schema: Schema) -> Schema:
    """A pattern as a rule whose message shows what to write, where there are words for it: FORMS.

    Of a pattern the API server says only that a value should match it.
    """
    form = FORMS.get(schema.get("pattern", ""))
    if form is None:
        return schema
    rules = [*schema.get("x-kubernetes-validations", []), _pattern_rule(schema["pattern"], form)]
    return {**{key: value for key, value in schema.items() if key != "pattern"}, "x-kubernetes-validations": rules}


def _pattern_rule(pattern: str, form: str) -> Schema:
    return kubernetes_rule(f"self.matches(r'{pattern}')", f"has to be {form}")


def _convert_keyword(key: str, value: Any, definitions: Schema) -> Any:
    if key == "default":
        return _without_nulls(value)
    if key.startswith("x-kubernetes-"):
        return deepcopy(value)  # one object in two places would become an anchor in YAML
    if key == "properties":  # its keys are field names, not keywords
        return {name: _convert(schema, definitions) for name, schema in value.items()}
    return _convert(value, definitions)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _kubernetes_keywords(schema: Schema) -> Schema:
    """What the API server wants to know beyond JSON Schema: widths, merge rules, and bounds for the cost of CEL."""
    match schema.get("type"):
        case "integer":
            return {"format": "int64"}
        case "array":
            return {"x-kubernetes-list-type": schema.get("x-kubernetes-list-type", "atomic")}
        case "object" if "additionalProperties" in schema:
            return {"maxProperties": schema.get("maxProperties", 64)}
    return {}


def _definition(
    *, kind: str, plural: str, short_names: tuple[str, ...], scope: str, columns: list[Schema], schema: Schema
) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": list(short_names),
                # Not "all": `kubectl delete all --all`, meant for pods, would take along the records of all jobs.
                "categories": ["augmentation"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": {"status": {}}} if "status" in schema["properties"] else {}),
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def _job_spec() -> Schema:
    """The schema of a job's spec. What a preset may say has no default in it: filled in by the API server, a default
    could not be told from what the user has written, which goes before the preset."""
    spec = structural_schema(AugmentationJobSpec)
    augmentation = spec["properties"]["augmentation"]
    augmentation["default"] = {}  # those of its fields are filled in
    fields = augmentation["properties"]
    # An older image of a worker does not know the latter, and refuses what it does not know.
    for name in ("transforms", "perCamera"):
        del fields[name]["default"]
    for name in TransformName:
        del fields[name]["default"]
        for parameter in fields[name]["properties"].values():
            del parameter["default"]
    return spec


def _column(name: str, path: str, kind: str = "string", *, wide: bool = False) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path, **({"priority": 1} if wide else {})}


def augmentation_job_crd() -> Schema:
    """The CustomResourceDefinition of AugmentationJob."""
    schema: Schema = {
        "type": "object",
        "description": AugmentationJob.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _job_spec(),
            "status": structural_schema(AugmentationJobStatus),
        },
        "x-kubernetes-validations": [
            {
                "rule": f"size(self.metadata.name) <= {KUBERNETES_NAME_LIMIT}",
                "message": f"metadata.name must be no longer than {KUBERNETES_NAME_LIMIT} characters",
            },
            {
                "rule": "self.spec.attempt <= oldSelf.spec.attempt || (has(self.status) && has(self.status.state) && "
                f"self.status.state in {[str(State.FAILED), str(State.CANCELLED)]})",
                "message": "spec.attempt can be raised only once the job has failed or was cancelled",
            },
        ],
    }
    columns = [
        _column("State", ".status.displayState"),
        _column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
        _column("Phase", ".status.currentPhase"),
        _column("Progress", ".status.progress.percent", "integer"),
        _column("Type", ".spec.type"),
        _column("Node", ".status.placement.node"),
        _column("Age", ".metadata.creationTimestamp", "date"),
        _column("Source", ".status.source.repoID", wide=True),
        _column("Result", ".status.output.datasetID", wide=True),
        _column("Message", ".status.message", wide=True),
    ]
    return _definition(
        kind=JOB_KIND,
        plural=JOB_PLURAL,
        short_names=JOB_SHORT_NAMES,
        scope="Namespaced",
        columns=columns,
        schema=schema,
    )


def augmentation_class_crd() -> Schema:
    """The CustomResourceDefinition of AugmentationClass."""
    schema: Schema = {
        "type": "object",
        "description": AugmentationClass.__doc__,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural_schema(AugmentationClassSpec),
        },
    }
    columns = [
        _column("Type", ".spec.type"),
        _column("Default", ".spec.default", "boolean"),
        _column("Hub", ".spec.hub.endpoint"),
        _column("Age", ".metadata.creationTimestamp", "date"),
        _column("Image", ".spec.image", wide=True),
    ]
    return _definition(
        kind=CLASS_KIND,
        plural=CLASS_PLURAL,
        short_names=CLASS_SHORT_NAMES,
        scope="Cluster",
        columns=columns,
        schema=schema,
    )
