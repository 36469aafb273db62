"""Hostile datasets fail with a specific message, within bounds of memory and time, and publish nothing."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.hostile.generate import HOSTILE
from tests.integration.worker.hostile_run import FORTY_MILLION_ROWS

ROOT = Path(__file__).parents[3]
MOST_SECONDS = 60.0


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """Outcome of each dataset by name."""
    command = [sys.executable, "-m", "tests.integration.worker.hostile_run", str(tmp_path_factory.mktemp("hostile"))]
    done = subprocess.run(
        [*command, *HOSTILE, FORTY_MILLION_ROWS], cwd=ROOT, capture_output=True, text=True, check=True, timeout=850
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


def test_rows_without_images_use_no_memory_in_resolve(outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    outcome = outcomes[FORTY_MILLION_ROWS]
    assert outcome["message"] is None
    assert outcome["rows"] == 40_000_016
    assert outcome["bytes"] < 300 * 2**20, outcome
    assert outcome["seconds"] < MOST_SECONDS, outcome
