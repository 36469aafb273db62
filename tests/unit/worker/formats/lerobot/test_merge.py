import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.lerobot.augmentation_columns import COLUMNS
from augmentation_worker.formats.lerobot.card import write_card
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.dataset_statistics import EpisodeStatistics, ResultFrames, stats_json
from augmentation_worker.formats.lerobot.episode_columns import read_episodes
from augmentation_worker.formats.lerobot.episode_tables import EpisodeTables
from augmentation_worker.formats.lerobot.format_version import FileNumber
from augmentation_worker.formats.lerobot.integrity import checked_records
from augmentation_worker.formats.lerobot.merge import Merge, Part, versions_of
from augmentation_worker.formats.lerobot.metadata import DatasetMetadata
from augmentation_worker.formats.lerobot.plan import EpisodePlan
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.provenance import write_provenance
from augmentation_worker.formats.lerobot.records import (
    DATA_KEY,
    DataRecord,
    EpisodeInFile,
    EpisodeRecords,
    RowsFileRecord,
    VideoCopyRecord,
    VideoRecord,
    VideosRecord,
)
from augmentation_worker.formats.lerobot.result_check import ResultCheck
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.storage.provenance import job_of
from tests.unit.worker.formats.lerobot.samples import FIXTURE, fixture_metadata, fixture_table

CAMERA = "observation.image"
SHA = "ab" * 32
SPEC = AugmentationJobSpec.model_validate({"source": {"hub": {"repoID": "lab/pusht"}}, "augmentation": {"copies": 2}})


def statistics(level: float) -> dict[str, list[float]]:
    names = ("min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99")
    return {**{name: [level, level / 2, level / 4] for name in names}, "count": [50.0]}


def records_of(metadata: DatasetMetadata, plan: EpisodePlan) -> list[ShardRecords]:
    """What shards record that do everything right."""
    made = []
    for shard in plan.shards:
        units: dict[str, UnitRecord] = {}
        for unit in shard.units:
            first, entries = 0, []
            for episode in unit.episodes:
                copies = []
                for copy in episode.copies:
                    begin, first = first, first + episode.source.length
                    copies.append(
                        VideoCopyRecord(
                            from_timestamp=begin / metadata.info.fps,
                            to_timestamp=first / metadata.info.fps,
                            frames=episode.source.length,
                            pixel_hash=SHA,
                            statistics=statistics(0.5 + copy.copy / 8),
                            parameters={"lighting": {"brightness_percent": 3.5}},
                        )
                    )
                entries.append(EpisodeInFile(episode=episode.source.index, copies=tuple(copies)))
            number = unit.number or FileNumber(0, 0)
            path = metadata.info.video_file(CAMERA, number)
            video = VideoRecord(path=path, sha256=SHA, size=9, number=tuple(number), episodes=tuple(entries))
            units[unit.key] = VideosRecord(stream=CAMERA, files=(video,))
        files = tuple(
            RowsFileRecord(
                path=metadata.info.data_file(number),
                sha256=SHA,
                size=9,
                rows=sum(episode.augmented_frames for episode in shard.in_data_file(number)),
            )
            for number in shard.data_files
        )
        units[DATA_KEY] = DataRecord(files=files)
        made.append(ShardRecords(units))
    return made


def planned(
    shards: int = 2, spec: AugmentationJobSpec = SPEC
) -> tuple[DatasetMetadata, EpisodePlan, list[ShardRecords]]:
    metadata = fixture_metadata()
    plan = make_plan(metadata, spec, shards)
    return metadata, plan, records_of(metadata, plan)


def merged(
    metadata: DatasetMetadata, plan: EpisodePlan, of_shards: list[ShardRecords]
) -> tuple[bytes, list[Part], bytes]:
    rows = SourceRows(metadata, FIXTURE.joinpath)
    tables = EpisodeTables(metadata, FIXTURE.joinpath)
    merge = Merge(metadata, plan, rows.tasks_of, lambda: FileNumber(0, 1))
    versions = list(versions_of(plan, map(EpisodeRecords.of, of_shards)))
    parts = list(merge.parts(tables.parts, versions))
    statistics, frames = EpisodeStatistics(tables.schema), ResultFrames.of(metadata, plan)
    for part in parts:
        statistics.add(part.table)
    for version in versions:
        frames.add(version.record, version.copy.copy)
    info = metadata.info.grown(plan.total_episodes, plan.total_frames, plan.splits, {})
    return info, parts, stats_json(statistics.whole(), metadata.stats_json, frames)


