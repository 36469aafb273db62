"""What a change of the light's colour temperature does to the three channels of an sRGB image.

The light is a black body. Its chromaticity comes from Krystek's rational approximation of Planck's locus, is turned
into linear sRGB, and divided by that of the light under which nothing changes (6500 K): three gains, to be applied
to linear light (von Kries in the sRGB primaries, as a camera's white balance is).
"""

import numpy as np
from numpy.typing import NDArray

REFERENCE_KELVIN = 6500.0
"""The colour temperature that leaves an image as it is."""

LUMINANCE_WEIGHTS = np.array([0.2126, 0.7152, 0.0722])
"""Share of linear R, G, B in luminance: ITU-R BT.709-6, 3.2 (sRGB has the same primaries)."""

XYZ_TO_LINEAR_SRGB = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
"""CIE XYZ (Y = 1 is white) to linear sRGB: the inverse of the primaries and the D65 white of IEC 61966-2-1."""


def srgb_decode(encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB values (1 is full scale) as linear light: IEC 61966-2-1, 5.2.

    Values outside 0..1 follow the same curve, mirrored below zero (as in IEC 61966-2-2), so that a shift beyond the
    range is undone rather than cut off by the next step.
    """
    magnitude = np.abs(encoded)
    linear = np.where(magnitude <= 0.04045, magnitude / 12.92, ((magnitude + 0.055) / 1.055) ** 2.4)
    return np.copysign(linear, encoded)


def srgb_encode(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Linear light as sRGB values, 1 is full scale: the inverse of `srgb_decode`. IEC 61966-2-1, 5.2."""
    magnitude = np.abs(linear)
    encoded = np.where(magnitude <= 0.0031308, magnitude * 12.92, 1.055 * magnitude ** (1 / 2.4) - 0.055)
    return np.copysign(encoded, linear)


def black_body_linear_srgb(kelvin: float) -> NDArray[np.float64]:
    """Linear sRGB [3] of a black body with luminance 1; blue may be negative below about 1900 K.

    CIE 1960 (u, v) of the Planckian locus for the CIE 1931 2-degree observer: M. Krystek, "An algorithm to calculate
    correlated colour temperature", Color Research and Application 10 (1), 1985, 38-40; for 1000 to 15000 K, within
    8e-5 in u and 9e-5 in v. Then x = 3u / (2u - 8v + 4), y = 2v / (2u - 8v + 4) (CIE 15).

    Raises:
        ValueError: outside the approximation's range.
    """
    if not 1000 <= kelvin <= 15000:
        raise ValueError(f"colour temperature {kelvin:g} K: must be from 1000 to 15000 K")
    u = (0.860117757 + 1.54118254e-4 * kelvin + 1.28641212e-7 * kelvin**2) / (
        1 + 8.42420235e-4 * kelvin + 7.08145163e-7 * kelvin**2
    )
    v = (0.317398726 + 4.22806245e-5 * kelvin + 4.20481691e-8 * kelvin**2) / (
        1 - 2.89741816e-5 * kelvin + 1.61456053e-7 * kelvin**2
    )
    scale = 2 * u - 8 * v + 4
    x, y = 3 * u / scale, 2 * v / scale
    linear: NDArray[np.float64] = XYZ_TO_LINEAR_SRGB @ np.array([x / y, 1.0, (1 - x - y) / y])
    return linear


def temperature_gains(kelvin: float) -> NDArray[np.float64]:
    """Gains [3] for linear R, G, B that turn an image lit at 6500 K into one lit at `kelvin`.

    They are scaled so that a neutral grey keeps its luminance: the weighted sum of the gains is 1. Exactly (1, 1, 1)
    at 6500 K.

    Raises:
        ValueError: outside 1000 to 15000 K.
    """
    if kelvin == REFERENCE_KELVIN:
        return np.ones(3)
    # Very warm light is outside sRGB (its blue would be negative): it has no blue then.
    ratio = np.maximum(black_body_linear_srgb(kelvin) / black_body_linear_srgb(REFERENCE_KELVIN), 0.0)
    gains: NDArray[np.float64] = ratio / (LUMINANCE_WEIGHTS @ ratio)
    return gains
