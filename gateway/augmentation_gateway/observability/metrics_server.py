"""`/metrics` at its own address, which is reachable for Prometheus and not for clients of the gateway."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from augmentation_gateway.observability.metrics import Metrics
from augmentation_kube.metrics_endpoint import serve_metrics


@asynccontextmanager
async def metrics_server(metrics: Metrics, host: str, port: int) -> AsyncIterator[web.AppRunner]:
    """Serve /metrics inside. Raises OSError if the address is not available."""
    runner = await serve_metrics(metrics.render, CONTENT_TYPE_PLAIN_0_0_4, host, port)
    try:
        yield runner
    finally:
        await runner.cleanup()
