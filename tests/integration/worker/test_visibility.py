"""A result is readable only by readers of its source, unless the job overrides it; checked on a real hub."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from tests.integration.worker.conftest import FIXTURES, Hub
from tests.integration.worker.jobs import LocalRun, spec_of

PUBLISHED_FILE = "meta/info.json"
_numbers = count()
Submit = Callable[..., LocalRun]


@pytest.fixture
def names(hub: Hub) -> Iterator[tuple[str, str]]:
    """A public source on the hub and a name for the result."""
    number = next(_numbers)
    source, result = f"lab/of-few-{number}", f"lab/from-few-{number}"
    hub.publish(source, FIXTURES / "pusht_v30")
    yield source, result
    for name in (source, result):
        hub.api.delete_repo(name, repo_type="dataset", missing_ok=True)


def show(hub: Hub, name: str, *, private: bool, gated: Any = False) -> None:
    hub.api.update_repo_settings(name, repo_type="dataset", private=private, gated=gated)


def anonymously(hub: Hub, name: str) -> int:
    """HTTP status of a file of the dataset without a token."""
    address = f"{hub.endpoint}/datasets/{name}/resolve/main/{PUBLISHED_FILE}"
    return httpx2.get(address, follow_redirects=True).status_code


def job(source: str, result: str | None, **hub_output: Any) -> dict[str, Any]:
    output = {"repoID": result} if result is not None else {}
    return spec_of(source, episodes="0") | {"output": {"hub": {**output, **hub_output}}}


def opened_events(run: LocalRun, phase: PhaseName) -> list[str]:
    return [event.message or "" for event in run.job.status.phase(phase).events if event.status == "opened"]


def refusal(run: LocalRun, phase: PhaseName, **where: Any) -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught:
        run.run(phase, **where)
    assert caught.value.reason is FailureReason.OUTPUT_CONFLICT
    return caught.value


def test_result_of_private_dataset_is_private(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, result = names
    show(hub, source, private=True)
    run = submit(job(source, result))
    run.run(PhaseName.RESOLVE)
    assert hub.api.dataset_info(result).private is True, "before anything is uploaded"
    run.run_shards(1)
    run.run(PhaseName.PUBLISH, shards=1)
    assert (anonymously(hub, source), anonymously(hub, result)) == (401, 401)
    assert hub.head(result) == run.job.status.output.revision  # type: ignore[union-attr]
    assert opened_events(run, PhaseName.RESOLVE) == []


@pytest.mark.parametrize("gated", ["auto", "manual"])
def test_result_of_gated_dataset_is_private(hub: Hub, submit: Submit, names: tuple[str, str], gated: str) -> None:
    source, result = names
    show(hub, source, private=False, gated=gated)
    submit(job(source, result)).run(PhaseName.RESOLVE)
    assert hub.api.dataset_info(result).private is True


def test_result_of_public_dataset_is_public(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, result = names
    run = submit(job(source, result))
    run.run_all()
    assert anonymously(hub, result) == 200
    assert opened_events(run, PhaseName.PUBLISH) == [], "nothing was opened: the source is public too"


def test_result_of_folder_is_private(hub: Hub, submit: Submit, names: tuple[str, str], tmp_path: Path) -> None:
    _, result = names
    folder = Path(shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "volume"))
    submit(job("unused/unused", result)).with_settings(source_folder=folder).run(PhaseName.RESOLVE)
    assert hub.api.dataset_info(result).private is True


def test_private_source_becomes_public_on_request_with_event(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, result = names
    show(hub, source, private=True)
    run = submit(job(source, result, private=False))
    run.run_all()
    assert (anonymously(hub, source), anonymously(hub, result)) == (401, 200)
    sentence = (
        f"The source {source} is private; its result {result} is public, because spec.output.hub.private is false"
    )
    assert opened_events(run, PhaseName.RESOLVE) == [sentence]
    assert opened_events(run, PhaseName.PUBLISH) == [sentence]


def test_private_source_is_not_published_to_public_dataset(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, result = names
    show(hub, source, private=True)
    hub.api.create_repo(result, repo_type="dataset", private=False)
    before = hub.head(result)
    failure = refusal(submit(job(source, result)), PhaseName.RESOLVE)
    for words in (result, "public", "source is private", "spec.output.hub.private", "spec.output.hub.repoID"):
        assert words in failure.message
    assert hub.head(result) == before
    submit(job(source, result, private=False)).run(PhaseName.RESOLVE)


def test_private_output_is_not_published_to_public_dataset(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, result = names
    hub.api.create_repo(result, repo_type="dataset", private=False)
    assert (
        "spec.output.hub.private is true"
        in refusal(submit(job(source, result, private=True)), PhaseName.RESOLVE).message
    )


def test_in_place_result_keeps_visibility(hub: Hub, submit: Submit, names: tuple[str, str]) -> None:
    source, _ = names
    show(hub, source, private=True)
    submit(job(source, source)).run_all()
    assert anonymously(hub, source) == 401


@pytest.mark.parametrize("change", ["source is hidden", "result is shown"])
def test_visibility_change_during_job_is_noticed_before_publish(
    hub: Hub, submit: Submit, names: tuple[str, str], change: str
) -> None:
    source, result = names
    show(hub, source, private=change == "result is shown")
    run = submit(job(source, result))
    run.run(PhaseName.RESOLVE)
    run.run_shards(1)
    before = hub.head(result)
    if change == "source is hidden":
        show(hub, source, private=True)
    else:
        show(hub, result, private=False)
    failure = refusal(run, PhaseName.PUBLISH, shards=1)
    assert "spec.output.hub.private" in failure.message
    assert hub.head(result) == before, "nothing was published"
