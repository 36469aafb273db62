import numpy as np
import pytest

from augmentation_api import Augmentation
from augmentation_worker.formats.lerobot.planner import make_plan
from augmentation_worker.formats.lerobot.video_check import MOST_FILES, chosen_files
from tests.unit.worker.formats.lerobot.samples import episode_rows, job, metadata_of


@pytest.mark.parametrize("count", [1, 2, 31, 64, 65, 200, 513])
@pytest.mark.parametrize("per_file", [1, 3])
def test_headers_are_read_of_files_that_are_evenly_spread_over_all_cameras(count: int, per_file: int) -> None:
    metadata = metadata_of(episode_rows([2] * count, episodes_per_file=per_file))
    plan = make_plan(metadata, job(Augmentation(episodes=f"{count // 3}:{count}")), 1)
    of_files: dict[tuple[str, int], list[int]] = {}
    for camera in plan.video_cameras:
        for episode in plan.source_episodes:
            of_files.setdefault((camera.key, episode.videos[camera.key].file.file), []).append(episode.index)
    wanted = list(of_files.items())[:: -(-len(of_files) // MOST_FILES)]
    chosen = [
        ((camera.key, episodes[0].videos[camera.key].file.file), episodes.indices.tolist())
        for camera, episodes in chosen_files(plan, plan.video_cameras)
    ]
    assert chosen == wanted
    assert len(chosen) <= MOST_FILES


def test_files_out_of_order_are_found_by_their_numbers() -> None:
    columns = episode_rows([2] * 4, episodes_per_file=1)
    for name in [name for name in columns if name.startswith("videos/") and name.endswith("file_index")]:
        columns[name] = [7, 3, 7, 3]
    plan = make_plan(metadata_of(columns), job(Augmentation()), 1)
    chosen = [episodes.indices for _, episodes in chosen_files(plan, plan.video_cameras[:1])]
    assert np.array_equal(chosen, [[0, 2], [1, 3]])
