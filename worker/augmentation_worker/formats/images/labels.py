"""Which images hold labels instead of light: masks of classes, ids of instances, depth.

Augmented, a label is another one, and nobody sees it: a class number becomes a colour. So whatever looks like labels is
left as it is unless the job names its column in spec.augmentation.cameras; and what was left is counted and reported.

- A column, by its name (LABEL_WORDS), or because none of its first images is a photograph in colours.
- An image among photographs in a column that is augmented by default: one with a palette (masks of Pascal VOC and of
  DAVIS, but icons, too), one of 1 or 16 bits, and a grey one without loss whose path says that it is a label
  (`masks/7.png` next to `images/7.png`, which `datasets` takes for rows of one column).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from augmentation_worker.media.images.header import ImageFormat, ImageHeader, ImageKind

LABEL_WORDS = frozenset(
    {
        "alpha",
        "annotation",
        "annotations",
        "depth",
        "depths",
        "disparity",
        "flow",
        "instances",
        "label",
        "labels",
        "mask",
        "masks",
        "matte",
        "normals",
        "panoptic",
        "seg",
        "segm",
        "segmap",
        "segmentation",
        "segmentations",
        "semantic",
        "trimap",
        "trimaps",
    }
)
"""Words of a column's name, or of a path, by which its images are labels."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LOOKS = {
    ImageKind.GREY: "one channel, as depth maps and masks have",
    ImageKind.PALETTE: "palettes, as masks of classes have",
    ImageKind.NUMBERS: "1 or 16 bits per channel, as masks, ids and depth maps have",
}


@dataclass(frozen=True)
class ImageLook:
    """What the header of an image shows.

    Attributes:
        row: its number in the dataset.
        column: where it is.
        kind: what its values are; None if it cannot be opened.
        finding: why it cannot be augmented, as a clause; None if it can.
        header: the header itself, if it could be read.
    """

    row: int
    column: str
    kind: ImageKind | None
    finding: str | None = None
    header: ImageHeader | None = None

    def is_bad(self, *, keeps_labels: bool) -> bool:
        """Whether it cannot be augmented, and is not left as it is either, as labels are with `keeps_labels`."""
        is_kept = keeps_labels and self.kind in (ImageKind.PALETTE, ImageKind.NUMBERS)
        return self.finding is not None and not is_kept


def is_named_like_labels(name: str) -> bool:
    """Whether one of the words of a name is that of labels: `depth`, `left_mask`, `segmentationMap`."""
    return any(word.lower() in LABEL_WORDS for word in _WORD.findall(name))


def holds_labels(header: ImageHeader, path: str | None) -> bool:
    """Whether an image among photographs holds labels. `path` is what is known of its file's name."""
    if header.kind in (ImageKind.PALETTE, ImageKind.NUMBERS):
        return True
    is_lossless = header.format is not ImageFormat.JPEG
    return header.kind is ImageKind.GREY and is_lossless and path is not None and is_named_like_labels(path)


def why_left(column: str, looks: Sequence[ImageLook]) -> str | None:
    """Why a column is left as it is by default, as a clause of its images; None if it shows photographs.

    `looks` are those of the column, of its first rows.
    """
    if is_named_like_labels(column):
        return "its name is that of labels"
    kinds: Collection[ImageKind] = {look.kind for look in looks if look.kind is not None}
    if ImageKind.COLOUR in kinds:
        return None
    if kinds:
        return f"its first images have {' or '.join(text for kind, text in _LOOKS.items() if kind in kinds)}"
    if not looks:
        return "the first rows have no image in it"
    return f"none of its first images can be used (that of row {looks[0].row} {looks[0].finding})"
