"""The sync and async clients against a scripted gateway: same behavior, same tests."""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from augmentation_client import (
    ApiError,
    AsyncClient,
    Client,
    Conflict,
    GatewayUnavailable,
    InvalidAnswer,
    InvalidField,
    InvalidRequest,
    NotFound,
    RateLimited,
    Unauthorized,
    calls,
)
from augmentation_client.event_source import EventReader
from tests.waits import record_waits

JOB_ID = "2489e9ad-2ee2-8e00-8ec9-32d5f69181c0"
JOB = {"job_id": JOB_ID, "name": "a", "augmentation_type": "deterministic", "current_phase": "augment"}
STATUS = {"job_id": JOB_ID, "current_phase": "publish", "status": "completed", "augmented_dataset_id": "me/out"}

Answer = httpx.Response | Exception


class ScriptedGateway:
    """Stand-in for a gateway: returns its answers in turn and records the requests."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


Run = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    """Call a method of either client and return its result; iterators become lists."""

    def run_sync(gateway: ScriptedGateway, method: str, *arguments: Any, **options: Any) -> Any:
        with Client("http://gateway", "aug_key", transport=httpx.MockTransport(gateway.answer)) as client:
            result = getattr(client, method)(*arguments, **options)
            return list(result) if isinstance(result, Iterator) else result

    async def run_async(gateway: ScriptedGateway, method: str, *arguments: Any, **options: Any) -> Any:
        async with AsyncClient("http://gateway", "aug_key", transport=httpx.MockTransport(gateway.answer)) as client:
            result = getattr(client, method)(*arguments, **options)
            if hasattr(result, "__aiter__"):
                return [item async for item in result]
            return await result

    if request.param == "sync":
        return run_sync
    return lambda *arguments, **options: asyncio.run(run_async(*arguments, **options))


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a client has waited, which take no time."""
    return record_waits(monkeypatch)


def reply(status: int, body: Any = None, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def stream(*messages: tuple[str, str, dict[str, Any]]) -> httpx.Response:
    text = "retry: 2000\n\n" + "".join(
        f"event: {kind}\nid: {name}\ndata: {json.dumps(data)}\n\n: still here\n\n" for kind, name, data in messages
    )
    return httpx.Response(200, text=text, headers={"content-type": "text/event-stream"})


def happened(name: str) -> tuple[str, str, dict[str, Any]]:
    data = {"id": name, "phase": "augment", "status": "progress", "timestamp": "2026-11-20T10:00:00Z"}
    return "phase", f"after-{name}", data


def is_now(state: str) -> tuple[str, str, dict[str, Any]]:
    return "status", f"now-{state}", {**JOB, "status": state}


def test_submit_creates_one_job_if_response_is_lost(run: Run) -> None:
    created = {"job_id": JOB_ID, "status": "queued", "message": None}
    gateway = ScriptedGateway(httpx.ReadError("cut"), reply(503, {"detail": "away"}), reply(200, created))
    submitted = run(gateway, "submit", project_id=UUID(JOB_ID), dataset_id="lerobot/pusht", augment_copies=2)
    assert submitted.job_id == UUID(JOB_ID)
    assert len({request.headers["idempotency-key"] for request in gateway.requests}) == 1
    for request in gateway.requests:
        assert request.headers["authorization"] == "Bearer aug_key"
        assert json.loads(request.content) == {
            "project_id": JOB_ID,
            "dataset_id": "lerobot/pusht",
            "augment_copies": 2,
        }


def test_unavailable_gateway_raises_after_retries(run: Run) -> None:
    gateway = ScriptedGateway(*[httpx.ConnectError("refused")] * calls.TRIES)
    with pytest.raises(GatewayUnavailable, match="does not answer"):
        run(gateway, "get", JOB_ID)
    gateway = ScriptedGateway(*[reply(503, {"detail": "Kubernetes is away"}) for _ in range(calls.TRIES)])
    with pytest.raises(GatewayUnavailable, match="Kubernetes is away"):
        run(gateway, "get", JOB_ID)


@pytest.mark.parametrize("answer", [503, httpx.ReadError("cut")])
def test_retry_request_that_may_have_been_carried_out_is_not_repeated(run: Run, answer: int | Exception) -> None:
    gateway = ScriptedGateway(reply(answer, {"detail": "away"}) if isinstance(answer, int) else answer)
    with pytest.raises(GatewayUnavailable):
        run(gateway, "retry", JOB_ID)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("answer", [429, httpx.ConnectError("refused")])
def test_request_that_was_not_carried_out_is_repeated(run: Run, answer: int | Exception) -> None:
    first = reply(answer, {"detail": "too many"}) if isinstance(answer, int) else answer
    gateway = ScriptedGateway(first, httpx.Response(204))
    assert run(gateway, "delete", JOB_ID) is None
    assert len(gateway.requests) == 2


def test_waits_grow_and_differ_between_clients(run: Run, waits: list[float]) -> None:
    with pytest.raises(GatewayUnavailable):
        run(ScriptedGateway(*[httpx.ReadError("cut")] * calls.TRIES), "get", JOB_ID)
    assert len(waits) == calls.TRIES - 1
    assert all(2**n / 2 <= seconds <= 2**n for n, seconds in enumerate(waits))
    assert waits != [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("header", "shortest", "longest"),
    [
        ("7", 7, 7),
        (timedelta(seconds=50), 1, 50),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0, 0),
        ("soon", 0.5, 1),
    ],
    ids=["seconds", "date to come", "date that has passed", "neither"],
)
def test_retry_after_is_honoured(
    run: Run, waits: list[float], header: str | timedelta, shortest: float, longest: float
) -> None:
    if isinstance(header, timedelta):  # from now, not from when the tests were collected
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    gateway = ScriptedGateway(reply(429, {"detail": "too many"}, **{"retry-after": header}), reply(200, STATUS))
    run(gateway, "get", JOB_ID)
    (seconds,) = waits
    assert shortest <= seconds <= longest


