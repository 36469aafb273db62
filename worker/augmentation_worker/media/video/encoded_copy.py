"""What is known of one augmented copy of an episode when it has been encoded."""

from dataclasses import dataclass
from pathlib import Path

from augmentation_worker.media.image_statistics import ImageStatistics


@dataclass(frozen=True)
class EncodedCopy:
    """One copy, in a file of its own.

    Attributes:
        path: the file.
        frames: number of frames.
        statistics: of the augmented frames before encoding.
        pixel_hash: XXH3, 128 bits, hexadecimal, of the augmented frames before encoding, as uint8 [frames, 3, H, W] in
            C order. Equal pixels have equal hashes, whatever the codec, its version or the device.
    """

    path: Path
    frames: int
    statistics: ImageStatistics
    pixel_hash: str
