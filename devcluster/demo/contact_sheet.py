"""A picture of before and after: one row an episode, the original first, then its augmented copies."""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from devcluster.demo.dataset import Result

_CELL, _GAP, _LABEL = 224, 8, 22
_BACKGROUND, _INK = (24, 26, 30), (230, 232, 236)


def draw_contact_sheet(result: Result, originals: int, copies: int, path: Path, *, rows: int = 4) -> None:
    """Draw the first camera's middle frame of up to `rows` episodes spread over the dataset.

    Args:
        result: dataset that holds the originals first, then the copies of each, episode by episode.
        originals: number of original episodes.
        copies: augmented versions of each.
        path: PNG to write.
        rows: most episodes shown.
    """
    episodes, camera = result.episodes(), result.cameras[0]
    shown = sorted({round(row * (originals - 1) / max(1, rows - 1)) for row in range(min(rows, originals))})
    columns = 1 + copies
    width = columns * (_CELL + _GAP) + _GAP
    height = _LABEL + len(shown) * (_CELL + _LABEL + _GAP) + _GAP
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column in range(columns):
        title = "original" if column == 0 else f"copy {column}"
        pen.text((_GAP + column * (_CELL + _GAP), 4), title, _INK, font)
    for row, original in enumerate(shown):
        top = _LABEL + row * (_CELL + _LABEL + _GAP)
        middle = (episodes[original]["length"] // 2) / result.info["fps"]
        for column in range(columns):
            index = original if column == 0 else originals + original * copies + column - 1
            left = _GAP + column * (_CELL + _GAP)
            frame = result.frame(episodes[index], camera, middle)
            sheet.paste(frame.resize((_CELL, _CELL), Image.Resampling.LANCZOS), (left, top))
            pen.text((left, top + _CELL + 3), f"episode {index}, {camera}", _INK, font)
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