def test_gateway_that_asks_to_wait_for_long_is_not_asked_again(run: Run, waits: list[float]) -> None:
    gateway = ScriptedGateway(reply(429, {"detail": "too many"}, **{"retry-after": "3600"}))
    with pytest.raises(RateLimited) as error:
        run(gateway, "get", JOB_ID)
    assert (error.value.retry_after, waits) == (3600, [])


@pytest.mark.parametrize(
    "failure", [httpx.UnsupportedProtocol("ftp"), httpx.LocalProtocolError("key"), httpx.TooManyRedirects("round")]
)
def test_failure_that_stays_is_not_tried_again(run: Run, failure: Exception) -> None:
    for method in ("get", "events"):
        gateway = ScriptedGateway(failure)
        with pytest.raises(GatewayUnavailable):
            run(gateway, method, JOB_ID)
        assert len(gateway.requests) == 1


def test_untrusted_certificate_is_not_tried_again(run: Run) -> None:
    untrusted = httpx.ConnectError("tls")
    untrusted.__cause__ = ssl.SSLCertVerificationError(1, "self-signed certificate")
    with pytest.raises(GatewayUnavailable, match="its TLS certificate is not accepted"):
        run(ScriptedGateway(untrusted), "get", JOB_ID)


def test_number_of_tries_can_be_chosen() -> None:
    gateway = ScriptedGateway(httpx.ConnectError("refused"))
    client = Client("http://gateway", "aug_key", tries=1, transport=httpx.MockTransport(gateway.answer))
    with client, pytest.raises(GatewayUnavailable):
        client.get(JOB_ID)


def test_error_has_cause_and_fix(run: Run) -> None:
    body = {"detail": "The job runs: at last: cancel it first.", "fix": "cancel it first"}
    with pytest.raises(Conflict) as error:
        run(ScriptedGateway(reply(409, body)), "delete", JOB_ID)
    assert (error.value.cause, error.value.fix) == ("The job runs: at last", "cancel it first")


def test_answer_of_another_server_is_said_to_be_none(run: Run) -> None:
    for answer in (httpx.Response(200, text="<html>"), reply(200, {"job_id": 7})):
        with pytest.raises(InvalidAnswer, match="no JobStatus of a gateway: check the address"):
            run(ScriptedGateway(answer), "get", JOB_ID)


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unauthorized), (404, NotFound), (409, Conflict), (400, InvalidRequest), (418, ApiError)]
)
def test_error_quotes_gateway(run: Run, status: int, kind: type[ApiError]) -> None:
    answer = reply(status, {"detail": "the cause: the fix"}, **{"x-request-id": "r-1"})
    with pytest.raises(kind, match="the cause: the fix") as error:
        run(ScriptedGateway(answer), "get", JOB_ID)
    assert (error.value.status, error.value.request_id) == (status, "r-1")


def test_every_invalid_field_is_reported(run: Run) -> None:
    fields = [{"loc": ["body", name], "msg": f"{name} is wrong", "type": "t", "place": name} for name in ("a", "b")]
    with pytest.raises(InvalidRequest, match="a is wrong; b is wrong") as error:
        run(ScriptedGateway(reply(422, {"detail": fields})), "submit", dataset_id="x")
    assert error.value.fields == tuple(InvalidField(("body", name), f"{name} is wrong", name) for name in ("a", "b"))


def test_response_of_proxy_is_quoted(run: Run) -> None:
    with pytest.raises(ApiError, match="HTTP 500: <html>"):
        run(ScriptedGateway(httpx.Response(500, text="<html>")), "get", JOB_ID)


