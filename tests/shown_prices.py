"""Prices as the command and the page show them: each writes them by code of its own, in Python and in JavaScript."""

from typing import Final

SHOWN_PRICES: Final = (
    (0, "0.00"),
    (1e-9, "<0.0001"),
    (0.00002, "<0.0001"),
    (0.0000999, "<0.0001"),
    (0.0001, "0.0001"),
    (0.000105, "0.00011"),
    (0.00314, "0.0031"),
    (0.0031, "0.0031"),
    (0.00999, "0.01"),
    (0.01, "0.01"),
    (0.0149, "0.01"),
    # Halves, which a binary number holds exactly: up, where Python's own formats round to the even digit.
    (0.125, "0.13"),
    (0.375, "0.38"),
    (0.625, "0.63"),
    (1.005, "1.00"),
    (1.2, "1.20"),
    (99.999, "100.00"),
    (1234567.5, "1234567.50"),
)
"""Each with what is shown."""
