"""Kubernetes quantities as numbers; what the API server takes is compared in tests/integration/operator."""

from decimal import Decimal

import pytest

from augmentation_api.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("2Ki", "2048"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e9", "1e9"),
        ("1E", "1e18"),
        ("1E-3", "0.001"),
        ("0.1n", "1e-9"),
        ("16Ei", "9223372036854775807"),
        ("1e999999999", "9223372036854775807"),
    ],
)
def test_quantity_is_a_number(text: str, value: str) -> None:
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "lots", "-1", "4GB", "1e", "1 Gi", "k", "1e1.5", "nan", "inf", "0x10"])
def test_other_texts_are_rejected_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match=r"e\.g\. 500m, 2, \.5 or 4Gi"):
        parse_quantity(text)
