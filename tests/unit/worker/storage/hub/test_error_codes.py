"""What a 404 without X-Error-Code means, by what was asked for."""

import httpx2
import pytest
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._http import hf_raise_for_status

from augmentation_worker.storage.hub.destinations import Destinations
from augmentation_worker.storage.hub.error_codes import ErrorCodes

HUB = "https://hub.example"


def error_of(path: str, status: int = 404, *, host: str = HUB, token: bool = True) -> HfHubHTTPError:
    transport = ErrorCodes(httpx2.MockTransport(lambda request: httpx2.Response(status)), Destinations(HUB))
    with httpx2.Client(transport=transport) as client, pytest.raises(HfHubHTTPError) as caught:
        hf_raise_for_status(client.get(host + path, headers={"Authorization": "Bearer hf_x"} if token else {}))
    return caught.value


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/datasets/lab/pusht/resolve/main/meta/info.json?download=1", EntryNotFoundError),
        ("/api/datasets/lab/pusht/tree/main/a/folder?recursive=true", EntryNotFoundError),
        ("/api/datasets/lab/pusht/tree/feature%2Fx?recursive=true", RevisionNotFoundError),
        ("/api/datasets/lab/pusht/revision/v9", RevisionNotFoundError),
        ("/api/datasets/lab/pusht", RepositoryNotFoundError),
        ("/api/datasets/lab/pusht/refs", RepositoryNotFoundError),
        ("/datasets/lab/pusht.git/info/lfs/objects/batch", RepositoryNotFoundError),
    ],
)
def test_what_is_missing_follows_from_the_path(path: str, kind: type[HfHubHTTPError]) -> None:
    assert type(error_of(path)) in (kind, *kind.__subclasses__())


def test_missing_endpoint_and_another_host_are_not_explained() -> None:
    assert type(error_of("/api/whoami-v2")) is HfHubHTTPError
    assert type(error_of("/datasets/lab/pusht/resolve/main/a", host="https://storage.example")) is HfHubHTTPError


def test_401_is_about_the_token_where_one_was_sent() -> None:
    assert type(error_of("/api/datasets/lab/pusht", 401)) is HfHubHTTPError
    assert type(error_of("/api/datasets/lab/pusht", 401, token=False)) is RepositoryNotFoundError