def test_list_reads_all_pages(run: Run) -> None:
    pages = [
        reply(200, {"jobs": [{**JOB, "status": "queued"}] * 2, "total": 3, "next_cursor": "c"}),
        reply(200, {"jobs": [{**JOB, "status": "running"}], "total": 3, "next_cursor": None}),
    ]
    gateway = ScriptedGateway(*pages)
    assert [job.status for job in run(gateway, "list", status=["queued", "running"])] == ["queued", "queued", "running"]
    assert dict(gateway.requests[1].url.params.multi_items()) == {"status": "running", "cursor": "c"}


def test_events_resume_after_last_received_one(run: Run) -> None:
    gateway = ScriptedGateway(
        stream(is_now("running"), happened("a")),
        httpx.ReadError("cut"),
        reply(503, {"detail": "starting"}),
        stream(happened("b"), is_now("completed")),
    )
    events = run(gateway, "events", JOB_ID)
    assert [event.id for event in events] == ["now-running", "after-a", "after-b", "now-completed"]
    assert [request.headers.get("last-event-id") for request in gateway.requests] == [None, *["after-a"] * 3]


def test_unavailable_stream_raises(run: Run) -> None:
    with pytest.raises(NotFound):
        run(ScriptedGateway(reply(404, {"detail": "no such job"})), "events", JOB_ID)
    with pytest.raises(GatewayUnavailable, match="broke off"):
        run(ScriptedGateway(*[httpx.ConnectError("refused")] * calls.TRIES), "events", JOB_ID)


def test_fully_received_stream_is_empty(run: Run) -> None:
    assert run(ScriptedGateway(httpx.Response(204)), "events", JOB_ID, last_id="now-completed") == []


def test_wait_shows_progress_and_ends_with_job(run: Run) -> None:
    states: list[str] = []
    gateway = ScriptedGateway(stream(is_now("running"), is_now("completed")), reply(200, STATUS))
    job = run(gateway, "wait", JOB_ID, progress=lambda job: states.append(job.status))
    assert states == ["running", "completed"]
    assert (job.status, job.augmented_dataset_id) == ("completed", "me/out")


def test_wait_with_progress_bar_works_without_terminal(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(stream(is_now("completed")), reply(200, STATUS))
    assert run(gateway, "wait", JOB_ID, progress=True).status == "completed"
    assert capsys.readouterr().out == "", "it is on stderr"


def test_wait_ends_if_job_is_deleted(run: Run) -> None:
    with pytest.raises(NotFound, match="was deleted"):
        run(ScriptedGateway(stream(("removed", "r", {}))), "wait", JOB_ID)


def test_delete_and_outputs(run: Run) -> None:
    assert run(ScriptedGateway(httpx.Response(204)), "delete", JOB_ID) is None
    with pytest.raises(Conflict):
        run(ScriptedGateway(reply(409, {"detail": "it runs"})), "delete", JOB_ID)
    assert run(ScriptedGateway(reply(200, {"job_id": JOB_ID})), "outputs", JOB_ID).files == []


def test_id_cannot_change_request_path(run: Run) -> None:
    gateway = ScriptedGateway(reply(200, STATUS))
    run(gateway, "get", "../x?y")
    assert gateway.requests[0].url.raw_path == b"/v1/augmentation/..%2Fx%3Fy"


def test_missing_address_or_key_names_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AUGMENTATION_URL", raising=False)
    with pytest.raises(ApiError, match="AUGMENTATION_URL is not set"):
        Client(key="k")
    with pytest.raises(ApiError, match=r"AUGMENTATION_URL .* is not a URL"):
        Client("http://gateway:port", "k")
    monkeypatch.setenv("AUGMENTATION_URL", "http://gateway/")
    monkeypatch.delenv("AUGMENTATION_KEY", raising=False)
    with pytest.raises(ApiError, match="AUGMENTATION_KEY is not set"):
        AsyncClient()


def test_unknown_stream_lines_are_ignored() -> None:
    reader = EventReader()
    for line in ("event: invented", "id: 9", "data: {}", "", ": comment", "", "retry: 5", ""):
        assert reader.take(line) is None
    assert reader.last_id is None


@pytest.mark.parametrize("state", ["completed", "failed"])
def test_preview_is_the_image_or_the_reason_why_there_is_none(run: Run, state: str) -> None:
    requested = reply(201, {"job_id": JOB_ID, "status": "queued", "message": None})
    done = reply(200, {**STATUS, "status": state, "error": "no such camera: name another"})
    gateway = ScriptedGateway(requested, stream(is_now(state)), done, httpx.Response(200, content=b"pixels"))
    if state == "failed":
        with pytest.raises(ApiError, match="no such camera: name another"):
            run(gateway, "preview", dataset_id="a/b", episode=3)
    else:
        assert run(gateway, "preview", dataset_id="a/b", episode=3) == b"pixels"
        assert gateway.requests[-1].url.path == f"/v1/augmentation/{JOB_ID}/picture"
    assert gateway.requests[0].url.raw_path == b"/v1/previews?episode=3"
    assert json.loads(gateway.requests[0].content) == {"dataset_id": "a/b"}
    assert gateway.requests[0].headers["idempotency-key"]
