"""Kueue on the dev cluster: what its own chart is told."""

import json

from devcluster.kueue import chart_values


def test_the_image_is_the_one_that_was_pushed() -> None:
    image = chart_values("registry.example:15000", "abc")["controllerManager"]["manager"]["image"]
    assert image == {"repository": "registry.example:15000/kueue", "tag": "abc", "pullPolicy": "IfNotPresent"}


def test_only_batch_jobs_pass_through_its_webhooks() -> None:
    configuration = json.loads(chart_values("r", "t")["managerConfig"]["controllerManagerConfigYaml"])
    assert configuration["integrations"]["frameworks"] == ["batch/job"]
