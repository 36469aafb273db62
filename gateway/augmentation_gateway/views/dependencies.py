"""Dependencies of routes: the request's key, the gateway, and what the request holds until its response is sent."""

from contextlib import ExitStack
from typing import Annotated, Final

from fastapi import Depends, Request

from augmentation_gateway.credentials.keys import ApiKey
from augmentation_gateway.gateway import Gateway

SCOPE_KEY: Final = "augmentation_gateway.key"
SCOPE_SHARES: Final = "augmentation_gateway.shares"
"""Where the front puts them, in the ASGI scope."""


# Coroutines, although they wait for nothing: FastAPI would run plain functions in threads.
async def current_key(request: Request) -> ApiKey:
    """The key that the request was sent with, checked before it got to a route."""
    key: ApiKey = request.scope[SCOPE_KEY]
    return key


async def current_gateway(request: Request) -> Gateway:
    """The gateway that the application serves."""
    gateway: Gateway = request.app.state.gateway
    return gateway


async def request_shares(request: Request) -> ExitStack:
    """The shares of the gateway that the request holds until its response is sent."""
    shares: ExitStack = request.scope[SCOPE_SHARES]
    return shares


CurrentKey = Annotated[ApiKey, Depends(current_key)]
CurrentGateway = Annotated[Gateway, Depends(current_gateway)]
RequestShares = Annotated[ExitStack, Depends(request_shares)]
