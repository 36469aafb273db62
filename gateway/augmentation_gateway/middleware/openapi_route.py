"""The OpenAPI document, made once: it is asked for without a key, and writing it out takes twenty milliseconds."""

from __future__ import annotations

import asyncio
import json

from fastapi import FastAPI, Request, Response
from starlette.routing import Route


def serve_openapi_once(app: FastAPI) -> None:
    """Answer for the document before FastAPI does, which would write it out each time."""
    if app.openapi_url is None:
        return
    made: list[bytes] = []

    async def document(_: Request) -> Response:
        if not made:
            # In a thread, as the first time takes half a second.
            made.append(await asyncio.to_thread(lambda: json.dumps(app.openapi()).encode()))
        return Response(made[0], media_type="application/json")

    app.router.routes.insert(0, Route(app.openapi_url, document, include_in_schema=False))
