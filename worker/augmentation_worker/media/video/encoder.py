"""Writing RGB frames as a video of constant frame rate."""

import contextlib
import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Self, cast

import av
import av.container
import numpy as np
from numpy.typing import NDArray

from augmentation_worker.media.video.colors import ColorConverter, ColorTags
from augmentation_worker.media.video.encoder_watch import WATCH
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.lossless import LosslessEncoding
from augmentation_worker.media.video.thread_policy import same_scheduling

# SVT-AV1 reports its configuration on stderr for every video unless it is set to report errors only (1). It reads this
# once, when it is first used.
os.environ.setdefault("SVT_LOG", "1")


class VideoEncoder:
    """Encodes frames into an mp4 file: frame i is shown at exactly i / fps, from 0.

    The file appears under its name when it is complete, and not before. As a context manager it is closed at the end
    of the block, and discarded if the block fails.

    Args:
        path: the file to write; `.partial` is appended to its name until it is complete.
        encoding: how to encode.
        fps: frames per second.
        width, height: size of the frames, pixels.
        colors: the colour tags to write; RGB is converted by the matrix and range that they name.
        pixel_aspect: width by height of a pixel; None for a square one.
        threads: threads that the encoder may use; they change its speed, never its bytes.
        surfaces: for NVENC: frames are NV12 in the GPU's memory, of which it keeps at most so many; None: they are in
            the host's.

    Attributes:
        packets: how many frames have left the encoder, in their order: it reads them no more.

    Raises:
        ValueError: if the encoder does not take these frames, e.g. an odd size in yuv420p.
    """

    def __init__(
        self,
        path: Path,
        encoding: VideoEncoding | LosslessEncoding,
        *,
        fps: Fraction | int,
        width: int,
        height: int,
        colors: ColorTags | None = None,
        pixel_aspect: Fraction | None = None,
        threads: int = 1,
        surfaces: int | None = None,
    ) -> None:
        self.packets = 0
        self._surfaces = surfaces
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._size = (height, width)
        self._pix_fmt = encoding.pix_fmt
        self._colors = colors or ColorTags()
        self._pixel_aspect = pixel_aspect
        self._converter = ColorConverter()
        self._frames = 0
        encoding.check_size(width, height)
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(self._partial, "w", format="mp4", options={"movflags": "faststart"})
        try:
            self._stream = self._open_stream(encoding, Fraction(fps), threads)
        except BaseException:
            self.discard()
            raise

    def write(self, batch: NDArray[np.uint8]) -> None:
        """Encode frames, in their order.

        Args:
            batch: uint8 [N, 3, H, W], RGB; planar (contiguous) frames are fastest.

        Raises:
            ValueError: if the frames are of another size or type.
        """
        if batch.dtype != np.uint8 or batch.shape[1:] != (3, *self._size):
            expected = f"uint8 [N, 3, {self._size[0]}, {self._size[1]}]"
            raise ValueError(f"frames must be {expected}, not {batch.dtype} {list(batch.shape)}")
        for pixels in batch:
            self.encode(self._converter.to_yuv(pixels, self._pix_fmt, self._colors))

    def encode(self, frame: av.VideoFrame) -> None:
        """Encode the next frame, which has the size and the pixel format of the video."""
        frame.pts = self._frames
        frame.time_base = self._stream.codec_context.time_base
        with WATCH.call():
            packets = self._stream.encode(frame)
        self._mux(packets)
        self._frames += 1

    def close(self) -> None:
        """Finish the video and give the file its name.

        Raises:
            ValueError: if no frame was written.
        """
        if self._frames == 0:
            self.discard()
            raise ValueError(f"{self._path}: a video of no frames")
        try:
            with WATCH.call():
                packets = self._stream.encode(None)
            self._mux(packets)
            self._container.close()
        except BaseException:
            self.discard()
            raise
        self._partial.replace(self._path)

    def discard(self) -> None:
        """Stop: nothing is left of the file."""
        with contextlib.suppress(av.FFmpegError):  # the file is unfinished: its end cannot be written
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _open_stream(self, encoding: VideoEncoding | LosslessEncoding, fps: Fraction, threads: int) -> av.VideoStream:
        height, width = self._size
        options = encoding.options(threads)
        stream = cast(av.VideoStream, self._container.add_stream(encoding.encoder, rate=fps, options=options))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, encoding.pix_fmt
        context.time_base = 1 / fps
        context.colorspace = self._colors.matrix
        context.color_range = self._colors.range
        context.color_primaries = self._colors.primaries
        context.color_trc = self._colors.transfer
        if self._pixel_aspect is not None:
            context.sample_aspect_ratio = self._pixel_aspect
        if self._surfaces is not None:
            context.pix_fmt, context.options = "cuda", {**options, "surfaces": str(self._surfaces)}
            return stream  # opened by its first frame, from which it learns of the GPU's memory
        try:
            with same_scheduling():
                context.open()
        except av.FFmpegError as error:
            frames = f"{width}x{height} {encoding.pix_fmt}"
            raise ValueError(f"{encoding.encoder} does not take frames of {frames}: {error.strerror}") from error
        return stream

    def _mux(self, packets: "Iterable[av.Packet[av.VideoStream]]") -> None:
        for packet in packets:
            # Without it the muxer would guess how long the last frame, and with it the video, lasts.
            packet.duration = 1
            self._container.mux(packet)
            self.packets += 1
