"""What info.json of the result says of an augmented camera: what its files are, whatever the source said.

info.json has one entry per camera. It says how the augmented videos are written, which is how LeRobot goes on
recording with them; original episodes keep their files, and with these perhaps another codec.
"""

from collections.abc import Mapping
from typing import Any

from augmentation_worker.formats.lerobot.camera_shape import CameraShape
from augmentation_worker.media.video.codecs import canonical_codec

HEIGHT, WIDTH, CODEC = "video.height", "video.width", "video.codec"
_ENCODING = (CODEC, "video.pix_fmt", "video.g", "video.crf", "video.preset")
"""What is said of a codec that the source's entry does not name."""
_PLACES = ("info", "video_info")
"""Where a feature says it: `video_info` is where LeRobot before 0.2 put it."""


def changed_feature(feature: Mapping[str, Any], facts: Mapping[str, object]) -> dict[str, Any]:
    """A camera's entry of `features`, with what is not true of the augmented frames corrected.

    What the source's entry says and is true stays as it is written there, and nothing is said that the entry does not
    say, but for the encoding where its codec is another.

    Args:
        feature: the source's entry.
        facts: what the augmented frames are: HEIGHT and WIDTH in pixels, and of videos `VideoEncoding.feature_info`.
    """
    changed = dict(feature)
    if HEIGHT in facts and WIDTH in facts:
        shape = CameraShape.read(feature["shape"], feature.get("names"))
        changed["shape"] = shape.with_size(int(str(facts[HEIGHT])), int(str(facts[WIDTH])))
    places = [place for place in _PLACES if isinstance(feature.get(place), dict)] or list(_PLACES[:1])
    same_codec = any(_is_true(CODEC, (feature.get(place) or {}).get(CODEC), facts.get(CODEC)) for place in places)
    for place in places:
        entry = dict(feature.get(place) or {})
        for key, fact in facts.items():
            if key in _ENCODING and not same_codec:
                if key in entry or place == places[0]:
                    entry[key] = fact
            elif entry.get(key) is not None and not _is_true(key, entry[key], fact):
                entry[key] = fact
        if entry or feature.get(place) is not None:
            changed[place] = entry
    return changed


def _is_true(key: str, said: object, fact: object) -> bool:
    """Whether an entry says the fact, in its own way: a codec by the name of an encoder, a number as text."""
    if key == CODEC:
        return isinstance(said, str) and canonical_codec(said) == fact
    if key == "video.pix_fmt":
        return str(said).replace("yuvj", "yuv") == fact  # FFmpeg's older name of the same format in full range
    return str(said) == str(fact)
