"""The images that rows of a data file hold, as they are stored. Torch is not imported here."""

import pyarrow as pa

from augmentation_worker.formats.lerobot.info import Camera
from augmentation_worker.media.images.decoder import decode_pixels
from augmentation_worker.media.images.header import ImageInvalid


class UnusableImage(Exception):
    """An image of the source that cannot be augmented.

    Attributes:
        camera: whose.
        frame: number in the episode.
        finding: what was found, as a clause.
    """

    def __init__(self, camera: str, frame: int, finding: str) -> None:
        self.camera, self.frame, self.finding = camera, frame, finding
        super().__init__(f"{camera}, frame {frame}: {finding}")


def image_contents(rows: pa.Table, camera: str, first_frame: int) -> list[bytes]:
    """The encoded images of a camera. Raises UnusableImage where there is none."""
    if camera not in rows.column_names:
        raise UnusableImage(camera, first_frame, "the data file has no such column")
    kind = rows.schema.field(camera).type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        raise UnusableImage(camera, first_frame, f"the column holds {kind} instead of images {{bytes, path}}")
    contents: list[bytes] = []
    for frame, cell in enumerate(rows.column(camera).to_pylist(), start=first_frame):
        content = None if cell is None else cell["bytes"]
        if content is None:
            named = "" if cell is None else f", only the name {cell.get('path')}"
            raise UnusableImage(camera, frame, f"the row holds no image{named}")
        contents.append(content)
    return contents


def check_image_of(camera: Camera, frame: int, content: bytes) -> None:
    """Whether a camera's image decodes. Raises UnusableImage."""
    try:
        decode_pixels(content)
    except ImageInvalid as error:
        raise UnusableImage(camera.key, frame, f"the image {error.finding}") from error
