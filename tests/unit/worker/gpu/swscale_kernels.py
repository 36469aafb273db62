"""A stand-in for the kernels that convert colours on a GPU: swscale, in a CPU's memory, whatever the strides."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import torch
from av.video.reformatter import VideoReformatter

from augmentation_api.vocabulary import VideoCodec
from augmentation_worker.media.video.colors import ColorConverter, ColorTags
from augmentation_worker.media.video.encoder import VideoEncoder
from augmentation_worker.media.video.encoding import VideoEncoding
from augmentation_worker.media.video.gpu.color_kernels import Planes
from augmentation_worker.media.video.planes import frame_of, planes_of
from augmentation_worker.media.video.segment import VideoSegment, decode_frames


class SwscaleKernels:
    """Converts as `ColorConverter` does.

    Attributes:
        pix_fmt: of the frames that it takes.
        sitings: where chroma lies in the frames that it converts.
        converted: how many frames it has converted, to RGB and to YUV.
    """

    def __init__(self, pix_fmt: str = "yuv420p", sitings: tuple[str, ...] = ("center", "left")) -> None:
        self.pix_fmt = pix_fmt
        self.sitings = sitings
        self.converted = [0, 0]
        # Of its own for each kind of frames: it takes those of one video for alike.
        self._converters: dict[object, ColorConverter] = {}

    def supports(self, pix_fmt: str, colors: ColorTags, height: int, width: int) -> bool:
        return pix_fmt == self.pix_fmt

    def to_rgb(self, planes: Planes, colors: ColorTags, siting: str, frames: torch.Tensor) -> None:
        for number, target in enumerate(frames):
            frame = frame_of([plane[number].numpy().copy() for plane in planes], self.pix_fmt)
            if siting == "left":
                frame = like_h264(frame)
            frame.colorspace, frame.color_range = colors.matrix, colors.range
            self._converters.setdefault((siting, colors), ColorConverter()).to_rgb(frame, target.numpy())
            self.converted[0] += 1

    def to_yuv(self, frames: torch.Tensor, colors: ColorTags, planes: Planes) -> None:
        for number, pixels in enumerate(frames):
            frame = self._converters.setdefault(colors, ColorConverter()).to_yuv(pixels.numpy(), self.pix_fmt, colors)
            for target, values in zip(planes, planes_of(frame), strict=True):
                target[number].numpy()[:] = values
            self.converted[1] += 1


def like_h264(frame: av.VideoFrame) -> av.VideoFrame:
    """A frame of the same planes that says of its chroma what decoders of H.264 say: PyAV 18.1 cannot set it."""
    full = VideoReformatter().reformat(_decoded_h264(), frame.width, frame.height, "yuv444p")
    made = VideoReformatter().reformat(full, format=frame.format.name)
    for target, values in zip(planes_of(made), planes_of(frame), strict=True):
        target[:] = values
    return made


@cache
def _decoded_h264() -> av.VideoFrame:
    with TemporaryDirectory() as folder:
        path = Path(folder, "black.mp4")
        with VideoEncoder(path, VideoEncoding.default(VideoCodec.H264), fps=1, width=16, height=16) as encoder:
            encoder.write(torch.zeros((1, 3, 16, 16), dtype=torch.uint8).numpy())
        (decoded,) = decode_frames(VideoSegment(path, 0, 1, 1))
    return decoded
