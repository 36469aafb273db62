"""meta/info.json: what a LeRobot dataset says of itself, checked, with the cameras it has."""

import json
import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from augmentation_api import FailureReason
from augmentation_api.model import findings_of
from augmentation_worker.bounded.documents import read_json_object
from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.dataset_path import DatasetPath, PathRefused
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats import limits
from augmentation_worker.formats.lerobot.camera_info import changed_feature
from augmentation_worker.formats.lerobot.camera_shape import COLOUR_CHANNELS, CameraShape
from augmentation_worker.formats.lerobot.format_version import VERSIONS, FileNumber, FormatVersion
from augmentation_worker.formats.lerobot.split_ranges import read_splits, written_splits
from augmentation_worker.formats.splits import Splits

INFO_PATH = DatasetPath("meta/info.json")
CAMERA_DTYPES = ("video", "image")
INDEX_COLUMNS = ("timestamp", "frame_index", "episode_index", "index", "task_index")
"""Columns that LeRobot itself writes into every data file."""
_LANCE = "lance"
"""storage_format of tables that LeRobot reads besides parquet files and videos, since lerobot#4363."""
_CONVERTERS = {"v2.0": "v21.convert_dataset_v20_to_v21", "v1": "v2.convert_dataset_v1_to_v2"}
"""LeRobot's own modules that convert a dataset to the version after."""
_SMALLEST_IMAGE = 16
"""Fewest pixels per side of an array of numbers that is taken for an image."""
_MOST_MEGABYTES = 10**6
_FILE_SIZES = ("video_files_size_in_mb", "data_files_size_in_mb")
_NUMBER_FORMAT = re.compile(r"(0?[1-9])?d?")
"""How a template may write a number: with at most nine digits, so that a short template makes a short path."""
_LONGEST_TEMPLATE = 1024


class Feature(BaseModel):
    """One feature of the dataset: a column of its data, or a camera."""

    model_config = ConfigDict(extra="allow", frozen=True)

    dtype: str
    shape: tuple[Annotated[int, Field(ge=0, le=limits.LARGEST_DIMENSION)], ...] = Field(
        max_length=limits.MOST_DIMENSIONS
    )
    names: Any = None
    info: dict[str, Any] | None = None
    video_info: dict[str, Any] | None = None  # where LeRobot before 0.2 put `info`

    @property
    def extra(self) -> dict[str, Any]:
        """What else info.json says of it."""
        return self.model_extra or {}

    def fact(self, name: str) -> Any:
        """What is known of the video under `name`, e.g. video.codec; None if nothing is."""
        return (self.info or {}).get(name, (self.video_info or {}).get(name))


@dataclass(frozen=True)
class Camera:
    """A camera.

    Attributes:
        key: feature name, e.g. observation.images.top.
        shape: as info.json declares it; the files may hold frames of another size.
        is_depth: whether info.json calls it a depth map.
        is_video: whether its frames are stored as video; else they are images in the data files.
    """

    key: str
    shape: CameraShape
    is_depth: bool
    is_video: bool

    @property
    def is_colour(self) -> bool:
        """Whether it can be augmented. Depth maps and one-channel streams are never touched."""
        return self.why_left_alone is None

    @property
    def why_left_alone(self) -> str | None:
        """Why it is never augmented, as a phrase after "it is"; None if it can be."""
        if self.is_depth:
            return "a depth map"
        if self.shape.channels in COLOUR_CHANNELS:
            return None
        if self.shape.channels == 1:
            return "a depth or one-channel stream"
        return f"of shape {list(self.shape.declared)} in {INFO_PATH}, in which no side is that of 3 or 4 channels"


