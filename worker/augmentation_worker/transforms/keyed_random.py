"""Random numbers that depend on what they are for, and on nothing else.

A value is a function of (seed, camera, episode, copy, transform), or for what all cameras see of (seed, episode, copy,
transform), and of how many values were sampled for that key before it. It never depends on a position in a batch, on
the shard, the device, the clock or on numpy's version: the generator is counter-based (Philox4x64-10; Salmon, Moraes,
Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), its raw 64-bit output is fixed by that paper
(the first block is that of counter 1), and the conversion to numbers is done here.
"""

import hashlib
import json
from functools import cached_property

from numpy.random import Philox

CAMERA_KEYS = "augmentation.dev/draws/v1"
SCENE_KEYS = "augmentation.dev/draws/v2"
"""First part of every key. Whoever changes how values are sampled adds another one, and raises KEY_VERSION of
key_version.py: no seed silently means new pixels."""


def philox_key(seed: int, camera: str | None, episode: int, copy: int, transform: str) -> int:
    """The 128-bit Philox key of one (seed, camera, episode, copy, transform); without a camera, that of all cameras.

    It is the first 16 bytes, read as a little-endian integer, of the SHA-256 of the ASCII JSON array
    `["augmentation.dev/draws/v1",seed,camera,episode,copy,transform]`, of all cameras
    `["augmentation.dev/draws/v2",seed,episode,copy,transform]`, without spaces. JSON makes the encoding unambiguous:
    no camera name can be mistaken for another key's fields.
    """
    place = [SCENE_KEYS, int(seed)] if camera is None else [CAMERA_KEYS, int(seed), str(camera)]
    encoded = json.dumps([*place, int(episode), int(copy), str(transform)], ensure_ascii=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(encoded.encode("ascii")).digest()[:16], "little")


class KeyedRandom:
    """The stream of values of one transform, in one copy of one episode, of one camera or of all of them.

    Two objects with the same key give the same values in the same order; two different keys give independent ones.

    Args:
        seed: the job's `augmentation.seed`, 0 to 2**63 - 1.
        camera: the camera key, e.g. `observation.images.top`; None for what all cameras of the episode see.
        episode: index of the source episode in its dataset.
        copy: index of the augmented version, from 0.
        transform: name of the transform.
    """

    def __init__(self, seed: int, camera: str | None, episode: int, copy: int, transform: str) -> None:
        self._of = (seed, camera, episode, copy, transform)

    @cached_property
    def _generator(self) -> Philox:
        # Made when it is asked: most transforms take no values of their camera where it shares the scene's.
        return Philox(counter=0, key=philox_key(*self._of))

    def raw(self) -> int:
        """The next 64 bits of the stream, as an integer."""
        return int(self._generator.random_raw())

    def unit(self) -> float:
        """A double in [0, 1): the top 53 bits of the next 64, times 2**-53, so that every value is exact."""
        return (self.raw() >> 11) * 2.0**-53

    def uniform(self, low: float, high: float) -> float:
        """A double in [low, high); `low` itself where they are equal.

        Raises:
            ValueError: if `low` is greater than `high`.
        """
        if low > high:
            raise ValueError(f"cannot sample from [{low}, {high}]: the lower bound is the greater one")
        # Rounding can land on `high` or just above it when the interval is narrow: a sampled value keeps to its range.
        return min(low + (high - low) * self.unit(), high)

    def integer(self, low: int, high: int) -> int:
        """An integer in [low, high], both included; bias at most (high - low + 1) / 2**64.

        The mapping is multiply-and-shift (Lemire, "Fast random integer generation in an interval", 2019, without its
        rejection step, so that every value takes exactly one number of the stream).

        Raises:
            ValueError: if `low` is greater than `high`.
        """
        if low > high:
            raise ValueError(f"cannot sample from [{low}, {high}]: the lower bound is the greater one")
        return low + ((self.raw() * (high - low + 1)) >> 64)
