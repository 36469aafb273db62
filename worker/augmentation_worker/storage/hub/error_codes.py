"""What a refusal means where the hub does not say so.

Hugging Face's answers name what is missing in X-Error-Code, by which huggingface_hub tells a missing file from a
missing dataset. Hubs that others wrote (matrixhub's hfd, for one) answer with the status alone: what is missing follows
from what was asked for.
"""

import re
from typing import Final

import httpx2
from typing_extensions import override

from augmentation_worker.storage.hub.destinations import Destinations

ERROR_CODE: Final = "X-Error-Code"
ERROR_MESSAGE: Final = "X-Error-Message"
INVALID_CREDENTIALS: Final = "Invalid credentials in Authorization header"
"""By which huggingface_hub knows a refused token."""
_DATASET = r"/api/datasets/[^/]+/[^/]+"
_MISSING: Final = (
    (re.compile(r".*/resolve/.*"), "EntryNotFound"),
    (re.compile(rf".*{_DATASET}/tree/[^/]+/.+"), "EntryNotFound"),
    (re.compile(rf".*{_DATASET}/(revision|tree|commits)/[^/]+"), "RevisionNotFound"),
    (re.compile(rf".*{_DATASET}(/refs|/(preupload|commit|branch|tag)/[^/]+)?"), "RepoNotFound"),
    (re.compile(r".*/datasets/[^/]+/[^/]+\.git/info/lfs/.*"), "RepoNotFound"),
)
"""By the path of a request: what a 404 says is not there. The first that fits counts."""


class ErrorCodes(httpx2.BaseTransport):
    """Adds to a hub's refusals the code that huggingface_hub looks for, unless they have one."""

    def __init__(self, inner: httpx2.BaseTransport, destinations: Destinations) -> None:
        self._inner = inner
        self._destinations = destinations

    @override
    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._inner.handle_request(request)
        url = request.url
        if ERROR_CODE in answer.headers or not self._destinations.is_hub(url.host, url.port, url.scheme):
            return answer
        if answer.status_code == 404:
            path = url.raw_path.partition(b"?")[0].decode("ascii", "replace")
            code = missing_by(path)
            if code is not None:
                answer.headers[ERROR_CODE] = code
        elif answer.status_code == 401 and "Authorization" in request.headers and ERROR_MESSAGE not in answer.headers:
            # Otherwise huggingface_hub takes it for a dataset that is not there, as Hugging Face says 401 of those too.
            answer.headers[ERROR_MESSAGE] = INVALID_CREDENTIALS
        return answer

    @override
    def close(self) -> None:
        self._inner.close()


def missing_by(path: str) -> str | None:
    """What is missing where a request for this path is answered with 404; None: an endpoint, as far as one can say."""
    return next((code for pattern, code in _MISSING if pattern.fullmatch(path)), None)