class DatasetInfo(BaseModel):
    """The fields of info.json that this project reads; all others are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True)

    codebase_version: str
    fps: float = Field(ge=0.01, le=1000)
    features: dict[str, Feature] = Field(max_length=limits.MOST_FEATURES)
    total_episodes: int = Field(ge=0, le=limits.LARGEST_TOTAL)
    total_frames: int = Field(ge=0, le=limits.LARGEST_TOTAL)
    total_tasks: int = Field(0, ge=0, le=limits.LARGEST_TOTAL)
    chunks_size: int = Field(1000, ge=1, le=limits.LARGEST_FILE_NUMBER)
    data_path: str
    video_path: str | None = None
    splits: Any = None
    source_json: str = Field("", exclude=True)

    @property
    def extra(self) -> dict[str, Any]:
        """The other fields."""
        return self.model_extra or {}

    @property
    def version(self) -> FormatVersion:
        """The version of LeRobot's format."""
        return VERSIONS[self.codebase_version]

    @property
    def frame_rate(self) -> Fraction:
        """Frames per second as the number that is meant: 30.0 is 30, 29.97 is 2997/100."""
        return Fraction(str(self.fps))

    @property
    def video_file_bytes(self) -> int:
        """What a video file of several episodes may take, by LeRobot's setting or its default."""
        return self._bytes_of(_FILE_SIZES[0], 200)

    @property
    def data_file_bytes(self) -> int:
        """What a data file may take, by LeRobot's setting or its default."""
        return self._bytes_of(_FILE_SIZES[1], 100)

    def _bytes_of(self, name: str, default: int) -> int:
        # LeRobot's megabyte is 1024 * 1024 bytes (get_file_size_in_mb).
        value: object = self.extra.get(name)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _MOST_MEGABYTES:
            value = default
        return max(1, int(value * 2**20))

    @cached_property
    def cameras(self) -> tuple[Camera, ...]:
        """All cameras, in the order of info.json."""
        return tuple(_camera(key, feature) for key, feature in self.features.items() if feature.dtype in CAMERA_DTYPES)

    @cached_property
    def video_cameras(self) -> tuple[Camera, ...]:
        """Cameras whose frames are stored as video."""
        return tuple(camera for camera in self.cameras if camera.is_video)

    @cached_property
    def image_cameras(self) -> tuple[Camera, ...]:
        """Cameras whose frames are images in the data files."""
        return tuple(camera for camera in self.cameras if not camera.is_video)

    @cached_property
    def image_arrays(self) -> tuple[str, ...]:
        """Features that hold pixels as numbers (dtype uint8), of three channels first or last (lerobot#1449)."""
        return tuple(
            key
            for key, feature in self.features.items()
            if feature.dtype == "uint8"
            and len(feature.shape) == 3
            and 3 in (feature.shape[0], feature.shape[-1])
            and sorted(feature.shape)[1] >= _SMALLEST_IMAGE
        )

    @cached_property
    def needed_columns(self) -> tuple[str, ...]:
        """The columns of INDEX_COLUMNS without which LeRobot's loader of this version does not read the dataset."""
        by_videos = ("timestamp",) if self.video_cameras else ()
        return tuple(dict.fromkeys((*self.version.needed_columns, *by_videos)))

    def data_file(self, number: FileNumber) -> DatasetPath:
        """Path of a data file. Raises WorkerFailure: SOURCE_INVALID."""
        return _path_by("data_path", self.data_path.format(**self.version.path_fields(number)))

    def data_file_number(self, path: DatasetPath) -> FileNumber | None:
        """The number of the data file at a path; None if the template gives no such path."""
        number = self._number_in(path, self.data_path)
        return number if number is not None and self.data_file(number) == path else None

    def video_file_number(self, camera: str, path: DatasetPath) -> FileNumber | None:
        """The number of a camera's video file at a path; None if the template gives no such path."""
        number = self._number_in(path, self.video_path or "", camera)
        return number if number is not None and self.video_file(camera, number) == path else None

    def _number_in(self, path: DatasetPath, template: str, camera: str = "") -> FileNumber | None:
        """The number that a path may have by a template."""
        parts = [(text, name) for text, name, _, _ in string.Formatter().parse(template)]
        field = {self.version.chunk_field: r"(\d{1,9})", self.version.file_field: r"(\d{1,9})", None: ""}
        pattern = "".join(re.escape(text) + field.get(name, re.escape(camera)) for text, name in parts)
        match = re.fullmatch(pattern, path)
        if match is None:
            return None
        names = [name for _, name in parts if name in self.version.data_fields]
        numbers = dict(zip(names, map(int, match.groups()), strict=True))
        return FileNumber(numbers[self.version.chunk_field], numbers[self.version.file_field])

    def video_file(self, camera: str, number: FileNumber) -> DatasetPath:
        """Path of a video file. Raises WorkerFailure: SOURCE_INVALID."""
        path = (self.video_path or "").format(video_key=camera, **self.version.path_fields(number))
        return _path_by("video_path", path)

    @cached_property
    def split_episodes(self) -> Mapping[str, Sequence[range]]:
        """By the name of each split, the episodes in it."""
        return read_splits(self.splits, self.total_episodes)

    def grown(
        self,
        episodes: int,
        frames: int,
        splits: Splits | None,
        camera_facts: Mapping[str, Mapping[str, object]],
        tasks: int | None = None,
    ) -> bytes:
        """info.json of the result: new totals, the rest byte for byte the source's values.

        Args:
            episodes, frames: totals of the result.
            splits: by name, the episodes of the result in each; None: those of the source.
            camera_facts: by augmented camera, what its frames are and how they are encoded: see `changed_feature`.
            tasks: of the result; None: as many as the source has.
        """
        document: dict[str, Any] = json.loads(self.source_json)
        document |= {"total_episodes": episodes, "total_frames": frames}
        for name in _FILE_SIZES:
            value = document.get(name, 1)
            if not isinstance(value, int | float) or not value > 0:
                del document[name]  # LeRobot 0.6.1 opens no such dataset (DatasetInfo): its default was meant here, too
        if tasks is not None:
            document["total_tasks"] = tasks
        if splits is not None and "splits" in document:
            document["splits"] = written_splits(self.splits, splits)
        if self.version.has_file_per_episode:
            document["total_videos"] = episodes * len(self.video_cameras)
            document["total_chunks"] = ceil(episodes / self.chunks_size)
        for camera, facts in camera_facts.items():
            document["features"][camera] = changed_feature(document["features"][camera], facts)
        return json.dumps(document, indent=4, ensure_ascii=False).encode()


