"""Checks of a result against its source, frame by frame, with independent code.

Nothing here comes from the worker: the dataset is read with pyarrow and PyAV, the lighting is a formula in numpy.
"""

import hashlib
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tests.recorded_copies import provenance_of

Json = dict[str, Any]
Frames = NDArray[Any]

# Linear-light gains of a black body relative to 6500 K (R/G, B/G), from tables of the Planckian locus.
LOCUS = {
    2000: (3.672, 0.030), 3000: (1.977, 0.306), 4000: (1.443, 0.549), 5000: (1.191, 0.754),
    6500: (1.0, 1.0), 8000: (0.900, 1.186), 10000: (0.826, 1.367),
}  # fmt: skip
CODEC_ERROR = 6.0
"""Mean absolute difference (of 255) that AV1 at crf 30 and the coarse table above may make on the sample."""


class Dataset:
    """A LeRobot v3.0 dataset in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info: Json = json.loads((folder / "meta/info.json").read_text())
        self.stats: Json = json.loads((folder / "meta/stats.json").read_text())
        self.data = _read_all(folder / "data")
        self.episodes: list[Json] = _read_all(folder / "meta/episodes").to_pylist()
        self.cameras = [key for key, feature in self.info["features"].items() if feature["dtype"] == "video"]
        self._decoded: dict[Path, tuple[list[float], list[Frames]]] = {}

    def rows(self, episode: Json) -> pa.Table:
        """The rows of an episode."""
        start, stop = episode["dataset_from_index"], episode["dataset_to_index"]
        return self.data.slice(start, stop - start)

    def frames(self, episode: Json, camera: str) -> Frames:
        """Every frame of an episode [N, H, W, 3], found at its timestamp within 1e-4 s."""
        path = self.folder / self.info["video_path"].format(
            video_key=camera,
            chunk_index=episode[f"videos/{camera}/chunk_index"],
            file_index=episode[f"videos/{camera}/file_index"],
        )
        if path not in self._decoded:
            self._decoded[path] = _decode(path)
        times, frames = self._decoded[path]
        start = episode[f"videos/{camera}/from_timestamp"]
        expected = start + self.rows(episode)["timestamp"].to_numpy()
        distances = np.abs(np.array(times)[None, :] - expected[:, None])
        assert distances.min(axis=1).max() < 1e-4, (
            f"{path}: no frame at some timestamp of episode {episode['episode_index']}"
        )
        return np.stack([frames[index] for index in distances.argmin(axis=1)])


def _read_all(folder: Path) -> pa.Table:
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.rglob("*.parquet"))])


def _decode(path: Path) -> tuple[list[float], list[Frames]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        pairs = [
            (float(Fraction(frame.pts or 0) * (frame.time_base or 1)), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]
    return [time for time, _ in pairs], [frame for _, frame in pairs]


def check_originals_untouched(source: Path, result: Path) -> None:
    """Check that the result contains the data and videos of the source, byte for byte."""
    for path in sorted(
        [*source.glob("data/**/*.parquet"), *source.glob("videos/**/*.mp4"), source / "meta/tasks.parquet"]
    ):
        copy = result / path.relative_to(source)
        assert copy.read_bytes() == path.read_bytes(), f"{path.relative_to(source)} was changed"


def check_result(source_folder: Path, result_folder: Path, copies: int) -> None:
    """Check the whole result: numbering, states and actions, every frame of every copy."""
    source, result = Dataset(source_folder), Dataset(result_folder)
    provenance: Json = provenance_of(result_folder)
    originals = len(source.episodes)
    assert result.info["total_episodes"] == originals * (1 + copies) == len(result.episodes)
    assert result.info["total_frames"] == source.info["total_frames"] * (1 + copies) == result.data.num_rows
    assert result.info["splits"] == {"train": f"0:{originals * (1 + copies)}"}
    assert result.data["index"].to_pylist() == list(range(result.data.num_rows))
    assert [episode["episode_index"] for episode in result.episodes] == list(range(len(result.episodes)))
    assert source.data.schema.equals(result.data.schema)
    _check_statistics(result)
    check_originals_untouched(source_folder, result_folder)
    for entry in provenance["episodes"]:
        original = source.episodes[entry["sourceEpisodeIndex"]]
        augmented = result.episodes[entry["episodeIndex"]]
        assert augmented["tasks"] == original["tasks"]
        assert augmented["length"] == original["length"]
        renumbered = ["index", "episode_index"]
        same, result_rows = source.rows(original).drop(renumbered), result.rows(augmented).drop(renumbered)
        assert result_rows.equals(same), f"states or actions of episode {entry['episodeIndex']} were changed"
        for camera, version in entry["cameras"].items():
            before, after = source.frames(original, camera), result.frames(augmented, camera)
            expected = lit(before, version["parameters"]["lighting"], mean_luma(original, camera))
            error = np.abs(after.astype(np.float64) - expected).mean()
            assert error < CODEC_ERROR, f"episode {entry['episodeIndex']}, {camera}: {error:.1f} of 255 off"


def _check_statistics(result: Dataset) -> None:
    for feature, stats in result.stats.items():
        for name, values in stats.items():
            assert np.isfinite(np.array(values, dtype=float)).all(), f"{feature} {name}"
    assert result.stats["index"]["max"] == [result.info["total_frames"] - 1]
    for camera in result.cameras:
        assert np.array(result.stats[camera]["mean"]).shape == (3, 1, 1)


def mean_luma(episode: Json, camera: str) -> float:
    """Mean luma of an episode, 0 to 1, from its statistics."""
    red, green, blue = np.array(episode[f"stats/{camera}/mean"], dtype=float).reshape(3)
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def lit(frames: Frames, parameters: Json, luma: float) -> NDArray[np.float64]:
    """Expected frames under the sampled lighting parameters; 0 to 255."""
    value = frames / 255 + parameters["brightness_percent"] / 100
    pivot = luma + parameters["brightness_percent"] / 100
    value = np.clip(pivot + (value - pivot) * (1 + parameters["contrast_percent"] / 100), 0, None)
    kelvins = sorted(LOCUS)
    red, blue = (
        np.interp(parameters["color_temperature_kelvin"], kelvins, [LOCUS[kelvin][side] for kelvin in kelvins])
        for side in (0, 1)
    )
    gains = np.array([red, 1.0, blue])
    gains /= gains @ np.array([0.2126, 0.7152, 0.0722])
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) * gains
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    light: NDArray[np.float64] = np.clip(encoded, 0, 1) * 255
    return light


def fingerprint(result_folder: Path) -> Json:
    """Everything that must be equal after any interruption: pixels, video bytes, rows, statistics."""
    provenance: Json = provenance_of(result_folder)
    files = [*result_folder.glob("videos/**/*.mp4"), *result_folder.glob("meta/stats.json")]
    return {
        "pixels": [[version["pixelHash"] for version in entry["cameras"].values()] for entry in provenance["episodes"]],
        "files": {
            str(path.relative_to(result_folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(files)
        },
        "rows": Dataset(result_folder).data.to_pylist(),
    }
