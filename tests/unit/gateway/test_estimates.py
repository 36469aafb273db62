"""Estimates in the answer to a dry run: from what jobs and previews have found, or from what the request says."""

from typing import Any

import httpx
import pytest

from augmentation_gateway.cache.cluster_view import ClusterView
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.gateway.conftest import BODY, put, writes
from tests.unit.gateway.job_objects import JOB_ID, job_object, listing

ASK = "/v1/augmentation?dry_run=true&estimate=true"
STATED = f"{ASK}&source_frames=30000&source_episodes=100&source_height=480&source_width=640"
STREAM = {"cameras": 2, "codec": "av1", "height": 480, "width": 640, "bytesPerFrame": 5000, "preset": "12", "gop": 2}
SOURCE = {
    "repoID": "lerobot/pusht",
    "episodes": 100,
    "frames": 30_000,
    "cameras": ["top", "wrist"],
    "selectedEpisodes": 100,
    "selectedFrames": 30_000,
    "copies": 1,
    "maxShards": 100,
    "splits": [{"name": "train", "episodes": "0:80"}, {"name": "test", "episodes": "80:100"}],
    "streams": [STREAM],
}
FOUR_CORES = {"cpu": "4", "rdma/hca": "1"}
CPU: dict[str, Any] = {
    "metadata": {"name": "cpu", "uid": "c1", "resourceVersion": "5"},
    "spec": {
        "type": "deterministic",
        "default": True,
        "image": "worker",
        "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "4"}},
        "placements": [
            {"name": "spot", "pricePerHour": 0.1},
            {"name": "fast", "relativeSpeed": 2, "resources": {"limits": {**FOUR_CORES, "nvidia.com/gpu": "1"}}},
        ],
    },
}


@pytest.fixture(autouse=True)
def classes(view: ClusterView) -> None:
    view.classes.replace(listing(CPU, version=5))


