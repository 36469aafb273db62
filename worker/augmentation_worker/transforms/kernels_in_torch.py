"""The twins of the CPU's kernels in plain torch, for any device: the same pixels."""

import numpy as np
import torch
from numpy.typing import NDArray

from augmentation_worker.transforms.blur import BlurParameters
from augmentation_worker.transforms.cpu import blur_kernels, kernels
from augmentation_worker.transforms.cpu.resampler_kernels import FARTHEST, LEAST_DEPTH_BITS, PLACE_BITS, WEIGHT_BITS
from augmentation_worker.transforms.keyed_transform import KEPT
from augmentation_worker.transforms.resampler import BLACK, Resampling, tent

_WORD = 0xFFFFFFFF
_PLACE = 1 << PLACE_BITS
_SHARPNESS_WEIGHTS = 13  # of 3x3 pixels, of which the middle one counts five times


def blur_in_torch(frames: torch.Tensor, blur: BlurParameters) -> torch.Tensor:
    """The twin of the kernels in plain torch, for any device."""
    if blur.kind == "motion":
        rows, columns = blur.line
        taps = list(zip(rows.tolist(), columns.tolist(), strict=True))
        total = _weighted_sum(frames.to(torch.int64), [(*tap, 1) for tap in taps])
        rounded = total * int(blur.reciprocal()) + (1 << (blur_kernels.RECIPROCAL_BITS - 1))
        return (rounded >> blur_kernels.RECIPROCAL_BITS).to(torch.uint8)
    weights = blur.weights.tolist()
    reach = len(weights) - 1
    steps = [(step, weights[abs(step)]) for step in range(-reach, reach + 1)]
    horizontal = _weighted_sum(frames.to(torch.int32), [(0, step, weight) for step, weight in steps])
    total = _weighted_sum(horizontal, [(step, 0, weight) for step, weight in steps])
    return ((total + (1 << (2 * blur_kernels.KERNEL_BITS - 1))) >> (2 * blur_kernels.KERNEL_BITS)).to(torch.uint8)


def _weighted_sum(values: torch.Tensor, taps: list[tuple[int, int, int]]) -> torch.Tensor:
    """Sum of weight x the values at (row, column) offsets, the border repeated."""
    height, width = values.shape[-2:]
    total = torch.zeros_like(values)
    for row, column, weight in taps:
        rows = (torch.arange(height, device=values.device) + row).clamp_(0, height - 1)
        columns = (torch.arange(width, device=values.device) + column).clamp_(0, width - 1)
        total += weight * values[..., rows, :][..., columns]
    return total


