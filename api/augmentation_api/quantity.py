"""Kubernetes quantities (500m, 2, .5, 1e9, 4Gi): the grammar and the values of resource.ParseQuantity.

Source: k8s.io/apimachinery, pkg/api/resource/quantity.go and suffix.go.
"""

import re
from decimal import ROUND_CEILING, Decimal
from typing import Final

from pydantic.config import JsonDict

QUANTITY_FORM: Final = "a Kubernetes quantity that is not negative, e.g. 500m, 2, .5 or 4Gi"
QUANTITY_PATTERN: Final = r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?[0-9]{1,9})?$"
"""What the CRD takes. Kubernetes also takes quantities without any digit, such as `k`, as 0."""
MAX_QUANTITY_LENGTH: Final = 32
# A pattern, not a rule in CEL, which would say more: an integer or a string has no length that bounds a rule's cost.
QUANTITY_SCHEMA: Final[JsonDict] = {
    "x-kubernetes-int-or-string": True,
    "minimum": 0,
    "maxLength": MAX_QUANTITY_LENGTH,
    "pattern": QUANTITY_PATTERN,
}
_PARTS: Final = re.compile(
    r"\+?(?P<number>[0-9]+\.?[0-9]*|\.[0-9]+)(?P<suffix>[a-zA-Z]{0,2})(?P<exponent>[+-]?[0-9]+)?"
)
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIXES: Final = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** exponent for suffix, exponent in _DECIMAL.items()},
    **{f"{suffix}i": Decimal(2) ** (10 * number) for number, suffix in enumerate("KMGTPE", 1)},
}
_LARGEST: Final = Decimal(2**63 - 1)
_SMALLEST: Final = Decimal("1e-9")
_MOST_DIGITS: Final = 40


def parse_quantity(text: str) -> Decimal:
    """Convert a quantity to a number: '500m' → 0.5, '2Ki' → 2048.

    As in Kubernetes a value is at most 2^63 - 1, and rounded up to a whole number of 10^-9. Raises ValueError if it is
    none, or negative.
    """
    if not re.fullmatch(QUANTITY_PATTERN, text) or (parts := _PARTS.fullmatch(text)) is None:
        raise ValueError(f"has to be {QUANTITY_FORM}")
    number = Decimal(parts["number"])
    if parts["exponent"] is None:
        value = number * _SUFFIXES[parts["suffix"]]
    else:
        # Far beyond what is left after rounding; a Decimal of any exponent would be too large to be written out.
        exponent = max(-_MOST_DIGITS, min(_MOST_DIGITS, int(parts["exponent"])))
        value = number.scaleb(exponent)
    return min(value, _LARGEST).quantize(_SMALLEST, ROUND_CEILING)
