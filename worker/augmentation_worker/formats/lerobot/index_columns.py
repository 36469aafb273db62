"""The columns that say which frame a row is, checked as far as LeRobot's loader uses them.

The loader takes a row's task and videos by `task_index` and `episode_index`, and looks for a frame of a video at the
row's `timestamp`. It takes action chunks by `index` (v3.0 only), and never reads `frame_index`, nor `timestamp` where
all cameras are images (LeRobot 0.6.1, dataset_reader.py; 0.3.3, lerobot_dataset.py).
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.formats.lerobot.episodes import TIMESTAMP_TOLERANCE_SECONDS, Episode
from augmentation_worker.formats.lerobot.info import DatasetInfo

_LEAVE_OUT = "or leave the episode out with spec.augmentation.episodes"


def check_index_columns(rows: pa.Table, episode: Episode, info: DatasetInfo) -> None:
    """Refuse rows that LeRobot's loader would take for others, or whose frames it would not find.

    Args:
        rows: of the episode, in order, with the index columns that the data file has.

    Raises:
        Unreadable: a needed column is not there or has other values, with the first of them.
    """
    missing = [name for name in info.needed_columns if name not in rows.column_names]
    if missing:
        raise Unreadable(f"lacks the column {missing[0]}")
    values = _numbers(rows, "episode_index")
    wrong = np.flatnonzero(values != episode.index)
    if wrong.size:
        raise Unreadable(
            f"has the episode_index {values[wrong[0]]:g} in frame {wrong[0]} of episode {episode.index}: set the "
            f"column to the number of the episode, {_LEAVE_OUT}"
        )
    if info.video_cameras:
        wrong = _off_their_time(rows, info)
        if wrong.size:
            raise Unreadable(
                f"has the timestamp {_timestamp(rows, wrong[0])} in frame {wrong[0]} of episode {episode.index}, which "
                f"is not {wrong[0]} / {info.fps:g}: LeRobot finds a frame of a video by it, within "
                f"{TIMESTAMP_TOLERANCE_SECONDS:g} s. Set the column to frame number / fps, {_LEAVE_OUT}"
            )


def index_warnings(rows: pa.Table, episode: Episode, info: DatasetInfo) -> Mapping[str, str]:
    """What is odd in the index columns of an episode, and is copied all the same: by column a sentence."""
    warnings = {}
    if "index" in info.needed_columns:
        values = _numbers(rows, "index")
        if not np.array_equal(values, np.arange(episode.from_index, episode.to_index)):
            warnings["index"] = (
                f"The column index of episode {episode.index} runs from {values[0]:g} to {values[-1]:g}, not from "
                f"{episode.from_index} to {episode.to_index - 1}: LeRobot takes action chunks from other rows for it. "
                "Added copies get right numbers, the originals keep theirs"
            )
    if not info.video_cameras and "timestamp" in rows.column_names:
        wrong = _off_their_time(rows, info)
        if wrong.size:
            warnings["timestamp"] = (
                f"The timestamps of episode {episode.index} are not frame number / {info.fps:g}: that of frame "
                f"{wrong[0]} is {_timestamp(rows, wrong[0])}. They are copied as they are, since no camera is a video"
            )
    return warnings


def _off_their_time(rows: pa.Table, info: DatasetInfo) -> npt.NDArray[np.intp]:
    """Numbers of the frames whose timestamp is not theirs, NaN and empty cells among it."""
    times = np.arange(rows.num_rows) / info.fps
    return np.flatnonzero(~(np.abs(_numbers(rows, "timestamp") - times) <= TIMESTAMP_TOLERANCE_SECONDS))


def _timestamp(rows: pa.Table, frame: np.intp) -> str:
    return f"{_numbers(rows, 'timestamp')[frame]:.12g}"


def _numbers(rows: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """A column as numbers; an empty cell is NaN. Whole numbers are exact up to 2**53. Raises Unreadable."""
    kind = rows.schema.field(name).type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise Unreadable(f"has the column {name} of type {kind}, not of numbers")
    return np.asarray(rows.column(name).to_numpy(), dtype=np.float64)
