"""Rate limits: a quota of requests for each bucket and fixed window, told with every answer.

https://huggingface.co/docs/hub/rate-limits: URLs with a /resolve/ segment are resolvers, the API is the API, all else
that the hub itself serves are pages. Storage is on other hosts there, so that what is uploaded and downloaded by signed
URLs does not count.
"""

import math
import time
from collections import defaultdict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from devcluster.localhub.faults import OWN_PATHS
from devcluster.localhub.mode import Mode


def bucket_of(path: str) -> str | None:
    """The bucket that a request counts in; None: in none."""
    if path in OWN_PATHS or path.startswith("/lfs-storage/"):
        return None
    if "/resolve/" in path:
        return "resolvers"
    return "api" if path.startswith("/api/") or ".git/info/lfs/" in path else "pages"


class RateLimits:
    """ASGI middleware. All callers share the quotas: in a test they are one user."""

    def __init__(self, app: ASGIApp, mode: Mode) -> None:
        self._app = app
        self._mode = mode
        self._begin = time.monotonic()
        self._window = 0
        self._used: dict[str, int] = defaultdict(int)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it until the next window."""
        bucket = bucket_of(scope["path"]) if scope["type"] == "http" else None
        quota = self._mode.quotas.get(bucket) if bucket is not None else None
        if bucket is None or quota is None:
            await self._app(scope, receive, send)
            return
        left, seconds = self._take(bucket, quota)
        told = [
            (b"ratelimit", f'"{bucket}";r={max(left, 0)};t={seconds}'.encode()),
            (b"ratelimit-policy", f'"fixed window";"{bucket}";q={quota};w={self._mode.window_seconds:g}'.encode()),
        ]

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *told]}
            await send(message)

        if left < 0:
            await JSONResponse({"error": "Too Many Requests"}, status_code=429)(scope, receive, tell)
        else:
            await self._app(scope, receive, tell)

    def _take(self, bucket: str, quota: int) -> tuple[int, int]:
        """What is left after this request (below 0: it is refused), and the whole seconds until the next window."""
        passed = time.monotonic() - self._begin
        window = int(passed // self._mode.window_seconds)
        if window != self._window:
            self._window = window
            self._used.clear()
        self._used[bucket] += 1
        return quota - self._used[bucket], math.ceil((window + 1) * self._mode.window_seconds - passed)
