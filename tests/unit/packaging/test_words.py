"""The field's words: contract, programs, docs and chart use none of the private ones that they once replaced."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLACES = ("api", "kube", "client", "operator", "worker", "gateway", "deploy", "docs", "*.md", "Makefile")
INSTEAD = {
    r"passing (reason|failure|trouble)|is_passing|PASSING_STATUSES": "transient failure",
    r"look(s|ed|ing)? again after|look_again": "requeue after",
    r"\bcome to rest\b|\bcame to rest\b": "finished, terminal",
    r"\bheld against\b": "compared with, checked against",
    r"\b(is|are|was|were) told of\b": "reports, is notified of",
    r"\bfail(s|ed)? of\b": "failed because of, failed with",
    r"\bout of touch\b|\bAPI is away\b|\bserver is away\b": "watch disconnected; the API server is unavailable",
    r"\bleads no more\b": "lost the leader lease",
    r"\bspeechless\b|NEEDS_SOMEBODY|needs somebody": "stuck without a reason; requires user action",
    r"_what_something_rests_on|what something rests on": "critical fields",
    r"\banew\b": "recomputed, retried, reread",
    r"story in one line": "human-readable summary of the current state",
    r"made-up li(fe|ves)|\bold-sighted\b": "generated scenario; acting on stale state",
    r"gateway made a mistake|could be made as it is|Kubernetes refuses what": "see the glossary",
    r"\bgraphics card\b|\bon_card\b|\bby_card\b": "hardware encoder, GPU",
    r"\b(?-i:Draws)\b|draw_pipeline|drawn_pipeline": "KeyedRandom, sampled parameters",
    r"\bin other lights?\b": "lighting",
    r"\bladder\b|\brungs\b|\bof a rung\b|\bthis rung\b|\bnext rung\b": "placements, fall back to the next placement",
    r"\bso many .{1,30} at once\b": "at most N concurrent",
    r"\bfirst come, first served\b": "FIFO",
    r"\bpatience\b|\bpatiently\b": "retry budget",
    r"NothingKept|PASSED_OVER|\bpassed over\b": "NullDiffBaseStorage, MAX_CONSECUTIVE_HIGH_PRIORITY",
    r"See (Output|Source)Dataset\b": "@override and no docstring",
}


@pytest.mark.parametrize("pattern", INSTEAD, ids=lambda pattern: pattern.split("|")[0])
def test_private_word_is_replaced(pattern: str) -> None:
    command = ["git", "grep", "-nIiP", pattern, "--", *PLACES]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    assert not lines, f"write: {INSTEAD[pattern]}\n" + "\n".join(lines)


def test_no_module_is_named_by_a_gerund() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = {Path(line).stem.removeprefix("test_") for line in listed.splitlines()}
    nouns = {"encoding", "lighting", "locking", "sharding", "tracing"}
    assert {name for name in names if re.fullmatch(r"[a-z]+ing", name)} <= nouns
