"""`archetypeai` as its user calls it: the package has no batch module, so its base client's own request functions."""

import json
import os
from typing import Any

from archetypeai.api_client import ArchetypeAI

client = ArchetypeAI(os.environ["GATEWAY_KEY"], api_endpoint=f"{os.environ['GATEWAY_URL']}/v0.5")


def _url(*path: str) -> str:
    return str(client._get_endpoint(client.api_endpoint, "batch", "jobs", *path))


def create(**body: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    return client.requests_post(_url(), data_payload=json.dumps(body), additional_headers=headers)


def get(*path: str, **params: Any) -> Any:
    return client.requests_get(_url(*path), params=params)


def list_jobs(**params: Any) -> Any:
    return get(**params)


def of_job(job_id: str, part: str, **params: Any) -> Any:
    return get(job_id, part, **params)


def get_job(job_id: str) -> Any:
    return get(job_id)


def queue() -> Any:
    return get("queue")


def act(job_id: str, action: str) -> Any:
    return client.requests_post(_url(job_id, action), data_payload=b"")


def delete(job_id: str) -> Any:
    return client.requests_delete(_url(job_id))
