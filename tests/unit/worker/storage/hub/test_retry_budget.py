"""Retries of requests to a hub."""

import ssl
from pathlib import Path

import httpx2
import pytest

from augmentation_worker.storage.hub.retry_budget import (
    CommitUnanswered,
    HubUnreachable,
    HubUntrusted,
    RetryBudget,
    RetryingTransport,
)


class Script(httpx2.BaseTransport):
    """Answers with these statuses, one after the other; 0 is a broken connection."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        status = self.statuses.pop(0)
        if status == 0:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(status, headers={"Retry-After": "0"})


def test_transient_failures_are_retried_and_every_retry_is_reported() -> None:
    reported: list[tuple[int, str]] = []
    transport = RetryingTransport(
        Script(503, 429, 200), RetryBudget(5, lambda number, problem: reported.append((number, problem)))
    )
    with httpx2.Client(transport=transport) as client:
        assert client.get("https://hub.example/api?signature=secret").status_code == 200
    assert [number for number, _ in reported] == [1, 2]
    assert "503" in reported[0][1]
    assert "secret" not in reported[0][1]


def test_requests_are_not_retried_when_the_budget_is_spent() -> None:
    transport = RetryingTransport(Script(0, 0, 0, 0), RetryBudget(0.6, lambda number, problem: None))
    with (
        httpx2.Client(transport=transport) as client,
        pytest.raises(HubUnreachable, match="cannot be connected to; tried 2 times"),
    ):
        client.get("https://hub.example/api")


@pytest.mark.parametrize(("asked", "waits"), [(0.0, [0.0, 0.5, 1.0, 2.0]), (1.5, [1.5, 1.5, 1.5, 2.0])])
def test_hub_that_asks_for_no_wait_is_not_asked_without_a_pause_for_ever(asked: float, waits: list[float]) -> None:
    budget = RetryBudget(60, lambda number, problem: None)
    assert [budget.spend(attempt, "503", asked) for attempt in range(1, 5)] == waits
    assert budget.spend(5000, "503", asked) == 10.0


def test_a_refusal_is_not_retried() -> None:
    with httpx2.Client(
        transport=RetryingTransport(Script(404), RetryBudget(5, lambda number, problem: None))
    ) as client:
        assert client.get("https://hub.example/api").status_code == 404


def test_untrusted_certificate_is_not_retried() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        reason = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
        reason.verify_message = "self-signed certificate in certificate chain"
        raise httpx2.ConnectError("TLS", request=request) from reason

    reported: list[int] = []
    transport = RetryingTransport(
        httpx2.MockTransport(refuse), RetryBudget(5, lambda number, problem: reported.append(number))
    )
    with httpx2.Client(transport=transport) as client, pytest.raises(HubUntrusted, match="self-signed certificate"):
        client.get("https://hub.example/api")
    assert reported == []


@pytest.mark.parametrize(("status", "at_work"), [(504, True), (502, False), (503, False), (0, False)])
def test_commit_without_an_answer_is_not_repeated(status: int, at_work: bool) -> None:
    class Broken(Script):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            if not status:
                raise httpx2.ReadError("reset", request=request)
            return super().handle_request(request)

    transport = RetryingTransport(Broken(status), RetryBudget(5, lambda number, problem: None))
    with httpx2.Client(transport=transport) as client, pytest.raises(CommitUnanswered) as caught:
        client.post("https://hub.example/api/datasets/lab/pusht/commit/main", content=b"{}")
    assert caught.value.at_work is at_work


def test_a_streamed_body_is_left_to_the_client_to_retry(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x" * 10)
    reported: list[int] = []
    transport = RetryingTransport(Script(503), RetryBudget(5, lambda number, problem: reported.append(number)))
    with httpx2.Client(transport=transport) as client, (tmp_path / "blob").open("rb") as blob:
        assert client.put("https://hub.example/blob", content=blob).status_code == 503
    assert reported == [1]
