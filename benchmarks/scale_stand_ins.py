"""What stands for pods where a large job is measured without pixels: `python -m benchmarks.scale_stand_ins augment`.

As local runs start their pods, with the job in the environment. `augment` makes the shards whose numbers are in
$STAND_IN_SHARDS, with all that augment does but decoding and encoding: videos are files of holes, of the size that the
plan expects, and what is recorded of their copies is made up; only the first and the last, into which publish looks,
are videos. `plan` plans a shard, and prints what that took, as `resolve` and `publish`, the worker's own phases, do.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BEGIN = time.monotonic()

from augmentation_api import PhaseName  # noqa: E402 (the time that imports take is measured)
from augmentation_worker.__main__ import main as worker  # noqa: E402
from augmentation_worker.cluster.job import LocalJob  # noqa: E402
from augmentation_worker.cluster.manifest import LocalManifests  # noqa: E402
from augmentation_worker.formats.registry import CONVENTIONS, format_of  # noqa: E402
from augmentation_worker.settings import Settings  # noqa: E402
from augmentation_worker.storage.folder.output import FolderOutput, staging_of  # noqa: E402
from augmentation_worker.storage.port import StorageContext, StoredFile  # noqa: E402
from augmentation_worker.storage.registry import JobStorage  # noqa: E402
from augmentation_worker.work import Work  # noqa: E402

SHARDS_VARIABLE = "STAND_IN_SHARDS"
_HOLLOW_BYTES = 2**20
"""Videos at least as large are linked, not copied."""


class Silent:
    """Takes events and keeps none."""

    def event(self, status: str, message: str, *, data: Mapping[str, str] | None = None) -> None:
        """Take one."""


def plan_shard(settings: Settings) -> None:
    """What a shard does before its first episode is decoded."""
    job = LocalJob(_folder(settings)).read()
    context = StorageContext(job, os.environ, settings.scratch, CONVENTIONS, lambda _number, _problem: None)
    storage = JobStorage(context)
    source, shards = storage.open_source(), settings.shard_count or 1
    work = Work(settings.job_uid, job.spec, source, storage.open_output(), settings.scratch, Silent())
    shard = format_of(source).plan(work, shards).outline.shards[shards // 2]
    if not shard.units:
        raise ValueError("the shard has nothing to make")


def _print_what_it_took() -> None:
    """As a line of JSON: seconds, and the largest resident set since the program began."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    mebibytes = int(status["VmHWM"].split()[0]) / 1024
    print(json.dumps({"s": time.monotonic() - _BEGIN, "processor s": time.process_time(), "MiB": mebibytes}))


def augment(settings: Settings) -> None:
    """Make some shards."""
    from augmentation_worker.run import run_phase  # noqa: PLC0415 (with what follows it imports torch)

    _replace_what_makes_pixels()
    folder = _folder(settings)
    job, manifests = LocalJob(folder), LocalManifests(folder / "manifests")
    for shard in map(int, os.environ[SHARDS_VARIABLE].split(",")):
        of_shard = settings.model_copy(update={"shard_index": shard})
        run_phase(PhaseName.AUGMENT, of_shard, os.environ, job, manifests, status_interval=0.2)


def _folder(settings: Settings) -> Path:
    if settings.local_job is None:
        raise ValueError("there is no local job in the environment")
    return settings.local_job