async def asked(http: httpx.AsyncClient, query: str = ASK, key: str = "", **fields: Any) -> Any:
    headers = {"x-api-key": key} if key else {}
    answer = await http.post(query, json={**BODY, **fields}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def read(view: ClusterView, version: int = 300, **source: Any) -> None:
    """Have a preview that has read the dataset."""
    raw = job_object(
        version=version, spec={"preview": {}}, status={"state": "completed", "source": {**SOURCE, **source}}
    )
    put(view, raw)


async def test_dry_run_alone_estimates_nothing(http: httpx.AsyncClient, view: ClusterView) -> None:
    read(view)
    answer = await asked(http, "/v1/augmentation?dry_run=true")
    assert (answer["estimate"], answer["estimate_missing"]) == (None, None)


async def test_estimate_is_of_what_a_preview_has_read(
    http: httpx.AsyncClient, view: ClusterView, kube: InMemoryKube
) -> None:
    read(view)
    found = (await asked(http, augment_copies=2))["estimate"]
    assert (found["class_name"], found["source_job_id"]) == ("cpu", JOB_ID)
    assert "what a GPU saves has not been measured" in found["note"]
    assert (found["frames"], found["images"], found["shards"]) == (60_000, 120_000, 3)
    assert found["bytes"] == pytest.approx(120_000 * 5000, rel=0.1), "lighting changes no size"
    spot, fast = found["nodes"]
    assert (spot["placement"], spot["cores"], spot["pods"]) == ("spot", 4, 3)
    assert spot["minutes"] < spot["minutes_at_most"]
    assert spot["price"] == pytest.approx(0.1 * spot["pod_hours"], abs=1e-3)
    assert (fast["accelerators"], fast["price"], fast["minutes_at_most"]) == (1, None, None)
    assert fast["minutes"] < spot["minutes"]
    assert writes(kube) == [], "nothing is created for an estimate"


@pytest.mark.parametrize("hour", [0.0001, 1e-6])
async def test_price_of_less_than_a_cent_is_not_rounded_to_nothing(
    http: httpx.AsyncClient, view: ClusterView, hour: float
) -> None:
    placements = [{"name": "cheap", "pricePerHour": hour}]
    metadata = {**CPU["metadata"], "resourceVersion": "6"}
    view.classes.replace(listing({"metadata": metadata, "spec": {**CPU["spec"], "placements": placements}}, version=6))
    (node,) = (await asked(http, STATED))["estimate"]["nodes"]
    assert node["price"] == pytest.approx(hour * node["pod_hours"], rel=0.05)


async def test_other_classes_of_the_type_are_estimated_too(http: httpx.AsyncClient, view: ClusterView) -> None:
    def named(name: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name, "uid": name, "resourceVersion": "6"}
        return {"metadata": metadata, "spec": {**CPU["spec"], "default": False, **spec}}

    twice = named("twice", resources={"limits": {"cpu": "8"}}, placements=[{"name": "any", "pricePerHour": 1}])
    others = [twice, named("model", type="generative"), named("broken", placements=[]), named("again")]
    view.classes.replace(listing(CPU, *others, version=6))
    found = (await asked(http, STATED))["estimate"]
    assert found["class_name"] == "cpu"
    again, faster = found["other_classes"]
    assert again == {"class_name": "again", "shards": found["shards"], "nodes": found["nodes"]}
    assert faster["class_name"] == "twice"
    assert faster["nodes"][0]["minutes"] < found["nodes"][0]["minutes"]
    assert faster["nodes"][0]["price"] > found["nodes"][0]["price"]


async def test_without_accelerators_nothing_is_assumed_of_them(http: httpx.AsyncClient, view: ClusterView) -> None:
    without = {**CPU["spec"], "placements": [{"name": "any"}]}
    metadata = {**CPU["metadata"], "resourceVersion": "6"}
    view.classes.replace(listing({"metadata": metadata, "spec": without}, version=6))
    assert (await asked(http, STATED))["estimate"]["note"] is None


async def test_unread_dataset_says_how_it_is_read(http: httpx.AsyncClient, view: ClusterView) -> None:
    read(view)
    answer = await asked(http, dataset_id="lab/other")
    assert answer["estimate"] is None
    assert "POST /v1/previews" in answer["estimate_missing"] and "lab/other" in answer["estimate_missing"]


@pytest.mark.parametrize("key", ["other-project", "other-namespace", "writer"])
async def test_what_other_keys_jobs_have_read_is_not_told(http: httpx.AsyncClient, view: ClusterView, key: str) -> None:
    read(view)
    answer = await http.post(ASK, json=BODY, headers={"x-api-key": key})
    assert answer.status_code == 403 or answer.json()["estimate"] is None


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"episodes": "0:50"}, 15_000),
        ({"splits": ["test"]}, 6_000),
        ({"episodes": "0:90", "splits": ["test"]}, 3_000),
    ],
)
async def test_other_selection_is_computed_and_says_so(
    http: httpx.AsyncClient, view: ClusterView, fields: dict[str, Any], frames: int
) -> None:
    read(view)
    found = (await asked(http, augment_copies=1, **fields))["estimate"]
    assert found["frames"] == frames
    assert "same length" in found["note"]


@pytest.mark.parametrize(
    ("fields", "source", "words"),
    [
        ({"episodes": "200:300"}, {}, "episodes: '200:300' selects none of the 100 episodes, 0 to 99 (SelectionEmpty)"),
        ({"episodes": "200:300"}, {}, "Change episodes to select some of them."),
        ({"episodes": "200:300"}, {"blocks": 4}, "selects none of the 100 rows"),
        ({"episodes": "0:50", "splits": ["test"]}, {}, "episodes: '0:50' with spec.augmentation.splits: ['test']"),
        ({"episodes": "0:50", "splits": ["test"]}, {}, "Change episodes or splits to select some of them."),
    ],
)
async def test_selection_of_no_episode_says_how_the_job_would_fail(
    http: httpx.AsyncClient, view: ClusterView, fields: dict[str, Any], source: dict[str, Any], words: str
) -> None:
    read(view, **source)
    answer = await asked(http, **fields)
    assert answer["estimate"] is None
    assert answer["estimate_missing"].startswith("The job would fail when its source is read: spec.augmentation.")
    assert words in answer["estimate_missing"]


