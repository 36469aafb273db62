"""What a user of the package `datarobot` does."""

import os
import warnings
from typing import Any

import datarobot
from datarobot.models import StatusCheckJob
from datarobot.models.genai.jobstatus import JobStatus
from datarobot.utils.pagination import unpaginate
from datarobot.utils.waiters import wait_for_async_resolution

ENDPOINT = f"{os.environ['GATEWAY_URL']}/api/v2"


def connect(**options: Any) -> Any:
    """Make the client that all other calls use. Returns what it warned of, such as another version of the server."""
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        datarobot.Client(**{"endpoint": ENDPOINT, "token": os.environ["GATEWAY_KEY"], **options})
    return [str(warning.message) for warning in given if warning.category is UserWarning]


def genai_status(job_id: str) -> Any:
    job = JobStatus.get(job_id)
    return {**vars(job), "is_terminal_state": job.is_terminal_state}


def status(job_id: str) -> Any:
    return StatusCheckJob(job_id).get_status()


def wait_for_completion(job_id: str, max_wait: int = 60) -> Any:
    return StatusCheckJob(job_id).wait_for_completion(max_wait=max_wait)


def get_result_when_complete(job_id: str) -> Any:
    return StatusCheckJob(job_id, JobStatus).get_result_when_complete(max_wait=60)


def wait(location: str) -> Any:
    return wait_for_async_resolution(datarobot.client.get_client(), location, max_wait=60)


def list_statuses(limit: int) -> Any:
    return list(unpaginate("status/", {"offset": 0, "limit": limit}, datarobot.client.get_client()))


def delete(job_id: str) -> Any:
    return datarobot.client.get_client().delete(f"status/{job_id}/").status_code
