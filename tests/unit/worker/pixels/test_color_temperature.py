import numpy as np
import pytest

from augmentation_worker.transforms.color_temperature import (
    LUMINANCE_WEIGHTS,
    XYZ_TO_LINEAR_SRGB,
    black_body_linear_srgb,
    srgb_decode,
    srgb_encode,
    temperature_gains,
)

# Gains of black bodies relative to 6500 K, R/G and B/G, to the three digits in which they were given.
KNOWN_GAINS = {
    2000: (3.672, 0.030),
    3000: (1.977, 0.306),
    4000: (1.443, 0.549),
    5000: (1.191, 0.754),
    6500: (1.000, 1.000),
    8000: (0.900, 1.186),
    10000: (0.826, 1.367),
}


@pytest.mark.parametrize("kelvin", KNOWN_GAINS)
def test_gains_are_those_of_a_black_body_relative_to_6500_kelvin(kelvin: int) -> None:
    red, green, blue = temperature_gains(kelvin)
    assert (red / green, blue / green) == pytest.approx(KNOWN_GAINS[kelvin], rel=0.007)


def test_the_locus_goes_through_the_standard_illuminant_a() -> None:
    # CIE 15: illuminant A is a black body of 2856 K. The locus is within 9e-5 in v, which is up to 4e-4 in y there.
    xyz = np.linalg.solve(XYZ_TO_LINEAR_SRGB, black_body_linear_srgb(2856))
    assert xyz[:2] / xyz.sum() == pytest.approx([0.44758, 0.40745], abs=4e-4)


@pytest.mark.parametrize("kelvin", [2000, 2750.5, 4000, 6500, 10000])
def test_a_grey_keeps_its_luminance(kelvin: float) -> None:
    assert temperature_gains(kelvin) @ LUMINANCE_WEIGHTS == pytest.approx(1, abs=1e-12)


def test_6500_kelvin_changes_nothing_at_all() -> None:
    assert temperature_gains(6500).tolist() == [1, 1, 1]


def test_warmer_light_has_ever_more_red_and_less_blue() -> None:
    gains = np.array([temperature_gains(kelvin) for kelvin in range(2000, 10001, 100)])
    assert (np.diff(gains[:, 0]) < 0).all()
    assert (np.diff(gains[:, 2]) > 0).all()


def test_the_srgb_curve_is_the_standards() -> None:
    # IEC 61966-2-1: the straight piece, a value on the curve, and both ends.
    assert srgb_decode(np.array([0, 0.04045, 0.5, 1])) == pytest.approx([0, 0.0031308, 0.2140411, 1], abs=1e-7)


def test_encoding_undoes_decoding_also_beyond_full_scale() -> None:
    values = np.linspace(-0.5, 1.5, 401)
    assert srgb_encode(srgb_decode(values)) == pytest.approx(values, abs=1e-6)


def test_temperatures_beyond_the_approximation_are_an_error() -> None:
    with pytest.raises(ValueError, match="999 K"):
        temperature_gains(999)