@pytest.mark.parametrize("others", [{}, {"where": "success == true"}, {"episodes": "0:50"}])
async def test_unknown_split_is_named_with_those_that_were_found(
    http: httpx.AsyncClient, view: ClusterView, others: dict[str, Any]
) -> None:
    read(view)
    missing = (await asked(http, splits=["test", "valid"], **others))["estimate_missing"]
    assert missing.startswith("No split 'valid' was found when lerobot/pusht was last read; it had: train, test.")
    # The client and the page create a preview, or offer one, where an answer names this request.
    assert "/v1/previews" not in missing


@pytest.mark.parametrize("splits", [None, [{"name": f"part-{number}", "episodes": "0:1"} for number in range(64)]])
async def test_split_is_not_called_unknown_where_not_all_are_listed(
    http: httpx.AsyncClient, view: ClusterView, splits: list[dict[str, str]] | None
) -> None:
    read(view, splits=splits)
    assert "POST /v1/previews" in (await asked(http, splits=["valid"]))["estimate_missing"]


async def test_split_that_another_job_has_read_is_estimated_as_it_was_then(
    http: httpx.AsyncClient, view: ClusterView
) -> None:
    read(view)
    spec = {"preview": {}, "augmentation": {"splits": ["valid"]}}
    source = {**SOURCE, "selectedEpisodes": 10, "selectedFrames": 3000}
    older = job_object("older", 301, name="older", spec=spec, status={"state": "completed", "source": source})
    older["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    put(view, older)
    found = (await asked(http, splits=["valid"], augment_copies=1))["estimate"]
    assert (found["frames"], found["source_job_id"]) == (3000, "older")


async def test_selection_of_one_episode_is_estimated(http: httpx.AsyncClient, view: ClusterView) -> None:
    read(view)
    assert (await asked(http, episodes="99:300", augment_copies=1))["estimate"]["frames"] == 300


@pytest.mark.parametrize("fields", [{"where": "success == true"}, {"splits": ["other"]}, {"revision": "other"}])
async def test_selection_that_only_the_dataset_knows_has_no_estimate(
    http: httpx.AsyncClient, view: ClusterView, fields: dict[str, Any]
) -> None:
    read(view)
    assert (await asked(http, **fields))["estimate"] is None


async def test_named_cameras_are_counted_where_all_are_alike(http: httpx.AsyncClient, view: ClusterView) -> None:
    read(view)
    assert (await asked(http, augment_copies=1, cameras=["wrist"]))["estimate"]["images"] == 30_000
    read(view, 301, streams=[{**STREAM, "cameras": 1}, {**STREAM, "cameras": 1, "height": 240}])
    assert (await asked(http, cameras=["wrist"]))["estimate"] is None


async def test_request_may_say_what_the_dataset_is(http: httpx.AsyncClient) -> None:
    found = (await asked(http, f"{STATED}&source_cameras=2", augment_copies=2))["estimate"]
    assert (found["frames"], found["images"], found["source_job_id"]) == (60_000, 120_000, None)
    doubled = (await asked(http, f"{STATED}&source_cameras=2&source_codec=h264", augment_copies=2))["estimate"]
    assert doubled["processor_seconds"] != found["processor_seconds"]


@pytest.mark.parametrize("default", ["", "&source_episodes=1"])
async def test_frames_without_a_number_of_episodes_say_that_they_count_as_one(
    http: httpx.AsyncClient, view: ClusterView, default: str
) -> None:
    words = "All frames count as one episode, and so as one shard: give the number of episodes in"
    frames = f"{ASK}&source_frames=100000&source_height=480&source_width=640"
    found = (await asked(http, f"{frames}{default}"))["estimate"]
    assert found["shards"] == 1 and words in found["note"]
    found = (await asked(http, f"{frames}&source_episodes=400"))["estimate"]
    assert found["shards"] > 1 and words not in found["note"]
    read(view, selectedEpisodes=1)
    assert words not in (await asked(http))["estimate"]["note"]


@pytest.mark.parametrize("query", ["source_frames=0", "source_height=x", "estimate=perhaps"])
async def test_invalid_fact_names_its_parameter(http: httpx.AsyncClient, query: str) -> None:
    answer = await http.post(f"/v1/augmentation?dry_run=true&{query}", json=BODY)
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text


@pytest.mark.parametrize(
    ("query", "fix"),
    [
        ("estimate=true", "add dry_run=true: without it this request creates a job"),
        ("source_frames=3", "add dry_run=true and estimate=true"),
        ("dry_run=true&source_cameras=2", "add dry_run=true and estimate=true"),
        ("dry_run=true&estimate=true&source_frames=3&source_width=4", "add source_height"),
        ("dry_run=true&estimate=true&source_codec=h265", "has to be av1, h264, hevc, png or jpeg"),
    ],
)
async def test_query_that_gives_no_estimate_creates_nothing_and_says_the_fix(
    http: httpx.AsyncClient, kube: InMemoryKube, query: str, fix: str
) -> None:
    answer = await http.post(f"/v1/augmentation?{query}", json=BODY)
    assert answer.status_code == 422
    assert fix in answer.text
    assert writes(kube) == []


async def test_defaults_that_a_generated_client_sends_say_nothing(http: httpx.AsyncClient) -> None:
    defaults = "dry_run=false&estimate=false&source_episodes=1&source_cameras=1&source_codec=av1"
    assert (await http.post(f"/v1/augmentation?{defaults}", json=BODY)).status_code == 201


async def test_images_are_taken_to_be_larger_than_frames_of_videos(http: httpx.AsyncClient) -> None:
    sizes = [
        (await asked(http, f"{STATED}&source_codec={codec}"))["estimate"]["bytes"] for codec in ("av1", "jpeg", "png")
    ]
    assert sizes[0] * 4 < sizes[1] < sizes[2] / 3


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"video_codec": "h264", "video_preset": "veryslow"},
            "Preset veryslow of h264 has not been measured: figures are those of medium, which is faster",
        ),
        ({"video_preset": 4}, "Preset 4 of av1 has not been measured: figures are those of 8, which is faster"),
        ({"video_gop": 1}, "A gop of 1 has not been measured: figures are those of 2, which is faster and takes fewer"),
    ],
)
async def test_note_names_what_was_not_measured(
    http: httpx.AsyncClient, view: ClusterView, fields: dict[str, Any], words: str
) -> None:
    read(view)
    assert words in (await asked(http, **fields))["estimate"]["note"]
    assert words not in (await asked(http))["estimate"]["note"]


