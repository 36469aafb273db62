"""How a route finds the key that its request was sent with."""

from __future__ import annotations

from fastapi import Request

from augmentation_gateway.credentials.keys import ApiKey

SCOPE_KEY = "augmentation_gateway.key"
"""Where the front door puts it, in the ASGI scope."""


def key_of(request: Request) -> ApiKey:
    """The key, checked before the request got to a route."""
    key: ApiKey = request.scope[SCOPE_KEY]
    return key
