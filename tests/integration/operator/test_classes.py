"""AugmentationClasses in a real API server: what it takes, and what jobs say of one that is wrong."""

import itertools
from decimal import ROUND_CEILING, Decimal

import httpx
import pytest

from augmentation_api.quantity import parse_quantity
from tests.integration.operator.cluster import Cluster, Json, path_of

NUMBERS = ("0", "1", "007", "2.5", ".5", "5.", "+1", "-1", "", "1.2.3", "1_0", "9223372036854775808", "٣")
SUFFIXES = [
    "",
    "n",
    "u",
    "m",
    "k",
    "K",
    "M",
    "G",
    "T",
    "P",
    "E",
    "Ki",
    "Mi",
    "Ei",
    "ki",
    "mi",
    "i",
    "e9",
    "E-3",
    "e+2",
    "e",
    "e1.5",
    "e99",
    "Mm",
    "lots",
]


def as_kubernetes_reads_it(cluster: Cluster, text: str) -> Decimal | None:
    """The value of a quantity by a built-in resource, a ResourceQuota, which rounds it up to a whole number of
    thousandths; None: the API server rejects it.
    """
    body = {"metadata": {"name": "probe"}, "spec": {"hard": {"requests.cpu": text}}}
    answer = cluster.http.post(path_of("resourcequotas", "default"), params={"dryRun": "All"}, json=body)
    if answer.status_code in (400, 422):
        return None
    return parse_quantity(answer.raise_for_status().json()["spec"]["hard"]["requests.cpu"]).quantize(Decimal("0.001"))


def class_with(**spec: object) -> Json:
    return {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "probe"},
        "spec": {"image": "worker", **spec},
    }


def is_accepted(cluster: Cluster, text: str) -> bool:
    body = class_with(scratchSize=text)
    answer = cluster.http.post(path_of("augmentationclasses"), params={"dryRun": "All"}, json=body)
    assert answer.status_code in (201, 422), answer.text
    return answer.status_code == 201


def as_we_read_it(text: str) -> Decimal | None:
    try:
        return parse_quantity(text).quantize(Decimal("0.001"), ROUND_CEILING)
    except ValueError:
        return None


def test_quantities_are_those_of_kubernetes(cluster: Cluster) -> None:
    texts = [number + suffix for number, suffix in itertools.product(NUMBERS, SUFFIXES)]
    # Kubernetes reads a quantity without digits as 0: nobody means that.
    texts = [text for text in texts if any(each.isdigit() for each in text.split("e")[0].split("E")[0])]
    read = {text: as_we_read_it(text) for text in texts}
    assert read == {text: as_kubernetes_reads_it(cluster, text) for text in texts}
    assert {text: is_accepted(cluster, text) for text in texts} == {text: read[text] is not None for text in texts}


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.resources.requests.cpu", {"resources": {"requests": {"cpu": "lots"}}}),
        ("spec.placements[0].resources.limits.memory", {
            "placements": [{"name": "any", "resources": {"limits": {"memory": "4GB"}}}]
        }),
        ("spec.scratchSize", {"scratchSize": -1}),
    ],
)  # fmt: skip
def test_class_with_a_bad_quantity_is_rejected_with_the_form(cluster: Cluster, field: str, spec: Json) -> None:
    with pytest.raises(httpx.HTTPStatusError) as caught:
        cluster.post(path_of("augmentationclasses"), class_with(**spec))
    message = str(caught.value)
    assert field in message
    assert "[KMGTPE]i" in message or "greater than or equal to 0" in message
