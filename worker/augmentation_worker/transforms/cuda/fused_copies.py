"""Copies of an episode augmented on a GPU, all at once: as few passes over memory as their transforms allow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import triton

from augmentation_worker.transforms.cpu.kernels import VALUES_PER_BLOCK
from augmentation_worker.transforms.cuda import value_kernels as kernels
from augmentation_worker.transforms.cuda.neighbours import change
from augmentation_worker.transforms.cuda.normal_bins import NormalBins, bits_of
from augmentation_worker.transforms.cuda.operation import (
    Kind,
    Operands,
    Operation,
    compose,
    covered_tiles,
    operation_of,
    passes,
)
from augmentation_worker.transforms.cuda.upload import upload, upload_for_all_streams
from augmentation_worker.transforms.frames import CHANNELS
from augmentation_worker.transforms.geometric_transform import Step

if TYPE_CHECKING:
    from augmentation_worker.transforms.pipeline import EpisodeTransform

TILE = 2048
"""Blocks or pixels of a program: 16 for each thread of its four warps."""
WIDEST_RUN = 16
"""Bytes that a GPU loads at once, at most."""
REGISTERS = 168
"""Of a thread of a pass with noise, at most: as many leave room for 12 warps on a processor with 65,536."""
PLAIN = triton.knobs.runtime.interpret
"""Triton's interpreter knows no PTX."""
_Operands = tuple[Any, ...]


class FusedCopies:
    """The pixels of `EpisodeTransform`, for several copies of one episode.

    Copies whose transforms are of the same kinds share their launches; every frame is read from memory once for all of
    them. Tables are put on the GPU once for each size of frames.

    Args:
        pipelines: one for each copy.
    """

    def __init__(self, pipelines: "Sequence[EpisodeTransform]") -> None:
        self._pipelines = tuple(pipelines)
        self._constants: dict[tuple[Any, ...], tuple[torch.Tensor, ...]] = {}

    def __call__(self, frames: torch.Tensor, first_frame: int) -> list[torch.Tensor]:
        """The frames, augmented, for each pipeline; launched on the current stream.

        Args:
            frames: uint8 [N, 3, H, W], consecutive frames of the episode, left as they are.
            first_frame: index in the episode of the first of them.
        """
        frames = frames.contiguous()
        groups: dict[tuple[Kind | None, ...], dict[int, list[Operation | Step]]] = {}
        for copy, pipeline in enumerate(self._pipelines):
            changes = changes_of(pipeline, frames, first_frame)
            groups.setdefault(tuple(kind_of(each) for each in changes), {})[copy] = changes
        results: dict[int, torch.Tensor] = {}
        for kinds, copies in groups.items():
            augmented = self._run(kinds, copies, frames, first_frame)
            results |= {copy: augmented[place] for place, copy in enumerate(copies)}
        return [results[copy] for copy in range(len(self._pipelines))]

    def _run(
        self,
        kinds: tuple[Kind | None, ...],
        copies: dict[int, list[Operation | Step]],
        frames: torch.Tensor,
        first_frame: int,
    ) -> torch.Tensor:
        """uint8 [copies, N, 3, H, W]."""
        source = frames[None]
        for places in passes(kinds):
            target = torch.empty((len(copies), *frames.shape), dtype=torch.uint8, device=frames.device)
            if kinds[places.start] is None:
                for copy, changes in enumerate(copies.values()):
                    step = changes[places.start]
                    if not isinstance(step, Operation):
                        change(step, source[copy if len(source) > 1 else 0], target[copy])
            else:
                parts = VALUES_PER_BLOCK if any(Kind(kinds[place] or 0).adds_noise for place in places) else 1
                operands = tuple(self._operands(place, copies, frames, parts) for place in places)
                _launch(source, target, tuple(int(kinds[place] or 0) for place in places), operands, first_frame)
            source = target
        return source if len(source) == len(copies) else source.expand(len(copies), *frames.shape).clone()

    def _operands(
        self, place: int, copies: dict[int, list[Operation | Step]], frames: torch.Tensor, parts: int
    ) -> _Operands:
        """The operands of the operations of all copies at a place, on the GPU; a copy after the other in each."""
        operations = [each for changes in copies.values() if isinstance(each := changes[place], Operation)]
        key = (place, tuple(copies), frames.shape[-2:], frames.device, parts)
        constants = self._constants.get(key)
        if constants is None:
            constants = self._constants[key] = tuple(
                upload_for_all_streams(values, frames.device)
                for values in _stacked(operations[0].kind, [operation.constants() for operation in operations], parts)
            )
        of_frames = [operation.of_frames for operation in operations if operation.of_frames is not None]
        varying = (upload(np.stack(of_frames), frames.device),) if of_frames else ()
        return (*constants, *varying)


