"""Requests of each operation and the policy of their retries: plain data, shared by both clients."""

import os
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, retry_if_exception, retry_if_result, stop_after_attempt

from augmentation_client.connection_failure import is_transient, was_sent
from augmentation_client.errors import ApiError, InvalidAnswer, error_of, retry_after
from augmentation_client.models import Cancelled, Changed, JobPage, JobStatus, Outputs, Retried, Submitted, Tried

ENV_URL = "AUGMENTATION_URL"
ENV_KEY = "AUGMENTATION_KEY"
JOBS = "/v1/augmentation"
PREVIEWS = "/v1/previews"
TRIES = 4
"""Default number of tries of a request; with backoff, up to seven seconds."""
LONGEST_WAIT_SECONDS = 60.0
"""A gateway that asks to wait for longer is not asked again: the error says for how long."""
CONNECT_SECONDS = 10.0
"""Time limit of connecting, of which a request may wait for several tries."""
RECONNECT_SECONDS = 1.0
"""Delay before a broken stream is reopened, so that a restarted gateway is not overrun."""

Answer = TypeVar("Answer", bound=BaseModel)
_KEY = re.compile(r"[\x21-\x7e]+")
RETRYABLE_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """One request.

    Attributes:
        answer: model of the answer; None: no body.
        repeatable: whether the request may be sent again although the first one may have been carried out.
    """

    method: str
    path: str
    answer: type[Answer] | None
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True

    def read(self, response: httpx.Response) -> Answer:
        """Parse the answer. Raises ApiError for an error status."""
        if response.is_error:
            raise error_of(response)
        assert self.answer is not None  # noqa: S101 - callers of calls without an answer do not read it
        try:
            return self.answer.model_validate_json(response.content)
        except ValidationError as error:
            fix = "check the address, or use a client of the gateway's version"
            text = f"The answer is no {self.answer.__name__} of a gateway: {fix}."
            raise InvalidAnswer(response.status_code, text, fix=fix) from error

    def retry_policy(self, tries: int = TRIES) -> dict[str, Any]:
        """Arguments of tenacity's Retrying: at most so many requests, with backoff or by the gateway's Retry-After.

        What was certainly not carried out is sent again in any case: the gateway refused it for its rate (429), or
        there was no connection.
        """
        return {
            "stop": stop_after_attempt(tries),
            "retry": retry_if_exception(self._may_follow) | retry_if_result(self._is_retryable),
            "wait": _seconds_to_wait,
            "retry_error_callback": _last_outcome,
        }

    def _may_follow(self, error: BaseException) -> bool:
        return is_transient(error) and (self.repeatable or not was_sent(error))

    def _is_retryable(self, response: httpx.Response) -> bool:
        status = response.status_code
        asked = retry_after(response.headers)
        return status in (RETRYABLE_STATUSES if self.repeatable else {429}) and (asked or 0) <= LONGEST_WAIT_SECONDS


def _seconds_to_wait(state: RetryCallState) -> float:
    if state.outcome is not None and not state.outcome.failed:
        asked = retry_after(state.outcome.result().headers)
        if asked is not None:
            return asked
    return backoff(state.attempt_number)


def backoff(failures: int) -> float:
    """Seconds to wait after this many failures: twice as long each time, and not the same for all clients."""
    # Of no use to an attacker.
    return float(2 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311


def _last_outcome(state: RetryCallState) -> httpx.Response:
    assert state.outcome is not None  # noqa: S101 - a request was sent
    response: httpx.Response = state.outcome.result()
    return response


def submit(fields: Mapping[str, Any], idempotency_key: str | None) -> Call[Submitted]:
    """Submit a job. Always with an idempotency key, so that a lost answer can be retried."""
    key = idempotency_key or str(uuid.uuid4())
    return Call("POST", JOBS, Submitted, body=_body(fields), headers={"Idempotency-Key": key})


def _body(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, UUID) else value for name, value in fields.items()}


