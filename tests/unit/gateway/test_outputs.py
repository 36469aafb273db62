"""What a job published, as links."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from augmentation_gateway.cluster_view import ClusterView
from tests.unit.gateway.conftest import PATH, put
from tests.unit.gateway.job_objects import JOB_ID, job_object

OUTPUT = {"datasetID": "me/result", "revision": "abc123", "episodes": 24, "frames": 1368}
PAGE = "https://hub.example/datasets/me/result"
PICTURE = f"{PAGE}/resolve/abc123/meta/augmentation.png"


def completed(view: ClusterView, **output: Any) -> None:
    put(view, job_object(version=300, status={"state": "completed", "output": {**OUTPUT, **output}}))


async def test_the_files_of_a_result_are_links_to_its_hub(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE)
    body = (await http.get(f"{PATH}/outputs")).json()
    assert body["job_id"] == JOB_ID
    assert body["output"] == {
        "dataset_id": "me/result",
        "revision": "abc123",
        "episodes": 24,
        "frames": 1368,
        "url": PAGE,
    }
    assert [file["kind"] for file in body["files"]] == ["card", "info", "record", "picture"]
    assert body["files"][-1] == {
        "path": "meta/augmentation.png",
        "kind": "picture",
        "media_type": "image/png",
        "url": PICTURE,
    }


async def test_an_image_dataset_has_no_metadata_of_lerobots(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={"state": "completed", "output": OUTPUT, "source": {"blocks": 4}}))
    body = (await http.get(f"{PATH}/outputs")).json()
    assert [file["kind"] for file in body["files"]] == ["card", "record", "picture"]


async def test_the_preview_leads_to_the_picture_on_the_hub(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE + "/")
    answer = await http.get(f"{PATH}/preview")
    assert (answer.status_code, answer.headers["location"]) == (302, PICTURE)


async def test_a_revision_cannot_lead_elsewhere(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE, revision="../../x?y")
    assert (await http.get(f"{PATH}/preview")).headers["location"] == (
        f"{PAGE}/resolve/..%2F..%2Fx%3Fy/meta/augmentation.png"
    )


@pytest.mark.parametrize("url", [None, "javascript:alert(1)"])
async def test_a_result_without_an_address_has_no_links(
    http: httpx.AsyncClient, view: ClusterView, url: str | None
) -> None:
    completed(view, url=url)
    assert {file["url"] for file in (await http.get(f"{PATH}/outputs")).json()["files"]} == {None}
    answer = await http.get(f"{PATH}/preview")
    assert answer.status_code == 404
    assert "on a volume" in answer.json()["detail"]


async def test_before_anything_is_published_there_is_nothing_to_see(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={"state": "running", "output": {"datasetID": "me/result"}}))
    assert (await http.get(f"{PATH}/outputs")).json() == {"job_id": JOB_ID, "output": None, "files": []}
    answer = await http.get(f"{PATH}/preview")
    assert answer.status_code == 404
    assert "no picture yet" in answer.json()["detail"]


@pytest.mark.parametrize("what", ["outputs", "preview", "events"])
@pytest.mark.parametrize(("key", "status"), [("other-project", 404), ("other-namespace", 404), ("writer", 403)])
async def test_who_may_look(http: httpx.AsyncClient, what: str, key: str, status: int) -> None:
    assert (await http.get(f"{PATH}/{what}", headers={"x-api-key": key})).status_code == status
