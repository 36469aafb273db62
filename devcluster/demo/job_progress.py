"""Submitting a job to the gateway, and following it live until it ends."""

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from augmentation_api.printable import printable
from augmentation_api.redaction import quotable
from devcluster.demo.access import Access
from devcluster.errors import DevclusterError

FINAL = ("completed", "failed", "cancelled")
_POLL_SECONDS = 0.5
_TIMEOUT_SECONDS = 900.0

Json = dict[str, Any]


def gateway_client(access: Access) -> httpx.Client:
    """A client of the gateway. A connection that is refused is tried again: the node's proxy may not know it yet."""
    return httpx.Client(
        base_url=access.gateway_url,
        headers={"x-api-key": access.api_key},
        timeout=30,
        transport=httpx.HTTPTransport(retries=6),
    )


def submit(access: Access, request: Mapping[str, Any]) -> str:
    """POST a job; gives its id. Raises DevclusterError with the gateway's own words if it is refused."""
    with gateway_client(access) as gateway:
        answer = gateway.post("/v1/augmentation", json=dict(request))
    if answer.status_code != httpx.codes.CREATED:
        raise DevclusterError(f"the gateway refused the job ({answer.status_code}): {quotable(answer.text, 4096)}")
    return str(answer.json()["job_id"])


def read_status(access: Access, job_id: str) -> Json:
    """GET a job's status."""
    with gateway_client(access) as gateway:
        answer = gateway.get(f"/v1/augmentation/{job_id}")
    answer.raise_for_status()
    return dict(answer.json())


def follow(access: Access, job_id: str, console: Console) -> Json:
    """Show a job's phases and progress until it ends; gives its last status."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    printed: set[str] = set()
    columns = (
        TextColumn("  {task.description:<12}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=not console.is_terminal) as bars:
        bar = bars.add_task("queued", total=100)
        while True:
            status = read_status(access, job_id)
            percent = (status.get("progress") or {}).get("percent") or 0
            bars.update(bar, description=printable(status.get("current_phase") or "queued"), completed=percent)
            _print_new_events(status, printed, console)
            if status["status"] in FINAL:
                return status
            if time.monotonic() > deadline:
                raise DevclusterError(f"job {job_id} did not finish within {_TIMEOUT_SECONDS:.0f} s: {status}")
            time.sleep(_POLL_SECONDS)


def where_time_went(status: Mapping[str, Any]) -> str:
    """One line: seconds of each phase."""
    fromisoformat = datetime.fromisoformat
    parts = []
    for phase in status["phases"]:
        if phase.get("started_at") and phase.get("completed_at"):
            seconds = (fromisoformat(phase["completed_at"]) - fromisoformat(phase["started_at"])).total_seconds()
            parts.append(f"{phase['name']} {seconds:.0f} s")
    return ", ".join(parts)


def _print_new_events(status: Mapping[str, Any], printed: set[str], console: Console) -> None:
    """Print each phase's events once, as they come."""
    for phase in status.get("phases", []):
        for event in phase.get("events", []):
            text = event.get("error") or event.get("message")
            key = f"{phase['name']} {event['timestamp']} {text}"
            if text and key not in printed:
                printed.add(key)
                console.print(
                    printable(f"  {phase['name']:<10} {text}"),
                    style="yellow" if event.get("error") else None,
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
