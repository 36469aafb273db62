"""Responses of a hostile server are printed as plain text, and never with the API key."""

import json
from typing import Any

import httpx
import pytest

from augmentation_client import ApiError, Client
from augmentation_client.calls import TRIES
from augmentation_client.command import main
from tests.unit.client.test_client import JOB, JOB_ID, STATUS, ScriptedGateway, happened, is_now, reply, stream
from tests.waits import record_waits

KEY = "aug_Zq7RvX2mWc9TjLp4Kd6Bn8"
ATTACK = "\x1b]0;owned\x07\x1b[2J\x9b31m\n2026-01-01T00:00:00Z resolve completed\r\u202efdp [link=http://x]"


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    record_waits(monkeypatch)


def printed(capture: pytest.CaptureFixture[str], answers: list[Any], *arguments: str, key: str = KEY) -> str:
    gateway = ScriptedGateway(*answers)

    def make_client(url: str | None, _: str | None) -> Client:
        return Client("http://gateway", key, transport=httpx.MockTransport(gateway.answer))

    main(arguments, make_client)
    captured = capture.readouterr()
    return captured.out + captured.err


def attacked(document: Any) -> Any:
    """The document with hostile text in the chosen fields."""
    hostile = {"name", "message", "error", "augmented_dataset_id", "url", "dataset_id", "node"}
    if isinstance(document, dict):
        return {
            name: ATTACK if name in hostile and not isinstance(item, dict | list) else attacked(item)
            for name, item in document.items()
        }
    return [attacked(item) for item in document] if isinstance(document, list) else document


@pytest.mark.parametrize("output", ["table", "json", "yaml"])
@pytest.mark.parametrize("command", ["get", "list", "cancel", "watch"])
def test_text_of_server_cannot_control_terminal(capsys: pytest.CaptureFixture[str], command: str, output: str) -> None:
    job = {**attacked(JOB), "status": "running"}
    answers = {
        "get": [reply(200, attacked(STATUS))],
        "list": [reply(200, {"jobs": [job], "total": 1, "next_cursor": None})],
        "cancel": [reply(200, {"job_id": JOB_ID, "cancelled": True, "message": ATTACK})],
        "watch": [stream(("status", "a", {**job, "status": "completed"})), reply(200, attacked(STATUS))],
    }[command]
    text = printed(capsys, answers, command, *([] if command == "list" else [JOB_ID]), "-o", output)
    assert "owned" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith("2026-01-01") for line in text.splitlines())


def test_job_log_lines_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    kind, name, event = happened("a")
    answers = [stream((kind, name, {**event, "message": ATTACK, "error": ATTACK}), is_now("completed"))]
    first, *_ = printed(capsys, answers, "logs", JOB_ID).splitlines()
    assert first.startswith("2026-11-20T10:00:00Z augment progress \\x1b]0;owned")


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(502, text=f"you sent {dict(request.headers)}", request=request),
        lambda request: httpx.Response(403, json={"detail": ATTACK}, request=request),
    ],
)
def test_error_is_shown_on_one_line_without_key(capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    def make_client(url: str | None, key: str | None) -> Client:
        return Client("http://gateway", KEY, transport=httpx.MockTransport(answer))

    assert main(["get", JOB_ID], make_client) == 2
    stderr = capsys.readouterr().err
    assert len(stderr.splitlines()) == 1
    assert stderr.strip().isprintable()
    assert "Zq7RvX2m" not in stderr


@pytest.mark.parametrize(
    "error",
    [
        httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"),
        httpx.RemoteProtocolError(f"illegal status line: {KEY}"),
        httpx.ProxyError(KEY),
        httpx.DecodingError(KEY),
        httpx.TooManyRedirects(KEY),
    ],
)
def test_error_of_http_library_is_reported_in_own_words(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    text = printed(capsys, [error] * TRIES, "get", JOB_ID)
    assert text.startswith("augmentation: ")
    assert "Zq7RvX2m" not in text


@pytest.mark.parametrize("key", ["aug_Zq7RvX2mWc\naug_other", "Zq7RvX2mWc prüfung", "Zq7RvX2m\x00Wc", "é" * 20])
def test_malformed_key_is_rejected_without_sending_or_showing_it(key: str) -> None:
    with pytest.raises(ApiError) as caught:
        Client("http://gateway", key)
    assert "AUGMENTATION_KEY" in str(caught.value)
    assert "Zq7RvX2m" not in json.dumps([str(caught.value), repr(caught.value)])


def test_address_is_shown_without_its_password() -> None:
    transport = httpx.MockTransport(ScriptedGateway(*[httpx.ConnectError("no")] * TRIES).answer)
    with pytest.raises(ApiError, match="http://gateway:81 does not answer") as caught:
        Client("http://user:Zq7RvX2mWc@gateway:81/", KEY, transport=transport).get(JOB_ID)
    assert "Zq7RvX2m" not in str(caught.value)