def kind_of(change: Operation | Step) -> Kind | None:
    """The kind of an operation; None of a step that is none."""
    return change.kind if isinstance(change, Operation) else None


def changes_of(pipeline: "EpisodeTransform", frames: torch.Tensor, first_frame: int) -> list[Operation | Step]:
    """The steps of a pipeline, as operations where they are some; those by table that follow each other are one."""
    count, _, height, width = frames.shape
    changes: list[Operation | Step] = []
    for step in pipeline.steps_of(frames, first_frame):
        operation = operation_of(step, count, height, width)
        last = changes[-1] if changes else None
        if operation is None:
            changes.append(step)
        elif operation.kind is Kind.LOOK_UP and isinstance(last, Operation) and last.kind is Kind.LOOK_UP:
            changes[-1] = compose(last, operation)
        else:
            changes.append(operation)
    return changes


def _stacked(kind: Kind, operands: list[Operands], parts: int) -> list[np.ndarray]:
    """For each operand that of all copies, one after the other."""
    if kind is Kind.ADD_NORMALS:
        tables, keys = zip(*operands, strict=True)
        return [NormalBins(tables).entries, np.stack(keys)]
    if kind is Kind.ADD_SCALED_NORMALS:
        # The normals are the same for every copy.
        return [operands[0][0], *(np.stack(each) for each in list(zip(*operands, strict=True))[1:])]
    stacked = [np.stack(of_copies) for of_copies in zip(*operands, strict=True)]
    if kind in (Kind.COVER, Kind.COVER_BEHIND):
        stacked.append(np.stack([covered_tiles(cover, parts, TILE) for cover in stacked[0]]))
    return stacked


def _launch(
    source: torch.Tensor,
    target: torch.Tensor,
    kinds: tuple[int, ...],
    operands: tuple[_Operands, ...],
    first_frame: int,
) -> None:
    copies, frames, _, height, width = target.shape
    pixels = height * width
    copy_stride = source[0].numel() if len(source) > 1 else 0
    noise_steps = [step for step, kind in enumerate(kinds) if Kind(kind).adds_noise]
    if noise_steps:
        blocks = triton.cdiv(CHANNELS * pixels, VALUES_PER_BLOCK)
        run = _run_of(blocks, pixels) if CHANNELS * pixels == VALUES_PER_BLOCK * blocks else 1
        kernels.change_values[(copies, triton.cdiv(blocks, TILE), frames)](
            source,
            target,
            operands,
            copy_stride,
            pixels,
            blocks,
            frames,
            first_frame,
            kinds=kinds,
            noise_step=noise_steps[0],
            bits=bits_of(operands[noise_steps[0]][0]),
            rows=TILE // run,
            run=run,
            plain=PLAIN,
            maxnreg=REGISTERS,
        )
    else:
        run = _run_of(pixels)
        kernels.change_pixels[(copies, triton.cdiv(pixels, TILE), frames)](
            source,
            target,
            operands,
            copy_stride,
            pixels,
            frames,
            kinds=kinds,
            rows=TILE // run,
            run=run,
            plain=PLAIN,
        )


def _run_of(*lengths: int) -> int:
    """How many neighbours a thread changes: as many as fill the widest access, if that goes into all lengths."""
    return WIDEST_RUN if all(length % WIDEST_RUN == 0 for length in lengths) else 1