def add_noise_in_torch(
    frames: torch.Tensor,
    key: tuple[int, int],
    first_frame: int,
    table: NDArray[np.int16],
    strength: NDArray[np.int32],
) -> torch.Tensor:
    """The twin of noise_kernels.add_noise in plain torch, for any device."""
    device, size = frames.device, frames[0].numel()
    blocks = torch.arange(-(-size // kernels.VALUES_PER_BLOCK), device=device)
    normals, strengths = (torch.from_numpy(values).to(device, torch.int32) for values in (table, strength))
    result = torch.empty((len(frames), size), dtype=torch.uint8, device=device)
    for index, frame in enumerate(frames.reshape(len(frames), -1)):
        words = philox_in_torch(blocks, first_frame + index, key)
        uniform = torch.stack([half for word in words for half in (word & 0xFFFF, word >> 16)]).flatten()[:size]
        values, noise = frame.to(torch.int32), normals[uniform]
        if len(strengths):
            noise = (strengths[values] * noise + (1 << (kernels.FRACTION_BITS - 1))) >> kernels.FRACTION_BITS
        result[index] = (values + noise).clamp_(0, 255).to(torch.uint8)
    return result.view(frames.shape)


def philox_in_torch(blocks: torch.Tensor, frame: int, key: tuple[int, int]) -> list[torch.Tensor]:
    """The four 32-bit words, as int64 [blocks], of the Philox4x32-10 blocks with counters (block, frame, 0, 0)."""
    c0, c1 = blocks.to(torch.int64), torch.full_like(blocks, frame, dtype=torch.int64)
    c2, c3 = torch.zeros_like(c0), torch.zeros_like(c0)
    k0, k1 = key
    for _ in range(kernels.PHILOX_ROUNDS):
        high0, low0 = _multiply(c0, kernels.PHILOX_MULTIPLIERS[0])
        high1, low1 = _multiply(c2, kernels.PHILOX_MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + kernels.PHILOX_WEYL[0]) & _WORD, (k1 + kernels.PHILOX_WEYL[1]) & _WORD
    return [c0, c1, c2, c3]


def _multiply(value: torch.Tensor, factor: int) -> tuple[torch.Tensor, torch.Tensor]:
    """High and low 32 bits of a product of 32-bit numbers, by halves: int64 has no room for the sign of the whole."""
    low = value * (factor & 0xFFFF)
    high = value * (factor >> 16) + (low >> 16)
    return high >> 16, ((high & 0xFFFF) << 16) | (low & 0xFFFF)


def sharpen_in_torch(frames: torch.Tensor, gain: int) -> torch.Tensor:
    """The twin of kernels.sharpen in plain torch, for any device."""
    result = frames.clone(memory_format=torch.contiguous_format)
    height, width = frames.shape[-2:]
    if height < 3 or width < 3:
        return result
    values = frames.to(torch.int32)
    middle = values[..., 1:-1, 1:-1]
    square = sum(
        values[..., row : height - 2 + row, column : width - 2 + column] for row in range(3) for column in range(3)
    )
    exact = middle * (_SHARPNESS_WEIGHTS << kernels.SHARPNESS_BITS) + gain * (9 * middle - square)
    rounded = exact.clamp_(min=0) + (_SHARPNESS_WEIGHTS << (kernels.SHARPNESS_BITS - 1))
    sharpened = torch.div(rounded, _SHARPNESS_WEIGHTS << kernels.SHARPNESS_BITS, rounding_mode="floor")
    result[..., 1:-1, 1:-1] = sharpened.clamp_(max=255).to(torch.uint8)
    return result


def multiply_colors_in_torch(frames: torch.Tensor, matrix: NDArray[np.int32]) -> torch.Tensor:
    """The twin of kernels.multiply_colors in plain torch, for any device."""
    values = frames.to(torch.int32)
    rows = [sum(int(factor) * values[:, index] for index, factor in enumerate(row)) for row in matrix]
    mixed = torch.stack([torch.as_tensor(row) for row in rows], dim=1) + (1 << (kernels.MATRIX_BITS - 1))
    return (mixed >> kernels.MATRIX_BITS).clamp_(0, 255).to(torch.uint8)


def multiply_by_mask_in_torch(frames: torch.Tensor, mask: NDArray[np.int32]) -> torch.Tensor:
    """The twin of kernels.multiply_by_mask in plain torch, for any device."""
    scaled = frames.to(torch.int32) * torch.from_numpy(mask).to(frames.device) + (1 << (kernels.MASK_BITS - 1))
    return (scaled >> kernels.MASK_BITS).clamp_(max=255).to(torch.uint8)


def resample_in_torch(frames: torch.Tensor, resampling: Resampling) -> torch.Tensor:
    """The twin of the kernels in plain torch, for any device."""
    height, width = frames.shape[-2:]
    columns, rows = _locate_in_torch(resampling, height, width, frames.device)
    columns, rows = columns + _PLACE - resampling.reach_x, rows + _PLACE - resampling.reach_y
    weights_x, weights_y = (
        torch.from_numpy(tent(reach).copy()).to(frames.device) for reach in (resampling.reach_x, resampling.reach_y)
    )
    of_column, of_row = weights_x[columns & (_PLACE - 1)], weights_y[rows & (_PLACE - 1)]
    values = frames.to(torch.int32).flatten(-2)
    total = torch.full(frames.shape, 1 << (2 * WEIGHT_BITS - 1), dtype=torch.int32, device=frames.device)
    for down in range(weights_y.shape[1]):
        row = (rows >> PLACE_BITS) + down
        for across in range(weights_x.shape[1]):
            column = (columns >> PLACE_BITS) + across
            weight = of_row[..., down] * of_column[..., across]
            if resampling.border == BLACK:
                weight = weight * ((row >= 0) & (row < height) & (column >= 0) & (column < width))
            place = row.clamp(0, height - 1) * width + column.clamp(0, width - 1)
            total += weight * values[..., place]
    return (total >> (2 * WEIGHT_BITS)).to(torch.uint8)


def _locate_in_torch(
    resampling: Resampling, height: int, width: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """The twin of locate: int64 [H, W], columns and rows in 1/256 of a pixel."""
    m = resampling.matrix
    x = torch.arange(width, device=device, dtype=torch.int64)
    y = torch.arange(height, device=device, dtype=torch.int64)[:, None]
    depth = (m[6] * x + m[7] * y + m[8]).clamp(min=1 << LEAST_DEPTH_BITS)
    half = torch.div(depth, 2, rounding_mode="floor")
    places = []
    for row in (m[:3], m[3:6]):
        scaled = ((row[0] * x + row[1] * y + row[2]) << PLACE_BITS) + half
        places.append(torch.div(scaled, depth, rounding_mode="floor").clamp(-FARTHEST, FARTHEST))
    return places[0], places[1]


def look_up_in_torch(frames: torch.Tensor, values: NDArray[np.uint8]) -> torch.Tensor:
    """The twin of kernels.look_up in plain torch, for any device: tables uint8 [3, 256]."""
    channels, levels = values.shape
    offsets = torch.arange(0, channels * levels, levels, dtype=torch.int32, device=frames.device)
    table = torch.from_numpy(values).to(frames.device).flatten()
    indices = frames.to(torch.int32) + offsets.view(channels, 1, 1)
    return table.index_select(0, indices.flatten()).view(frames.shape)


def blend_in_torch(frames: torch.Tensor, behind: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> torch.Tensor:
    """The twin of kernels.blend in plain torch, for any device."""
    kept = torch.from_numpy(np.array(alpha)).to(frames.device).to(torch.int32)[:, None]
    other = torch.from_numpy(behind).to(frames.device).to(torch.int32)
    mixed = frames.to(torch.int32) * kept + other * (KEPT - kept) + KEPT // 2
    return torch.div(mixed, KEPT, rounding_mode="floor").to(torch.uint8)


def cover_in_torch(area: torch.Tensor, filling: NDArray[np.uint8], kept: NDArray[np.bool_] | None) -> None:
    """Fill a part of frames, uint8 [N, 3, rows, columns], but where it is kept, bool [N, 1, rows, columns]."""
    shown = torch.from_numpy(filling).to(area.device)
    area.copy_(shown if kept is None else torch.where(torch.from_numpy(kept).to(area.device), area, shown))
