"""What every request passes on its way to a route and every response on its way back, in plain ASGI."""
