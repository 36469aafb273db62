"""Blur, sharpness and geometry on a GPU: the launches of `neighbour_kernels`."""

import numpy as np
import torch
import triton

from augmentation_worker.transforms.blur import Blur, BlurParameters
from augmentation_worker.transforms.cuda import neighbour_kernels as kernels
from augmentation_worker.transforms.cuda.upload import upload, upload_once
from augmentation_worker.transforms.geometric_transform import Geometry, Step
from augmentation_worker.transforms.resampler import BLACK, Resampling, tent
from augmentation_worker.transforms.sharpness import Sharpness, gain_of

ROWS = 128
"""Times four pixels: of a program, whose four warps have four pixels a thread."""
IN_WORD = 4
"""Pixels of a word."""
WORDS = 512
"""Of a program: four for each thread."""
IMAGES = 12
"""Images of which a program resamples a tile: the places in the source are computed once for all."""


def change(step: Step, source: torch.Tensor, target: torch.Tensor) -> None:
    """Write what becomes of frames into others, both uint8 [N, 3, H, W] and contiguous.

    A transform that has no kernel here works as it does by itself: JPEG on the CPU.
    """
    transform, params = step
    if isinstance(transform, Geometry):
        _move(transform, params["first_frame"], source, target)
    elif isinstance(transform, Blur):
        _blur(params["blur"], source, target)
    elif isinstance(transform, Sharpness):
        height, width = source.shape[-2:]
        kernels.sharpen[_grid(source)](source, target, gain_of(params["factor"]), height, width, rows=ROWS)
    else:
        target.copy_(transform.transform(source, params))


def _blur(blur: BlurParameters, source: torch.Tensor, target: torch.Tensor) -> None:
    height, width = source.shape[-2:]
    grid = _grid(source)
    if blur.kind == "motion":
        taps = upload_once(np.stack(blur.line, axis=1).astype(np.int32), source.device)
        kernels.average_along[grid](source, target, taps, len(taps), int(blur.reciprocal()), height, width, rows=ROWS)
        return
    of_blur = blur.weights.astype(np.int32)
    reach = len(of_blur) - 1
    weights = upload_once(np.pad(of_blur, (0, -reach % IN_WORD)), source.device)
    sums = torch.empty(source.shape, dtype=torch.uint16, device=source.device)
    if width % IN_WORD == 0 and source.data_ptr() % IN_WORD == 0:
        words, in_row = source.view(torch.int32), width // IN_WORD
        tiles = triton.cdiv(height * in_row, WORDS)
        kernels.weigh_columns_in_words[(tiles, grid[1])](
            words, sums.view(torch.int32), weights, reach, height, in_row, tile=WORDS
        )
    else:
        kernels.weigh_columns[grid](source, sums, weights, reach, height, width, rows=ROWS)
    kernels.weigh_rows[grid](sums, target, weights, reach, height, width, rows=ROWS)


def _move(geometry: Geometry, first_frame: int, source: torch.Tensor, target: torch.Tensor) -> None:
    height, width = source.shape[-2:]
    if geometry.is_constant:
        resampling = geometry.resampling(first_frame, height, width)
        matrix = upload_once(np.array(resampling.matrix, np.int64), source.device)
        _resample(resampling, matrix, source, target)
        return
    resamplings = [geometry.resampling(first_frame + index, height, width) for index in range(len(source))]
    matrices = upload(np.array([each.matrix for each in resamplings], np.int64), source.device)
    for index, resampling in enumerate(resamplings):
        _resample(resampling, matrices[index], source[index], target[index])


def _resample(resampling: Resampling, matrix: torch.Tensor, source: torch.Tensor, target: torch.Tensor) -> None:
    if resampling.changes_nothing:
        target.copy_(source)
        return
    height, width = source.shape[-2:]
    weights_x, weights_y = (
        upload_once(tent(reach), source.device) for reach in (resampling.reach_x, resampling.reach_y)
    )
    images = source.numel() // (height * width)
    kernels.resample[(_tiles(height, width), triton.cdiv(images, IMAGES))](
        source,
        target,
        matrix,
        weights_x,
        weights_y,
        resampling.reach_x,
        resampling.reach_y,
        images,
        height,
        width,
        taps_x=weights_x.shape[1],
        taps_y=weights_y.shape[1],
        black=resampling.border == BLACK,
        per_program=IMAGES,
        rows=ROWS,
    )


def _grid(frames: torch.Tensor) -> tuple[int, int]:
    height, width = frames.shape[-2:]
    return _tiles(height, width), frames.numel() // (height * width)


def _tiles(height: int, width: int) -> int:
    return int(triton.cdiv(height * width, ROWS * int(kernels.WIDTH)))
