"""Links to the result of a job."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.unit.gateway.conftest import PATH, put
from tests.unit.gateway.job_objects import JOB_ID, job_object, listing

OUTPUT = {"datasetID": "me/result", "revision": "abc123", "episodes": 24, "frames": 1368}
CLASS: dict[str, Any] = {
    "metadata": {"name": "cpu", "uid": "c", "resourceVersion": "5"},
    "spec": {
        "type": "deterministic",
        "default": True,
        "hub": {"endpoint": "http://hub.svc", "publicEndpoint": "https://hub.example/"},
    },
}
PAGE = "https://hub.example/datasets/me/result"
PICTURE = f"{PAGE}/resolve/abc123/meta/augmentation.png"


@pytest.fixture(autouse=True)
def hub(view: ClusterView) -> None:
    """A class whose hub has different addresses for users and pods."""
    view.classes.replace(listing(CLASS, version=5))


def completed(view: ClusterView, **output: Any) -> None:
    put(view, job_object(version=300, status={"state": "completed", "output": {**OUTPUT, **output}}))


@pytest.mark.parametrize(
    "url", ["https://evil.example/x", "https://hub.example@evil.example", "javascript:alert(1)", PAGE]
)
async def test_address_written_by_worker_is_neither_shown_nor_followed(
    http: httpx.AsyncClient, view: ClusterView, url: str
) -> None:
    completed(view, url=url)
    paths = (
        PATH,
        f"{PATH}/outputs",
        f"{PATH}/resource",
        f"/v0.5/batch/jobs/{JOB_ID}",
        f"/v0.5/batch/jobs/{JOB_ID}/outputs",
    )
    for path in (*paths, f"/jobs/{JOB_ID}", "/v1/augmentation", f"{PATH}/events"):
        text = (await http.get(path)).text
        assert "evil.example" not in text
        assert "javascript" not in text
    if not url.startswith("https://"):  # which the API server refuses, and nobody reads
        return
    assert (await http.get(PATH)).json()["output"]["url"] == PAGE
    assert (await http.get(f"{PATH}/resource")).json()["status"]["output"]["url"] == PAGE
    assert (await http.get(f"{PATH}/preview")).headers["location"] == PICTURE


@pytest.mark.parametrize("dataset", ["../../evil", "a/b/../../c", "//evil.example/x", "me", "a/b?c", "", None])
async def test_invalid_dataset_id_has_no_links(http: httpx.AsyncClient, view: ClusterView, dataset: str | None) -> None:
    completed(view, url=PAGE, datasetID=dataset)
    assert (await http.get(PATH)).json()["output"]["url"] is None
    assert "url" not in (await http.get(f"{PATH}/resource")).json()["status"]["output"]
    assert {file["url"] for file in (await http.get(f"{PATH}/outputs")).json()["files"]} == {None}
    assert (await http.get(f"{PATH}/preview")).status_code == 404


async def test_links_follow_class_and_disappear_with_it(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE)
    assert (await http.get(PATH)).json()["output"]["url"] == PAGE
    metadata = {**CLASS["metadata"], "resourceVersion": "6"}
    moved = {"metadata": metadata, "spec": {**CLASS["spec"], "hub": {"endpoint": "https://moved.example"}}}
    view.classes.replace(listing(moved, version=6))
    assert (await http.get(PATH)).json()["output"]["url"] == "https://moved.example/datasets/me/result"
    assert "moved.example" in (await http.get(f"{PATH}/resource")).text
    view.classes.replace(listing(version=7))
    assert (await http.get(PATH)).json()["output"]["url"] is None
    answer = await http.get(f"{PATH}/preview")
    assert answer.status_code == 404
    assert "class that this job ran as is gone" in answer.json()["detail"]


async def test_files_of_result_link_to_its_hub(http: httpx.AsyncClient, view: ClusterView) -> None:
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


async def test_only_known_files_become_links(http: httpx.AsyncClient, view: ClusterView) -> None:
    files = ["README.md", "meta/augmentation.json", "meta/augmentation.png", "../../settings"]
    put(view, job_object(version=300, status={"state": "completed", "output": OUTPUT | {"files": files}}))
    body = (await http.get(f"{PATH}/outputs")).json()
    assert [file["kind"] for file in body["files"]] == ["card", "record", "picture"]


async def test_preview_redirects_to_hub(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE + "/")
    answer = await http.get(f"{PATH}/preview")
    assert (answer.status_code, answer.headers["location"]) == (302, PICTURE)


async def test_revision_cannot_change_link_target(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=PAGE, revision="../../x?y")
    assert (await http.get(f"{PATH}/preview")).status_code == 404


async def test_output_is_hidden_until_job_is_completed(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={"state": "running", "output": OUTPUT}))
    assert (await http.get(f"{PATH}/preview")).status_code == 404
    assert (await http.get(f"{PATH}/outputs")).json()["files"] == []
    output = (await http.get(PATH)).json()["output"]
    assert (output["dataset_id"], output["revision"], output["frames"]) == ("me/result", None, None)


async def test_result_on_volume_has_no_links(http: httpx.AsyncClient, view: ClusterView) -> None:
    completed(view, url=None)
    assert {file["url"] for file in (await http.get(f"{PATH}/outputs")).json()["files"]} == {None}
    answer = await http.get(f"{PATH}/preview")
    assert answer.status_code == 404
    assert "on a volume" in answer.json()["detail"]


async def test_unpublished_job_has_no_outputs(http: httpx.AsyncClient, view: ClusterView) -> None:
    put(view, job_object(version=300, status={"state": "running", "output": {"datasetID": "me/result"}}))
    assert (await http.get(f"{PATH}/outputs")).json() == {"job_id": JOB_ID, "output": None, "files": []}
    answer = await http.get(f"{PATH}/preview")
    assert answer.status_code == 404
    assert "no preview yet" in answer.json()["detail"]


@pytest.mark.parametrize("what", ["outputs", "preview", "events"])
@pytest.mark.parametrize(("key", "status"), [("other-project", 404), ("other-namespace", 404), ("writer", 403)])
async def test_outputs_require_read_right(http: httpx.AsyncClient, what: str, key: str, status: int) -> None:
    assert (await http.get(f"{PATH}/{what}", headers={"x-api-key": key})).status_code == status