def read_info(content: bytes, dataset: str) -> DatasetInfo:
    """Parse and check info.json.

    Raises:
        WorkerFailure: SOURCE_FORMAT_UNSUPPORTED for another version, SOURCE_INVALID for anything that is wrong in it.
    """
    try:
        document = read_json_object(content, most_bytes=limits.MOST_INFO_BYTES)
    except Unreadable as error:
        raise _invalid(dataset, f"it {error.finding}") from error
    version = document.get("codebase_version")
    if not isinstance(version, str):
        raise _invalid(dataset, "it has no codebase_version")
    if version not in VERSIONS:
        raise _other_version(dataset, version)
    if document.get("storage_format") == _LANCE:
        raise WorkerFailure(
            FailureReason.SOURCE_FORMAT_UNSUPPORTED,
            f"the dataset {dataset} is stored in Lance tables ({INFO_PATH}: storage_format), which are not read yet: "
            "name the dataset of parquet files and videos that it was converted from",
        )
    try:
        info = DatasetInfo.model_validate({**document, "source_json": content.decode()})
    except ValidationError as error:
        raise _invalid(dataset, findings_of(error)[0]) from error
    _check_templates(info, dataset)
    _check_features(info, dataset)
    return info


def _other_version(dataset: str, version: str) -> WorkerFailure:
    supported = ", ".join(VERSIONS)
    fix = next(
        (
            f"convert it with `python -m lerobot.datasets.{converter} --repo-id=…` of lerobot 0.3.3 and push it"
            for old, converter in _CONVERTERS.items()
            if version.startswith(old)
        ),
        "use a revision in a supported version",
    )
    return WorkerFailure(
        FailureReason.SOURCE_FORMAT_UNSUPPORTED,
        f"the dataset {dataset} is in LeRobot {version} ({INFO_PATH}: codebase_version); supported now: {supported}; "
        f"{fix}",
    )


def _check_templates(info: DatasetInfo, dataset: str) -> None:
    wanted = {"data_path": info.version.data_fields, "video_path": info.version.video_fields}
    example_fields = info.version.path_fields(FileNumber(0, 0))
    for field, names in wanted.items():
        template = getattr(info, field)
        if template is None:
            if field == "video_path" and not any(feature.dtype == "video" for feature in info.features.values()):
                continue
            raise _invalid(dataset, f"{field} is missing")
        if (problem := _problem_of(template, names)) is not None:
            raise _invalid(dataset, f"{field} {problem}: {template!r}")
        example = template.format(video_key="camera", **example_fields)
        folder = {"data_path": "data", "video_path": "videos"}[field]
        if not _is_below(folder, example):
            raise _invalid(dataset, f"{field} must stay inside {folder}/: {template!r}")


def _problem_of(template: str, names: frozenset[str]) -> str | None:
    """Why a text is not a path template, as a clause; None if it is one. It is not formatted to find that out."""
    if len(template) > _LONGEST_TEMPLATE:
        return f"has {len(template)} characters, more than {_LONGEST_TEMPLATE}"
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in string.Formatter().parse(template)]
    except ValueError as error:
        return f"is not a path template ({error})"
    fields = [field for field in fields if field[0] is not None]
    if {name for name, _, _ in fields} != names:
        return f"must name exactly {', '.join(sorted(names))}"
    for name, spec, conversion in fields:
        if conversion or not (_NUMBER_FORMAT.fullmatch(spec or "") if name != "video_key" else not spec):
            return f"must write {name} as {{{name}}}" + ("" if name == "video_key" else " or with up to 9 digits")
    return None


def _check_features(info: DatasetInfo, dataset: str) -> None:
    missing = [name for name in info.needed_columns if name not in info.features]
    if missing:
        raise _invalid(dataset, f"features lacks {', '.join(missing)}")
    for key, feature in info.features.items():
        if feature.dtype in CAMERA_DTYPES and (".." in key or "/" in key or not _is_below(key, f"{key}/frames")):
            raise _invalid(dataset, f"the camera key {key!r} cannot be part of a path")


def _camera(key: str, feature: Feature) -> Camera:
    is_depth = bool(feature.fact("is_depth_map") or feature.fact("video.is_depth_map"))
    return Camera(key, CameraShape.read(feature.shape, feature.names), is_depth, feature.dtype == "video")


def _is_below(folder: str, path: str) -> bool:
    try:
        return DatasetPath(path).parts[0] == folder
    except PathRefused:
        return False


def _path_by(field: str, path: str) -> DatasetPath:
    """A path that a template gave: what the numbers and names in it made of it is checked here."""
    try:
        return DatasetPath(path)
    except PathRefused as error:
        raise WorkerFailure(
            FailureReason.SOURCE_INVALID, f"{field} of {INFO_PATH} leads nowhere: {error}; repair the dataset"
        ) from error


def _invalid(dataset: str, finding: str) -> WorkerFailure:
    return WorkerFailure(FailureReason.SOURCE_INVALID, f"{INFO_PATH} of the dataset {dataset} is wrong: {finding}")
