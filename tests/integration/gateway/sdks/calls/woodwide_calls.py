"""What a user of the package `woodwide` does."""

import os
from typing import Any

from woodwide import WoodWide

client = WoodWide(base_url=os.environ["GATEWAY_URL"], api_key=os.environ["GATEWAY_KEY"], max_retries=0)


def retrieve(job_id: str) -> Any:
    return client.jobs.retrieve(job_id)


def list_jobs(**filters: Any) -> Any:
    return client.jobs.list(**filters)


def cancel(job_id: str) -> Any:
    return client.jobs.cancel(job_id)


def retry(job_id: str) -> Any:
    return client.jobs.retry(job_id)


def retrieve_results(job_id: str) -> Any:
    return client.jobs.retrieve_results(job_id)