def preview(fields: Mapping[str, Any], episode: int | None, frame: int | None) -> Call[Submitted]:
    """Request a preview of a job. With an idempotency key, as `submit` has one."""
    chosen = {name: value for name, value in (("episode", episode), ("frame", frame)) if value is not None}
    return replace(submit(fields, None), path=PREVIEWS, params=chosen)


def estimate(fields: Mapping[str, Any], facts: Mapping[str, Any]) -> Call[Tried]:
    """Ask what a job would take. Creates nothing, so it is sent without an idempotency key."""
    known = {name: value for name, value in facts.items() if value is not None}
    asked = {"dry_run": "true", "estimate": "true", **known}
    return Call("POST", JOBS, Tried, params=asked, body=_body(fields))


def wants_reading(tried: Tried) -> bool:
    """Whether an estimate is missing because nobody has read the dataset: the answer names the request that does."""
    return tried.estimate is None and PREVIEWS in (tried.estimate_missing or "")


def picture(job_id: UUID | str) -> Call[BaseModel]:
    """Get the image of a preview."""
    return Call("GET", f"{path_of(job_id)}/picture", None, headers={"Accept": "image/png, image/jpeg"})


def get(job_id: UUID | str) -> Call[JobStatus]:
    """Get a job."""
    return Call("GET", path_of(job_id), JobStatus)


def page(filters: Mapping[str, Any], cursor: str | None) -> Call[JobPage]:
    """List jobs."""
    params = {name: value for name, value in {**filters, "cursor": cursor}.items() if value is not None}
    return Call("GET", JOBS, JobPage, params=params)


def cancel(job_id: UUID | str) -> Call[Cancelled]:
    """Cancel a job."""
    return Call("POST", f"{path_of(job_id)}/cancel", Cancelled)


def change(job_id: UUID | str, parallelism: int | None) -> Call[Changed]:
    """Change the parallelism of a job."""
    return Call("PATCH", path_of(job_id), Changed, body={"parallelism": parallelism})


def retry(job_id: UUID | str, on_bad_episode: str | None = None) -> Call[Retried]:
    """Restart a job. Not retried: by then the job may have failed again."""
    params = {} if on_bad_episode is None else {"on_bad_episode": on_bad_episode}
    return Call("POST", f"{path_of(job_id)}/retry", Retried, params=params, repeatable=False)


def delete(job_id: UUID | str) -> Call[BaseModel]:
    """Delete a finished job."""
    return Call("DELETE", path_of(job_id), None, repeatable=False)


def outputs(job_id: UUID | str) -> Call[Outputs]:
    """Get the published files of a job."""
    return Call("GET", f"{path_of(job_id)}/outputs", Outputs)


def path_of(job_id: UUID | str) -> str:
    """URL path of a job; quoted, so that a malformed id cannot lead elsewhere."""
    return f"{JOBS}/{quote(str(job_id), safe='')}"


def connection(url: str | None, key: str | None) -> tuple[str, dict[str, str]]:
    """Base URL and headers of all requests. Raises ApiError if URL or key are missing or malformed."""
    url, key = url or os.environ.get(ENV_URL), key or os.environ.get(ENV_KEY)
    for value, name in ((url, ENV_URL), (key, ENV_KEY)):
        if not value:
            raise ApiError(
                0, f"{name} is not set: set it, or pass url and key to the client (--url and --key of the command)."
            )
    assert url is not None and key is not None  # noqa: S101 - just looked at
    key = key.strip()
    if _KEY.fullmatch(key) is None:
        # The value is not shown: it may be the content of a file, passed by mistake.
        raise ApiError(
            0,
            f"{ENV_KEY} (--key) is not an API key: it has characters that no key has. Pass the key alone.",
        )
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ApiError(0, f"{ENV_URL} (--url) is not a URL: give one like https://augmentation.example.") from error
    return url.rstrip("/"), {"Authorization": f"Bearer {key}", "Accept": "application/json"}
