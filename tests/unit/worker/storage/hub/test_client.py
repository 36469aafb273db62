"""A hub whose JSON has other types than a hub's: said to be the hub's fault, at the first answer that shows it."""

import json
from collections.abc import Callable
from itertools import count

import httpx2
import pytest
from huggingface_hub import set_client_factory
from huggingface_hub.utils._http import default_client_factory, get_session

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.empty_pages import MOST_EMPTY_PAGES


@pytest.mark.parametrize("name", ["lab/a--b", "lab/a..b", "lab/data.", "lab/data.git"])
def test_name_that_hubs_do_not_take_is_final_and_no_fault_of_the_hub(name: str) -> None:
    hub = HubClient("http://127.0.0.1:9", "hf_token", "hub-token/token", 0.0, lambda number, problem: None)
    with pytest.raises(WorkerFailure, match="has a name that hubs do not take") as failure:
        hub.commit_of(name, "main", "source")
    assert failure.value.reason is FailureReason.SPEC_UNSUPPORTED


ODD = (["a"], {"a": 1}, 7, 0.5, True)
ASKED: dict[str, tuple[object, Callable[[HubClient], object]]] = {
    "user": ({"name": None}, lambda hub: hub.user()),
    "commit": ({"id": "lab/data", "sha": None}, lambda hub: hub.commit_of("lab/data", "main", "source")),
    "head": ({"id": "lab/data", "sha": None}, lambda hub: hub.head("lab/data")),
    "path": (
        [{"type": "file", "path": None, "size": 1, "oid": "a"}],
        lambda hub: hub.files("lab/data", "main", "source"),
    ),
    "identity": (
        [{"type": "file", "path": "a", "size": 1, "oid": None}],
        lambda hub: hub.files("lab/data", "main", "source"),
    ),
    "branch": (
        {"branches": [{"name": None, "ref": "refs/heads/main", "targetCommit": "a"}], "tags": [], "converts": []},
        lambda hub: hub.refs("lab/data", "source"),
    ),
}


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("name", ASKED)
def test_answer_of_another_type_is_refused(name: str, odd: object) -> None:
    answer, ask = ASKED[name]
    content = json.dumps(answer).replace("null", json.dumps(odd)).encode()
    hub = HubClient("http://127.0.0.1:9", "hf_token", "hub-token/token", 0.0, lambda number, problem: None)
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, content=content, headers={"Content-Type": "application/json"})
    )
    set_client_factory(lambda: httpx2.Client(transport=transport))
    try:
        with pytest.raises(WorkerFailure) as failure:
            ask(hub)
    finally:
        set_client_factory(default_client_factory)
    assert failure.value.reason is FailureReason.HUB_UNAVAILABLE


@pytest.mark.parametrize(
    ("kind", "reason"), [("file", FailureReason.SOURCE_INVALID), ("directory", FailureReason.HUB_UNAVAILABLE)]
)
def test_listing_whose_pages_lead_back_to_themselves_ends(kind: str, reason: FailureReason) -> None:
    content = json.dumps([{"type": kind, "path": "a", "size": 1, "oid": "b"}]).encode()
    pages = iter(range(5))

    def answer(request: httpx2.Request) -> httpx2.Response:
        next(pages)
        headers = {"Content-Type": "application/json", "Link": f'<{request.url}>; rel="next"'}
        return httpx2.Response(200, content=content, headers=headers)

    hub = HubClient("http://127.0.0.1:9", "hf_token", "hub-token/token", 0.0, lambda number, problem: None)
    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(answer)))
    try:
        with pytest.raises(WorkerFailure, match=r"listed twice|not that of a hub") as failure:
            hub.files("lab/data", "main", "source")
    finally:
        set_client_factory(default_client_factory)
    assert failure.value.reason is reason
    assert next(pages) == 2


def test_listing_of_empty_pages_that_name_each_other_ends() -> None:
    pages = count()

    def answer(request: httpx2.Request) -> httpx2.Response:
        link = f'<http://127.0.0.1:9/api/datasets/lab/data/tree/main?cursor={next(pages) % 2}>; rel="next"'
        return httpx2.Response(200, content=b"[]", headers={"Content-Type": "application/json", "Link": link})

    hub = HubClient("http://127.0.0.1:9", "hf_token", "hub-token/token", 0.0, lambda number, problem: None)
    made = get_session().event_hooks
    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(answer), event_hooks=made))
    try:
        with pytest.raises(WorkerFailure, match="is unavailable: 100 pages of a list, one after the other, are empty"):
            hub.files("lab/data", "main", "source")
    finally:
        set_client_factory(default_client_factory)
    assert next(pages) == MOST_EMPTY_PAGES