def _replace_what_makes_pixels() -> None:
    from augmentation_worker.formats.lerobot.copy_record import pipelines_of  # noqa: PLC0415
    from augmentation_worker.formats.lerobot.format import LeRobot  # noqa: PLC0415
    from augmentation_worker.formats.lerobot.plan import PlannedEpisode, PlannedUnit, UnitKind  # noqa: PLC0415
    from augmentation_worker.formats.lerobot.records import (  # noqa: PLC0415
        EpisodeInFile,
        VideoCopyRecord,
        VideoRecord,
        VideosRecord,
    )
    from augmentation_worker.formats.lerobot.shard import EpisodeMaker  # noqa: PLC0415
    from benchmarks.scale_dataset import video  # noqa: PLC0415

    class HollowUnit:
        """The file of a unit, and what would be recorded of it."""

        def __init__(self, maker: Any, unit: PlannedUnit) -> None:
            self._work, self._metadata, self._plan = maker._work, maker._metadata, maker._plan
            self._unit = unit
            self._episodes: list[EpisodeInFile] = []
            self._bytes = self._frames = 0

        def add(self, episode: PlannedEpisode) -> None:
            """Append all copies of an episode."""
            info, stream, length = self._metadata.info, self._unit.stream or "", episode.source.length
            size, frames = self._of_source_file(episode)
            copies = []
            for copy in episode.copies:
                seconds = [float(frame / info.frame_rate) for frame in (self._frames, self._frames + length)]
                self._frames += length
                self._bytes += size * length // frames
                copies.append(
                    VideoCopyRecord(
                        frames=length,
                        pixel_hash=hashlib.sha256(f"{stream} {copy.episode_index}".encode()).hexdigest(),
                        statistics=_statistics(self._metadata.statistics.names[stream], length),
                        parameters=parameters_of(stream, self),
                        from_timestamp=seconds[0],
                        to_timestamp=seconds[1],
                    )
                )
            self._episodes.append(EpisodeInFile(episode=episode.source.index, copies=tuple(copies)))

        def finish(self) -> VideosRecord:
            """Make and store the file."""
            stream, number = self._unit.stream or "", self._unit.number
            if number is None:
                raise ValueError("only files of several episodes are made")
            last = self._plan.source_episodes.indices[-1]
            is_looked_into = self._unit.selected[0] == self._plan.source_episodes.indices[0] or (
                self._unit.selected[-1] == last
            )
            with self._work.new_file("video.mp4") as local:
                if is_looked_into:
                    local.write_bytes(video(self._frames))
                else:
                    local.touch()
                    os.truncate(local, self._bytes)
                stored = self._work.output.put(self._metadata.info.video_file(stream, number), local)
            file = VideoRecord(
                path=stored.path,
                sha256=stored.sha256,
                size=stored.size,
                number=tuple(number),
                episodes=tuple(self._episodes),
            )
            return VideosRecord(stream=stream, files=(file,))

        def _of_source_file(self, episode: PlannedEpisode) -> tuple[int, int]:
            """Bytes and frames of the file of a stream that an episode lies in."""
            stream, episodes = self._unit.stream or "", self._metadata.episodes
            number = episode.source.videos[stream].file
            if (stream, number) not in source_files:
                first, last = episodes.videos[stream].files.ends_of(number)
                size = self._work.source.size(self._metadata.info.video_file(stream, number))
                source_files[stream, number] = size, int(episodes.lengths[first : last + 1].sum())
            return source_files[stream, number]

    source_files: dict[Any, tuple[int, int]] = {}
    parameters: dict[str, dict[str, object]] = {}

    def parameters_of(stream: str, unit: Any) -> dict[str, object]:
        """Of the first copy of the first episode: those of others take as many bytes."""
        if stream not in parameters:
            camera = next(camera for camera in unit._plan.cameras if camera.key == stream)
            episode = unit._unit.episodes[0]
            work = unit._work
            pipeline, *_ = pipelines_of(work.spec.augmentation, unit._metadata, episode, camera, work.source)
            parameters[stream] = dict(pipeline.parameters)
        return parameters[stream]

    @contextmanager
    def opened(maker: Any, unit: PlannedUnit) -> Iterator[HollowUnit]:
        if unit.kind is not UnitKind.VIDEO:
            raise ValueError("only videos of augmented cameras are made")
        yield HollowUnit(maker, unit)

    def add(maker: Any, files: HollowUnit, unit: PlannedUnit, episode: PlannedEpisode, on_frames: Any) -> None:
        files.add(episode)
        on_frames(episode.augmented_frames)

    def put(output: FolderOutput, path: Any, content: Path) -> StoredFile:
        size = content.stat().st_size
        if not path.endswith(".mp4") or size < _HOLLOW_BYTES:
            return whole_put(output, path, content)
        target = staging_of(output.folder, output._job_uid) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(content.resolve(), target)
        return StoredFile(path, hashlib.sha256(path.encode()).hexdigest(), size)

    whole_put: Callable[[FolderOutput, Any, Path], StoredFile] = FolderOutput.put
    plans: list[Any] = []
    whole_plan = LeRobot.plan

    def plan_once(dataset_format: Any, work: Work, shard_count: int) -> Any:
        if not plans:
            plans.append(whole_plan(dataset_format, work, shard_count))
        return plans[0]

    FolderOutput.put = put  # type: ignore[method-assign,assignment]
    LeRobot.plan = plan_once  # type: ignore[method-assign,assignment]
    EpisodeMaker._opened = opened  # type: ignore[method-assign,assignment]
    EpisodeMaker._add = add  # type: ignore[method-assign,assignment]


def _statistics(names: Any, length: int) -> dict[str, list[float]]:
    return {name: [float(length)] if name == "count" else [0.123456789, 0.234567891, 0.345678912] for name in names}


def main() -> None:
    name = sys.argv[1]
    if name == "augment":
        augment(Settings.from_environment(os.environ))
        return
    if name == "plan":
        plan_shard(Settings.from_environment(os.environ))
    else:
        code = worker([name])
        if code:
            sys.exit(code)
    _print_what_it_took()


if __name__ == "__main__":
    main()
