"""What pods, nodes and the scheduler say is quoted: on one line, bounded, and without what looks like a credential."""

import json
import logging

import pytest

from augmentation_api import FailureReason
from augmentation_api.status import TEXT_LIMIT
from augmentation_kube.json_logs import JsonFormatter
from augmentation_operator.reconcile.kubernetes_events import kubernetes_events
from tests.unit.operator.simulated_cluster import AUGMENT, RESOLVE, SimulatedCluster

KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----"
BEARER = "Zq7RvX2mWc9TjLp4Kd6Bn8Gs3Yh5Fb1"
HOSTILE = f"\x1b]0;owned\x07\n2026-01-01 INFO forged\u202e {KEY} Authorization: Bearer {BEARER} {'x' * 9000}"
HIDDEN = ("\x1b", "\x07", "\u202e", "MIIEvQIB", BEARER[:8], BEARER[-8:])


def said_by(cluster: SimulatedCluster) -> list[str]:
    """All texts of the operator's own in the status, and the Events that they make."""
    status = cluster.status
    texts = [status.message or "", *(condition.message for condition in status.conditions)]
    for phase in status.phases:
        texts += [phase.error or "", *((event.error or "") + (event.message or "") for event in phase.events)]
    before = status.model_copy(update={"phases": [], "conditions": []})
    return texts + [event.manifest(cluster.job, "now")["message"] for event in kubernetes_events(before, status)]


def is_quoted_safely(texts: list[str]) -> bool:
    assert any("forged" in text for text in texts), "it is not quoted at all"
    for text in texts:
        assert len(text) <= TEXT_LIMIT
        assert text.isprintable()
        assert not [hidden for hidden in HIDDEN if hidden in text]
    return True


@pytest.mark.parametrize("own_words", [True, False])
def test_the_last_words_of_a_pod(own_words: bool) -> None:
    cluster = SimulatedCluster(backoffLimitPerShard=0)
    cluster.settle()
    cluster.start_pod(RESOLVE)
    if own_words:
        cluster.fail_pod(RESOLVE, failure=FailureReason.SOURCE_INVALID, message=HOSTILE[:3000])
    else:
        cluster.fail_pod(RESOLVE, message=HOSTILE[:200] + "\nforged at the end")
    cluster.settle()
    assert is_quoted_safely(said_by(cluster))


@pytest.mark.parametrize("problem", ["ErrImagePull", "CreateContainerConfigError"])
def test_why_a_container_waits(problem: str) -> None:
    cluster = SimulatedCluster()
    cluster.reach(AUGMENT)
    cluster.wait_in_container(AUGMENT, problem, HOSTILE)
    cluster.settle()
    assert is_quoted_safely(said_by(cluster))


def test_a_line_of_the_log_has_no_credential_in_it() -> None:
    record = logging.LogRecord(
        "kopf", logging.ERROR, "", 0, "failed: %r", ({"Authorization": f"Bearer {BEARER}"},), None
    )
    record.fields = {"url": f"https://user:{BEARER}@api.example/a?token={BEARER}"}
    line = JsonFormatter().format(record)
    assert json.loads(line)["url"] == "https://***@api.example/a?***"
    assert BEARER[:8] not in line
