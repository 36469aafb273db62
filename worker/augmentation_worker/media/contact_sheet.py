"""A contact sheet: rows of images with a title and a caption each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from augmentation_worker.transforms.pipeline import EpisodeTransform

MOST_CAMERAS, MOST_VERSIONS = 8, 8
"""Rows and columns that are shown of a job that has more."""
_CELL, _GAP, _TITLE, _LINE, _FONT_SIZE = 256, 12, 22, 15, 12
"""Pixels: longer side of an image, space around it, height of its title, height of a line of its caption."""
_BACKGROUND, _INK, _FAINT = (24, 26, 30), (230, 232, 236), (160, 166, 176)


@dataclass(frozen=True)
class Cell:
    """One image of a sheet.

    Attributes:
        title: a line above it.
        image: uint8 [H, W, 3], RGB.
        caption: lines below it; one that is too long is broken.
    """

    title: str
    image: npt.NDArray[np.uint8]
    caption: tuple[str, ...] = ()


def empty_preview(heading: str) -> bytes:
    """A PNG that says that there is nothing to show."""
    return preview_png(heading, [[Cell("no picture", np.zeros((1, 1, 3), np.uint8))]], (1, ""), 1)


def draw_contact_sheet(heading: str, rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """Draw the rows below the heading, every image as large as fits into 256 x 256 pixels.

    Raises ValueError if there is no image.
    """
    if not any(rows):
        raise ValueError("a contact sheet needs an image")
    font = ImageFont.load_default(_FONT_SIZE)
    columns = max(len(row) for row in rows)
    captions = [[_broken(cell.caption, font) for cell in row] for row in rows]
    images = [[_fitted(cell.image) for cell in row] for row in rows]
    heights = [
        _TITLE + max(image.height for image in shown) + _LINE * max(map(len, lines)) + _GAP
        for shown, lines in zip(images, captions, strict=True)
    ]
    width, height = columns * (_CELL + _GAP) + _GAP, sum(heights) + _TITLE + 2 * _GAP
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, _GAP), heading, _INK, ImageFont.load_default(_FONT_SIZE + 2))
    top = _TITLE + 2 * _GAP
    for row, shown, lines, tall in zip(rows, images, captions, heights, strict=True):
        for column, (cell, image, caption) in enumerate(zip(row, shown, lines, strict=True)):
            left = _GAP + column * (_CELL + _GAP)
            pen.text((left, top), _broken((cell.title,), font)[0], _INK, font)
            sheet.paste(image, (left, top + _TITLE))
            below = top + _TITLE + image.height + 2
            for number, line in enumerate(caption):
                pen.text((left, below + number * _LINE), line, _FAINT, font)
        top += tall
    return sheet


def _fitted(pixels: npt.NDArray[np.uint8]) -> Image.Image:
    image = Image.fromarray(pixels)
    scale = _CELL / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST)


def _broken(lines: Sequence[str], font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> list[str]:
    broken: list[str] = []
    for line in lines:
        current = ""
        for word in line.split(" "):
            longer = f"{current} {word}" if current else word
            if current and font.getlength(longer) > _CELL:
                broken.append(current)
                current = f"  {word}"
            else:
                current = longer
        broken.append(current)
    return broken


def before_and_after(
    title: str, original: npt.NDArray[np.uint8], versions: Iterable[tuple[str, EpisodeTransform]], frame: int = 0
) -> list[Cell]:
    """A row: a frame as it is, then as each version has it before encoding, with the sampled parameters.

    Args:
        title: above the original.
        original: uint8 [1, 3, H, W].
        versions: the title and the transforms of each; more than MOST_VERSIONS are left out.
        frame: number of the frame in its episode.
    """
    row = [Cell(title, _pixels(original), ("original",))]
    for name, pipeline in islice(versions, MOST_VERSIONS):
        caption = tuple(_parameters_line(transform, values) for transform, values in pipeline.parameters.items())
        row.append(Cell(name, _pixels(pipeline(original, frame)), caption))
    return row


def preview_png(heading: str, rows: Sequence[Sequence[Cell]], cameras: tuple[int, str], versions: int) -> bytes:
    """A contact sheet as a PNG, which says in its heading what is left out of `versions` and `cameras`.

    Of cameras: how many there are, and what they are called; at most MOST_CAMERAS have a row.
    """
    left_out = max(0, cameras[0] - MOST_CAMERAS), max(0, versions - MOST_VERSIONS)
    more = f" ({left_out[0]} more {cameras[1]}, {left_out[1]} more versions)" if any(left_out) else ""
    content = BytesIO()
    draw_contact_sheet(heading + more, rows).save(content, format="PNG", optimize=True)
    return content.getvalue()


def _pixels(frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The first of uint8 [N, 3, H, W], as [H, W, 3]."""
    return np.ascontiguousarray(frames[0].transpose(1, 2, 0))


def _parameters_line(transform: str, parameters: Mapping[str, object]) -> str:
    return f"{transform}: " + ", ".join(f"{name} {_short(value)}" for name, value in parameters.items())


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    if isinstance(value, list | tuple):
        return f"{len(value)} of them" if value and isinstance(value[0], dict) else str(list(map(_short, value)))
    return str(value)
