"""What one call of each kind costs the API server: processor time of it and of etcd, with nothing else to do.

The calls are those of a contender (contenders.py): objects of its first job are created again under other names, its
status is written again. Its process is stopped, and the controllers are paused, so that none of them reacts. The
watches of the controllers stay open, so what a change costs to tell them is part of its price.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.processes import processor_seconds
from tests.integration.control_plane import ControlPlane

Json = dict[str, Any]
Call = tuple[str, str]
"""Verb and resource, e.g. ("create", "jobs")."""

SAMPLES = 100
QUIET_SECONDS = 1.5
_METHODS = {"create": "POST", "update": "PUT", "apply": "PATCH"}
_TYPES = {"create": "application/json", "update": "application/json", "apply": "application/apply-patch+yaml"}
_SERVERS = ("kube-apiserver", "etcd")
_CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")


@dataclass(frozen=True)
class Sample:
    """A call that can be made again and again.

    Attributes:
        path: of the collection for a create, of the object otherwise.
        body: sent each time, with what makes each one different (`_numbered`).
        token: of the user who makes it: policies check some users' calls.
        query: of the URL.
    """

    path: str
    body: Json
    token: str
    query: Mapping[str, str] = field(default_factory=dict)


def cost_of_calls(plane: ControlPlane, samples: Mapping[Call, Sample]) -> dict[Call, float]:
    """Milliseconds of a processor that API server and etcd take for each kind of call."""
    with _paused(plane):
        time.sleep(QUIET_SECONDS)
        began, spent = time.monotonic(), _spent(plane)
        time.sleep(QUIET_SECONDS)
        idle = (_spent(plane) - spent) / (time.monotonic() - began)
        return {call: asyncio.run(_cost(plane, call, sample, idle)) for call, sample in samples.items()}


async def _cost(plane: ControlPlane, call: Call, sample: Sample, idle: float) -> float:
    headers = {"Authorization": f"Bearer {sample.token}", "Content-Type": _TYPES[call[0]]}
    async with httpx.AsyncClient(
        base_url=plane.url, headers=headers, verify=False, trust_env=False, timeout=60
    ) as http:
        body = sample.body
        began, spent = time.monotonic(), _spent(plane)
        for number in range(SAMPLES):
            content = json.dumps(_numbered(call[0], body, number))
            answer = await http.request(_METHODS[call[0]], sample.path, content=content, params=sample.query)
            if answer.is_error:
                raise SystemExit(f"{' '.join(call)}: {answer.text}")
            if call[0] == "update":
                body = answer.json()
        return 1000 * (_spent(plane) - spent - idle * (time.monotonic() - began)) / SAMPLES


def _numbered(verb: str, body: Json, number: int) -> Json:
    """A body that differs from the one before: by its name, or by the message of a status."""
    if verb == "create":
        return {**body, "metadata": {**body["metadata"], "name": f"{body['metadata']['name']}-{number}"}}
    status = body["status"]
    if "message" in status:
        return {**body, "status": {**status, "message": f"sample {number}"}}
    if "conditions" in status:
        first, *others = status["conditions"]
        return {**body, "status": {**status, "conditions": [{**first, "message": f"sample {number}"}, *others]}}
    (shard,) = status["shards"]
    frames = {**shard["frames"], "done": number}
    return {**body, "status": {"shards": [{**shard, "state": "running", "frames": frames}]}}


def copied(body: Json, api_version: str, kind: str) -> Json:
    """What was sent to create an object; a Job is suspended, so that its pods would not follow."""
    metadata = {
        key: body["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations", "ownerReferences")
        if key in body["metadata"]
    }
    copy = {key: value for key, value in body.items() if key not in ("metadata", "status")}
    copy |= {"apiVersion": api_version, "kind": kind, "metadata": metadata}
    if kind == "Job":
        spec = {key: value for key, value in body["spec"].items() if key != "selector"}
        template = json.loads(json.dumps(spec["template"]))
        for label in list(template["metadata"].get("labels", {})):
            if label.rpartition("/")[2] in ("controller-uid", "job-name"):
                del template["metadata"]["labels"][label]
        copy["spec"] = {**spec, "suspend": True, "template": template}
    return copy


def _spent(plane: ControlPlane) -> float:
    return sum(processor_seconds(plane.process_ids[name]) for name in _SERVERS)


@contextmanager
def _paused(plane: ControlPlane) -> Iterator[None]:
    """The controllers take part in nothing, until the block is left."""
    controllers = [plane.process_ids[name] for name in _CONTROLLERS]
    for each in controllers:
        os.kill(each, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in controllers:
            os.kill(each, signal.SIGCONT)