async def test_encoding_that_the_sources_codec_has_not_gets_no_estimate(
    http: httpx.AsyncClient, view: ClusterView
) -> None:
    read(view)
    answer = await asked(http, video_preset="veryfast")
    assert answer["estimate"] is None
    assert "video_preset is veryfast, but videos become av1: use 0 to 13" in answer["estimate_missing"]
    assert (await asked(http, video_preset="veryfast", video_codec="h264"))["estimate"] is not None


async def test_without_a_class_that_can_be_read_there_is_no_estimate(
    http: httpx.AsyncClient, view: ClusterView
) -> None:
    without_nodes = {
        "metadata": {"name": "cpu", "uid": "c1", "resourceVersion": "6"},
        "spec": {"type": "deterministic", "default": True, "image": "worker", "placements": []},
    }
    view.classes.replace(listing(without_nodes, version=6))
    assert "cpu is invalid" in (await asked(http, STATED))["estimate_missing"]
    view.classes.replace(listing(version=7))
    assert "No AugmentationClass" in (await asked(http, STATED))["estimate_missing"]


async def test_larger_jobs_take_longer(http: httpx.AsyncClient) -> None:
    async def minutes(**fields: Any) -> float:
        return float((await asked(http, STATED, **fields))["estimate"]["nodes"][0]["minutes"])

    one = await minutes(augment_copies=1)
    assert one < await minutes(augment_copies=4)
    assert one < await minutes(augment_copies=1, augment_transforms="lighting,noise,blur,occlusion")
    assert await minutes(augment_copies=1, parallelism=1) > one
