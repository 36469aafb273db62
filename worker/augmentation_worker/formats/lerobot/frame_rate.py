"""Frames a second as an exact number."""

from fractions import Fraction


def frame_rate(fps: float) -> Fraction:
    """What info.json says as the number that is meant: 30.0 is 30, 29.97 is 2997/100."""
    return Fraction(str(fps))
