"""Hostile datasets end with a specific message, or do no harm, within bounds of memory and time."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.hostile.generate import CAMERA, HARMLESS, HOSTILE, MOST_BYTES
from tests.integration.worker.datasets import check_times, episodes, info
from tests.integration.worker.hostile_run import FORTY_MILLION_ROWS

ROOT = Path(__file__).parents[3]
MOST_SECONDS = 60.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """Outcome of each dataset by name."""
    command = [sys.executable, "-m", "tests.integration.worker.hostile_run", str(tmp_path_factory.mktemp("hostile"))]
    done = subprocess.run(
        [*command, *HOSTILE, *HARMLESS, FORTY_MILLION_ROWS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=850,
    )
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {outcome["name"]: outcome for outcome in found}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_dataset_is_rejected_with_specific_message(
    name: str, outcomes: Mapping[str, Mapping[str, Any]]
) -> None:
    hostile, outcome = HOSTILE[name], outcomes[name]
    assert outcome["message"], "it went through"
    assert all(word in outcome["message"] for word in hostile.words), outcome["message"]
    assert outcome["reason"] in ("SourceInvalid", "SourceFormatUnsupported"), outcome
    assert outcome["phase"] == hostile.phase, outcome
    assert outcome["message"].isprintable()
    assert not outcome["published"]
    assert outcome["bytes"] < hostile.most_bytes, outcome
    assert outcome["seconds"] < MOST_SECONDS, outcome


@pytest.mark.parametrize("name", HARMLESS)
def test_what_files_say_better_than_metadata_does_no_harm(name: str, outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    outcome = outcomes[name]
    assert outcome["message"] is None, outcome
    assert outcome["bytes"] < MOST_BYTES, outcome
    assert outcome["seconds"] < MOST_SECONDS, outcome
    result = Path(outcome["published"])
    table, features = episodes(result), info(result)["features"]
    assert isinstance(features, dict)
    assert features[CAMERA]["shape"] == [224, 224, 3]
    assert table.column("data/chunk_index").to_pylist() == [0] * 12
    assert table.column("data/file_index").to_pylist() == [0] * 6 + [1] * 6
    check_times(result, table)


def test_rows_without_images_use_no_memory_in_resolve(outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    outcome = outcomes[FORTY_MILLION_ROWS]
    assert outcome["message"] is None
    assert outcome["rows"] == 40_000_016
    assert outcome["bytes"] < 300 * 2**20, outcome
    assert outcome["seconds"] < MOST_SECONDS, outcome
