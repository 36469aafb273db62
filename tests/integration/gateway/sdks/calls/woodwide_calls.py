"""What a user of the package `woodwide` does."""

import asyncio
import os
from typing import Any

from woodwide import AsyncWoodWide, DefaultHttpxClient, WoodWide, wait_for_job

sent: list[str] = []
client = WoodWide(
    base_url=os.environ["GATEWAY_URL"],
    api_key=os.environ["GATEWAY_KEY"],
    http_client=DefaultHttpxClient(event_hooks={"request": [lambda request: sent.append(request.url.path)]}),
)


def requests_sent() -> int:
    return len(sent)


def retrieve(job_id: str) -> Any:
    return client.jobs.retrieve(job_id)


def retrieve_in_async_code(job_id: str) -> Any:
    async def retrieve_job() -> Any:
        async with AsyncWoodWide(base_url=client.base_url, api_key=client.api_key) as asynchronous:
            return await asynchronous.jobs.retrieve(job_id)

    return asyncio.run(retrieve_job())


def wait(job_id: str) -> Any:
    return wait_for_job(client, job_id, timeout=120, poll_interval=0.2)


def list_jobs(**filters: Any) -> Any:
    return client.jobs.list(**filters)


def list_by_cursor(limit: int) -> Any:
    page = client.jobs.list(limit=limit)
    jobs = list(page.items)
    while page.next_cursor:
        page = client.jobs.list(limit=limit, cursor=page.next_cursor)
        jobs += page.items
    return jobs


def cancel(job_id: str) -> Any:
    return client.jobs.cancel(job_id)


def retry(job_id: str) -> Any:
    return client.jobs.retry(job_id)


def retrieve_results(job_id: str) -> Any:
    return client.jobs.retrieve_results(job_id)
