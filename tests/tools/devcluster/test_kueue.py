"""Kueue on the dev cluster: values of its chart."""

import json

from devcluster.kueue import chart_values


def test_chart_uses_pushed_image() -> None:
    image = chart_values("registry.example:15000", "abc")["controllerManager"]["manager"]["image"]
    assert image == {"repository": "registry.example:15000/kueue", "tag": "abc", "pullPolicy": "IfNotPresent"}


def test_kueue_webhooks_match_batch_jobs_only() -> None:
    configuration = json.loads(chart_values("r", "t")["managerConfig"]["controllerManagerConfigYaml"])
    assert configuration["integrations"]["frameworks"] == ["batch/job"]