def table_of(parts: list[Part]) -> pa.Table:
    return pa.concat_tables([part.table for part in parts])


def check_result(metadata: DatasetMetadata, plan: EpisodePlan, info: bytes, parts: list[Part], stats: bytes) -> None:
    check = ResultCheck(metadata, plan, fixture_table().schema)
    for part in parts:
        check.add(part)
    check.finish(info, stats)


def test_the_merged_metadata_reads_as_a_sound_dataset() -> None:
    metadata, plan, records = planned()
    info, parts, stats = merged(metadata, plan, records)
    list(checked_records(metadata, plan, records))
    check_result(metadata, plan, info, parts, stats)
    totals = {"total_episodes": 18, "total_frames": 1026}
    episodes = read_episodes(table_of(parts), metadata.info.model_copy(update=totals), "result")
    assert (len(episodes), episodes[-1].to_index) == (18, 1026)


def test_a_row_is_its_sources_but_for_what_differs() -> None:
    metadata, plan, records = planned()
    row = table_of(merged(metadata, plan, records)[1]).slice(6 + 3, 1).to_pylist()[0]  # copy 1 of episode 1
    source = fixture_table().slice(1, 1).to_pylist()[0]
    assert (row["episode_index"], row["dataset_from_index"], row["dataset_to_index"]) == (9, 342 + 194, 342 + 252)
    assert (row[f"videos/{CAMERA}/file_index"], row[f"videos/{CAMERA}/from_timestamp"]) == (1, (2 * 68 + 58) / 10)
    assert row[f"stats/{CAMERA}/mean"] == [[[0.625]], [[0.3125]], [[0.15625]]]
    assert row[f"stats/{CAMERA}/count"] == [50]
    assert row["stats/episode_index/mean"] == [9.0]
    assert row["stats/index/min"] == [342.0 + 194]
    assert row["stats/index/std"] == source["stats/index/std"]
    changed = (
        "episode_index",
        "dataset_",
        "data/",
        "videos/",
        f"stats/{CAMERA}",
        "stats/index",
        "stats/episode",
        "meta/",
        "augmentation/",
    )
    for name, value in row.items():
        if not name.startswith(changed):
            assert value == source[name], name


def test_in_place_row_changes_for_the_augmented_camera_only() -> None:
    spec = AugmentationJobSpec.model_validate(
        {"source": {"hub": {"repoID": "lab/pusht"}}, "output": {"mode": "inPlace"}, "augmentation": {"episodes": "1,4"}}
    )
    metadata, plan, records = planned(2, spec)
    info, parts, stats = merged(metadata, plan, records)
    list(checked_records(metadata, plan, records))
    check_result(metadata, plan, info, parts, stats)
    (part,) = parts
    table = part.table
    assert [row["augmentation/is_augmented"] for row in table.to_pylist()] == [False, True, False, False, True, False]
    before, after = fixture_table().to_pylist(), table.drop_columns(COLUMNS.names).to_pylist()
    changed = [index for index, (row, now) in enumerate(zip(before, after, strict=True)) if row != now]
    assert changed == [1, 4]
    names = {name for name, value in after[4].items() if value != before[4][name]}
    assert all(name.startswith((f"videos/{CAMERA}/", f"stats/{CAMERA}/")) for name in names)
    assert (after[4][f"videos/{CAMERA}/file_index"], after[4][f"videos/{CAMERA}/from_timestamp"]) == (2, 0.0)
    elsewhere = table.set_column(0, table.schema.field(0), pa.array([9, 1, 2, 3, 4, 5], table.schema.field(0).type))
    with pytest.raises(WorkerFailure, match="nothing was published"):
        check_result(metadata, plan, info, [replace(part, table=elsewhere)], stats)


