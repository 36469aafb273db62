"""The size of a preview: a PNG where that is small enough for a status, else the best JPEG that is."""

from io import BytesIO
from typing import Final, Literal

from PIL import Image

_QUALITIES: Final = (92, 85, 75, 60, 40)
"""Qualities of libjpeg, the best first; below 40 its blocks could be taken for what the job does."""

MediaType = Literal["image/png", "image/jpeg"]


def fitted_preview(png: bytes, most_bytes: int) -> tuple[MediaType, bytes]:
    """A preview of at most `most_bytes`, with its media type. The text in it stays legible.

    A sheet that is too large even at the lowest quality is halved in size until it fits.
    """
    if len(png) <= most_bytes:
        return "image/png", png
    sheet = Image.open(BytesIO(png)).convert("RGB")
    while True:
        for quality in _QUALITIES:
            encoded = BytesIO()
            # Full chroma: a change of colour is what many a preview is for.
            sheet.save(encoded, format="JPEG", quality=quality, subsampling=0)
            if encoded.tell() <= most_bytes:
                return "image/jpeg", encoded.getvalue()
        sheet = sheet.resize((max(1, sheet.width // 2), max(1, sheet.height // 2)), Image.Resampling.LANCZOS)
