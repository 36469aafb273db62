"""What a request holds until its answer is sent: a share that a route takes, such as an event stream's."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from typing import Final

from fastapi import Request

SCOPE_HELD: Final = "augmentation_gateway.held"
"""Where the front door puts it, in the ASGI scope."""


def hold(request: Request, share: AbstractContextManager[None]) -> None:
    """Take a share for as long as the request lasts. Raises Problem where there is none left."""
    held: ExitStack = request.scope[SCOPE_HELD]
    held.enter_context(share)
