"""Start the operator: `augmentation-operator`, or `python -m augmentation_operator`."""

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import kopf
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from augmentation_kube import connect
from augmentation_kube.json_logs import JsonFormatter
from augmentation_kube.metrics_endpoint import serve_metrics
from augmentation_kube.settings import SettingsError
from augmentation_operator.controller.chart_classes import read_chart_classes
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.manifests.network_policy import read_workers_egress
from augmentation_operator.process.kopf_handlers import register
from augmentation_operator.process.leadership import Leadership
from augmentation_operator.process.operator import Operator
from augmentation_operator.process.settings import Settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM. An argument ends the program instead: who asks for help wants no operator to start."""
    argparse.ArgumentParser(
        prog="augmentation-operator",
        description="Turns AugmentationJobs into Jobs, in the cluster that it runs in or that KUBECONFIG names. "
        "Its settings are environment variables, which the Helm chart writes.",
    ).parse_args(arguments)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)  # the kubelet's probes
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.exit(str(error))
    logging.root.setLevel(settings.log_level.upper())
    register(lambda: running_operator(settings))
    host, port = settings.liveness_address
    asyncio.run(
        kopf.operator(
            standalone=True,
            # kopf's default asks for the name of a user, which that of a pod does not have.
            identity=cast(Any, socket.gethostname()),
            clusterwide=not settings.namespaces,
            namespaces=settings.namespaces,
            liveness_endpoint=f"http://{host}:{port}/healthz",
        )
    )


@asynccontextmanager
async def running_operator(settings: Settings) -> AsyncIterator[Operator]:
    """The operator, connected and at work."""
    metrics = Metrics()
    egress_file = settings.workers_egress_file
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(connect(on_call=metrics.count_request))
        lease = settings.lease_namespace
        leadership = Leadership(api, lease, settings.identity, settings.lease_name) if lease else None
        operator = Operator(
            api,
            settings.namespaces,
            metrics=metrics,
            leadership=leadership,
            secrets_namespace=lease,
            name=f"{lease}/{settings.lease_name}",
            chart_classes=read_chart_classes(settings.classes_file) if settings.classes_file else None,
            workers_egress=read_workers_egress(egress_file) if egress_file else None,
            on_failure=lambda: os.kill(os.getpid(), signal.SIGTERM),
        )
        if settings.metrics_address is not None:
            runner = await serve_metrics(metrics.render, CONTENT_TYPE_LATEST, *settings.metrics_address)
            stack.push_async_callback(runner.cleanup)
        operator.start()
        stack.push_async_callback(operator.stop)
        yield operator


if __name__ == "__main__":
    main()