def test_statistics_of_the_whole_count_originals_and_copies() -> None:
    metadata, plan, records = planned()
    stats = json.loads(merged(metadata, plan, records)[2])
    assert stats["index"]["count"] == [1026]
    assert (stats["index"]["min"], stats["index"]["max"]) == ([0.0], [1025.0])
    assert stats["index"]["mean"] == pytest.approx([np.arange(1026).mean()])
    assert stats["index"]["std"] == pytest.approx([np.arange(1026).std()])
    assert stats["action"]["mean"] == pytest.approx(json.loads(metadata.stats_json or b"")["action"]["mean"])


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"frames": 67}, "67 frames"),
        ({"from_timestamp": 0.1}, "off its place"),
        ({"statistics": {**statistics(0.5), "mean": [float("nan"), 0.0, 0.0]}}, "not finite"),
    ],
)
def test_a_wrong_record_fails_the_integrity_check(change: dict[str, object], finding: str) -> None:
    metadata, plan, records = planned()
    key = plan.shards[0].units[0].key
    unit = records[0].units[key]
    assert isinstance(unit, VideosRecord)
    (video,) = unit.files
    entry = video.episodes[0]
    copies = (entry.copies[0].model_copy(update=change), *entry.copies[1:])
    episodes = (entry.model_copy(update={"copies": copies}), *video.episodes[1:])
    wrong = unit.model_copy(update={"files": (video.model_copy(update={"episodes": episodes}),)})
    records[0] = ShardRecords({**records[0].units, key: wrong})
    with pytest.raises(WorkerFailure, match=finding) as caught:
        list(checked_records(metadata, plan, records))
    assert caught.value.reason is FailureReason.INTEGRITY_CHECK_FAILED


def test_a_result_whose_rows_were_tampered_with_fails_the_integrity_check() -> None:
    metadata, plan, records = planned()
    info, parts, stats = merged(metadata, plan, records)
    originals, added = parts
    table = added.table
    position = table.schema.get_field_index("dataset_to_index")
    values = table.column(position).to_pylist()
    values[-1] += 1
    broken = table.set_column(position, table.schema.field(position), pa.array(values))
    with pytest.raises(WorkerFailure, match="nothing was published"):
        check_result(metadata, plan, info, [originals, replace(added, table=broken)], stats)
    nan = stats.replace(b'"mean": [', b'"mean": [NaN, ', 1)
    with pytest.raises(WorkerFailure, match="not numbers"):
        check_result(metadata, plan, info, parts, nan)


def test_provenance_says_who_made_it_from_what() -> None:
    _, plan, _ = planned()
    encoders = {CAMERA: {"libx264", "h264_nvenc"}}
    content = write_provenance("some-uid", SPEC, {"repoID": "lab/pusht", "revision": "1" * 40}, plan, encoders)
    document = json.loads(content)
    assert document["source"] == {"repoID": "lab/pusht", "revision": "1" * 40}
    assert (document["originalEpisodes"], document["copies"]) == (6, "meta/augmentation.parquet")
    assert document["encoders"] == {CAMERA: ["h264_nvenc", "libx264"]}
    assert job_of(content) == "some-uid"
    assert job_of(b"{}") is None
    assert job_of(b"no json") is None
    assert job_of(None) is None


def test_the_card_keeps_the_sources_license_and_text_and_replaces_its_own_section() -> None:
    metadata, plan, _ = planned()
    first = write_card(SPEC, metadata, plan, b"---\nlicense: mit\n---\n# PushT\n\nRecorded by us.\n").decode()
    assert first.startswith("---\nlicense: mit\n---\n")
    assert "18 (6 original, 12 augmented)" in first
    assert first.rstrip().endswith("# PushT\n\nRecorded by us.")
    assert write_card(SPEC, metadata, plan, first.encode()).decode() == first
    assert "task_categories" in write_card(SPEC, metadata, plan, None).decode()
