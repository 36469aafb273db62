"""What is made again follows a record that may be anybody's: one that is none is said so."""

import json
from pathlib import Path

import pytest

from augmentation_api import FailureReason
from augmentation_api.vocabulary import Calibration
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.reproduce import recorded_in

HEAD = '{"augmentation": {"transforms": ["lighting"]}, "mode": "copy", "video": {}, "episodes": '


@pytest.mark.parametrize(
    "content",
    [
        "[1]",
        "[" * 100_000,
        "nothing",
        HEAD + "5}",
        HEAD + "[7]}",
        HEAD + '[{"episodeIndex": 0, "cameras": [1]}]}',
        HEAD + '[{"episodeIndex": 0, "cameras": {"top": {}}}]}',
    ],
)
def test_record_without_provenance_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "augmentation.json").write_text(content)
    with pytest.raises(WorkerFailure) as caught:
        recorded_in(tmp_path)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert caught.value.message.startswith(f"{tmp_path}/meta/augmentation.json does not say how a dataset was made")


@pytest.mark.parametrize(("labels", "cameras"), [('"labels": "kept", ', []), ("", ["image", "wrist"])])
def test_record_of_a_version_that_augmented_labels_names_their_columns(
    labels: str, cameras: list[str], tmp_path: Path
) -> None:
    """Without a name, images with palettes are left as they are since then (0043): other pixels than were recorded."""
    head = HEAD.removesuffix('"episodes": ')
    (tmp_path / "augmentation.json").write_text(f'{head}{labels}"columns": ["image", "wrist"], "blocks": []}}')
    augmentation = recorded_in(tmp_path / "augmentation.json").spec.augmentation
    assert augmentation.cameras == cameras
    # Releases before the field moved cameras with calibrations.
    assert augmentation.calibration is Calibration.KEEP


def test_record_of_a_version_that_listed_copies_in_the_document_is_read(tmp_path: Path) -> None:
    copies = [{"episodeIndex": 6, "sourceEpisodeIndex": 0, "copy": 0, "cameras": {"top": {"pixelHash": "ab12"}}}]
    (tmp_path / "augmentation.json").write_text(f"{HEAD}{json.dumps(copies)}}}")
    assert recorded_in(tmp_path / "augmentation.json").hashes == {("episode 6", "top"): "ab12"}


def test_record_whose_table_of_copies_is_elsewhere_is_said_so(tmp_path: Path) -> None:
    head = HEAD.removesuffix('"episodes": ')
    (tmp_path / "augmentation.json").write_text(f'{head}"copies": "meta/augmentation.parquet"}}')
    with pytest.raises(WorkerFailure, match=r"augmentation\.parquet, which is not beside it") as caught:
        recorded_in(tmp_path / "augmentation.json")
    assert caught.value.reason is FailureReason.SOURCE_INVALID
