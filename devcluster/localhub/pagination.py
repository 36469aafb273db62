"""Long lists in pages, each naming the next in a Link header."""

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response


def page_of(request: Request, items: Sequence[object], path: str, most: int) -> Response:
    """The page that `cursor` and `limit` ask for.

    Args:
        request: what the query comes from.
        items: the whole list.
        path: where the next page is; it must name a commit and not a branch, so that the pages of one list agree.
        most: items a page, unless the query wants fewer.
    """
    asked = dict(request.query_params)
    start = _number(asked.pop("cursor", ""), 0)
    size = max(1, min(most, _number(asked.get("limit", ""), most)))
    headers = {"X-Total-Count": str(len(items))}
    if start + size < len(items):
        query = urlencode(asked | {"cursor": str(start + size)})
        headers["Link"] = f'<{request.url.scheme}://{request.url.netloc}{path}?{query}>; rel="next"'
    return JSONResponse(items[start : start + size], headers=headers)


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default
