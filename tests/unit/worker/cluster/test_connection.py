"""Retries of requests to the API server."""

from collections.abc import Iterator

import pytest

from augmentation_api import FailureReason
from augmentation_worker.cluster.connection import ApiServerUnavailable, retry_until_available
from augmentation_worker.failure import WorkerFailure


def test_requests_to_the_api_server_are_retried_until_it_answers() -> None:
    answers: Iterator[str | Exception] = iter([ApiServerUnavailable("overloaded"), "there"])

    def request() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry_until_available(request, sleep=lambda seconds: None) == "there"

    def unavailable() -> str:
        raise ApiServerUnavailable("overloaded")

    with pytest.raises(WorkerFailure) as caught:
        retry_until_available(unavailable, seconds=0)
    assert caught.value.reason is FailureReason.KUBERNETES_UNAVAILABLE
