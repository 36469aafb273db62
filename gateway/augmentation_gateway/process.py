"""The process: connect, start the caches, serve, and shut down gracefully."""

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from augmentation_gateway.app import DIALECTS, build_app
from augmentation_gateway.cache.cluster_view import ClusterView
from augmentation_gateway.credentials import oidc
from augmentation_gateway.credentials.keys_file import KeysFile
from augmentation_gateway.credentials.keys_secret import KeysSecret
from augmentation_gateway.credentials.oidc import OidcTokens
from augmentation_gateway.dialect import encode_error
from augmentation_gateway.gateway import Gateway, add_gauges
from augmentation_gateway.limits.rate_limit import RateLimit
from augmentation_gateway.limits.shares import Capacity
from augmentation_gateway.limits.streams import Streams
from augmentation_gateway.observability.metrics import metrics_server
from augmentation_gateway.observability.tracing import tracing
from augmentation_gateway.server.certificate import Certificate
from augmentation_gateway.server.connections import Connections
from augmentation_gateway.server.server import GatewayServer, allow_connections
from augmentation_gateway.settings import Settings
from augmentation_kube import connect

_log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 15
"""Time for requests in progress to end: more than the longest write, less than a pod's usual grace period of 30 s."""


def stop_on_failure(following: asyncio.Future[Any], stop: Callable[[], None]) -> None:
    """Stop the gateway if it no longer follows its keys: it would go on accepting revoked ones."""

    def on_end(ended: asyncio.Future[Any]) -> None:
        # A cancelled gather ends with CancelledError, which is no Exception.
        if not ended.cancelled() and isinstance(error := ended.exception(), Exception):
            _log.critical("lost the watch of the API keys: the gateway stops", exc_info=error)
            stop()

    following.add_done_callback(on_end)


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises ConfigException if no cluster is configured, OidcFileError, CertificateError.
    """
    tokens = OidcTokens(oidc.read(settings.oidc_file)) if settings.oidc_file else None
    # When uvicorn has stopped, it raises the signal that stopped it again; with the default handler that would kill the
    # process before its watches and connections are closed.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    allow_connections(settings.connections)
    with tracing() as trace:
        await _serve(settings, tokens, trace)
    _log.info("stopped")


async def _serve(settings: Settings, tokens: OidcTokens | None, trace: Callable[[ASGIApp], ASGIApp]) -> None:
    async with connect() as api, ClusterView(api, settings.namespaces) as view:
        keys = KeysSecret(api, *settings.keys_secret) if settings.keys_secret else KeysFile(settings.keys_file)
        gateway = Gateway(
            api,
            view,
            keys,
            Streams(settings.heartbeat_seconds),
            rate_limit=RateLimit(settings.requests_per_second, jobs_per_minute=settings.jobs_per_minute),
            capacity=Capacity(settings),
            tokens=tokens,
        )
        certificate = Certificate(settings.tls_folder) if settings.tls_folder else None
        following = asyncio.gather(
            keys.follow(),
            gateway.open_requests.follow(gateway.holds),
            *([certificate.follow()] if certificate else []),
        )
        add_gauges(gateway)
        connections = Connections(settings, on_refusal=gateway.count_refusal)
        gateway.metrics.add_gauge("connections", "Connections that are open.", lambda: len(connections))
        server = GatewayServer(
            uvicorn.Config(
                trace(
                    build_app(gateway, allowed_origins=settings.allowed_origins, page=settings.page, docs=settings.docs)
                ),
                host=settings.host,
                port=settings.port,
                ws="none",
                timeout_keep_alive=settings.keep_alive_seconds,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            ),
            gateway.streams,
            connections,
            certificate,
            encode_error=lambda path, problem: encode_error(path, problem, DIALECTS),
        )
        address = settings.metrics_address
        stop_on_failure(following, server.handle_failure)
        _log.info(
            "serving",
            extra={"fields": {"port": settings.port, "namespaces": list(settings.namespaces) or "all"}},
        )
        try:
            async with metrics_server(gateway.metrics, *address) if address else nullcontext():
                await server.serve()
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
