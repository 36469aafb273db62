"""The `augmentation` command: its requests, output and exit codes."""

import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from augmentation_client import Client
from augmentation_client.command import main
from tests.shown_prices import SHOWN_PRICES
from tests.unit.client.test_client import (
    JOB,
    JOB_ID,
    STATUS,
    ScriptedGateway,
    happened,
    is_now,
    reply,
    stream,
)

MADE = {"job_id": JOB_ID, "status": "queued", "message": "created"}


def run(gateway: ScriptedGateway, *arguments: str) -> int:
    def make_client(url: str | None, key: str | None) -> Client:
        return Client(url or "http://gateway", key or "aug_key", transport=httpx.MockTransport(gateway.answer))

    return main(arguments, make_client)


def body(gateway: ScriptedGateway) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(gateway.requests[0].content)
    return sent


def test_submit_merges_file_options_and_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    request = tmp_path / "request.yaml"
    request.write_text("project_id: p\ndataset_id: a/b\naugment_copies: 1\n")
    gateway = ScriptedGateway(reply(201, MADE))
    settings = ["--set", "augment_copies=2", "--set", "private=true", "--set", "cameras=[top]"]
    assert (
        run(gateway, "submit", "-f", str(request), "--source", "s3://c/d", "--publish-as", "s3://c/e", *settings) == 0
    )
    assert body(gateway) == {
        "project_id": "p",
        "dataset_id": "s3://c/d",
        "output_dataset_id": "s3://c/e",
        "augment_copies": 2,
        "private": True,
        "cameras": ["top"],
    }
    assert JOB_ID in capsys.readouterr().out


def test_submit_reads_request_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"dataset_id": "a/b"}'))
    gateway = ScriptedGateway(reply(201, MADE))
    assert run(gateway, "submit", "-f", "-") == 0
    assert body(gateway) == {"dataset_id": "a/b"}


@pytest.mark.parametrize(("state", "status"), [("completed", 0), ("failed", 1)])
def test_submit_with_wait_reports_final_state(state: str, status: int) -> None:
    gateway = ScriptedGateway(reply(201, MADE), stream(is_now(state)), reply(200, {**STATUS, "status": state}))
    assert run(gateway, "submit", "--dataset", "a/b", "--wait") == status


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["submit", "--set", "augment_copies"], "write FIELD=VALUE"),
        (["submit", "-f", "/nowhere.yaml"], "No such file"),
    ],
)
def test_usage_error_is_reported_and_nothing_is_sent(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = ScriptedGateway()
    assert run(gateway, *arguments) == 2
    assert message in capsys.readouterr().err
    assert gateway.requests == []


def test_list_prints_table_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    jobs = [{**JOB, "status": "running", "percent": 40, "dataset_id": "a/b", "node": "gpu-1"}]

    def listed(*arguments: str) -> str:
        page = reply(200, {"jobs": jobs, "total": 1, "next_cursor": None})
        assert run(ScriptedGateway(page), "list", *arguments) == 0
        return capsys.readouterr().out

    header, row = listed().splitlines()
    assert header.split() == ["JOB", "NAME", "DATASET", "STATUS", "PHASE", "PROGRESS", "NODE", "AGE"]
    assert row.split() == [JOB_ID, "a", "a/b", "running", "augment", "40%", "gpu-1"]
    assert json.loads(listed("-o", "json"))[0]["job_id"] == JOB_ID
    assert yaml.safe_load(listed("-o", "yaml"))[0]["percent"] == 40


def test_list_sends_filters(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(reply(200, {"jobs": [], "total": 0}))
    assert run(gateway, "list", "--status", "failed", "--status", "running", "--name", "x", "--limit", "5") == 0
    assert gateway.requests[0].url.params.multi_items() == [
        ("limit", "5"),
        ("status", "failed"),
        ("status", "running"),
        ("name", "x"),
    ]


def test_logs_print_events_and_final_state(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(stream(is_now("running"), happened("a"), is_now("failed")))
    assert run(gateway, "logs", JOB_ID) == 1
    assert capsys.readouterr().out.splitlines() == ["2026-11-20T10:00:00Z augment progress", "failed"]


def test_watch_prints_progress_to_stderr_and_job_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(stream(is_now("running"), is_now("completed")), reply(200, STATUS))
    assert run(gateway, "watch", JOB_ID, "-o", "json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["augmented_dataset_id"] == "me/out"
    assert printed.err.splitlines() == ["running augment 0%", "completed augment 0%"]


def test_cancel_retry_get_and_delete(capsys: pytest.CaptureFixture[str]) -> None:
    cancelled = reply(200, {"job_id": JOB_ID, "cancelled": True, "message": "being cancelled"})
    assert run(ScriptedGateway(cancelled), "cancel", JOB_ID) == 0
    retried = ScriptedGateway(reply(200, {"job_id": JOB_ID, "attempt": 2}))
    assert run(retried, "retry", JOB_ID, "--on-bad-episode", "skip") == 0
    assert retried.requests[0].url.query == b"on_bad_episode=skip"
    assert run(ScriptedGateway(reply(200, STATUS)), "get", JOB_ID) == 0
    assert run(ScriptedGateway(httpx.Response(204)), "delete", JOB_ID) == 0
    text = capsys.readouterr().out
    assert "being cancelled" in text
    assert "attempt:   2" in text
    assert "dataset:   me/out" in text


def test_error_of_gateway_is_printed_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ScriptedGateway(reply(404, {"detail": "There is no augmentation job x."})), "get", "x") == 2
    assert capsys.readouterr().err == "augmentation: There is no augmentation job x.\n"


def test_caret_stands_below_the_place_in_a_condition(capsys: pytest.CaptureFixture[str]) -> None:
    problem = {"loc": ["body", "where"], "msg": "where: expected", "type": "t", "place": "  a = 1\n    ^\nfaked: ok"}
    gateway = ScriptedGateway(reply(422, {"detail": [problem]}))
    assert run(gateway, "submit", "--dataset", "a/b", "--where", "a = 1") == 2
    assert body(gateway) == {"dataset_id": "a/b", "where": "a = 1"}
    assert capsys.readouterr().err == "augmentation: where: expected\n    a = 1\n      ^\n"


@pytest.mark.parametrize(("image", "name"), [(b"\x89PNG\r\n", "seen.png"), (b"\xff\xd8\xff\xe0", "seen.jpg")])
def test_preview_is_written_under_a_name_of_its_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], image: bytes, name: str
) -> None:
    done = [stream(is_now("completed")), reply(200, {**STATUS, "status": "completed"})]
    gateway = ScriptedGateway(reply(201, MADE), *done, httpx.Response(200, content=image))
    options = ["--dataset", "a/b", "--frame", "4", "-o", str(tmp_path / "seen.png")]
    assert run(gateway, "preview", *options) == 0
    assert (tmp_path / name).read_bytes() == image
    assert capsys.readouterr().out.strip() == str(tmp_path / name)
    assert gateway.requests[0].url.query == b"frame=4"


NODE = {
    "placement": "spot",
    "cores": 4,
    "pods": 3,
    "minutes": 12.34,
    "pod_hours": 0.5,
    "price": 0.05,
    "minutes_at_most": 30,
}
LARGE = {"placement": "fast", "cores": 16, "accelerators": 1, "pods": 1, "minutes": 3, "pod_hours": 0.05}
ESTIMATE = {
    "class_name": "cpu",
    "frames": 60000,
    "images": 120000,
    "bytes": 600_000_000,
    "processor_seconds": 3600,
    "shards": 3,
    "nodes": [NODE],
    "other_classes": [{"class_name": "large", "shards": 1, "nodes": [LARGE]}],
    "note": "Something was assumed",
}


UNREAD = "No job has read a/b. POST /v1/previews with the same body does"


def tried(estimate: dict[str, Any] | None, missing: str | None = None) -> httpx.Response:
    return reply(
        200, {"dry_run": True, "message": "", "manifest": {}, "estimate": estimate, "estimate_missing": missing}
    )


def test_estimate_has_a_preview_read_the_dataset_first(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = reply(200, {**STATUS, "status": "completed"})
    image = httpx.Response(200, content=b"\x89PNG")
    gateway = ScriptedGateway(
        tried(None, UNREAD), reply(201, MADE), stream(is_now("completed")), drawn, image, tried(ESTIMATE)
    )
    assert run(gateway, "estimate", "--dataset", "a/b", "--set", "augment_copies=2") == 0
    out = capsys.readouterr().out
    assert "60,000 augmented frames, 120,000 images, about 600 MB" in out
    assert [line.split() for line in out.splitlines()[-4:-2]] == [
        ["cpu", "spot", "3", "4", "0", "12.3", "30.0", "0.05"],
        ["large", "fast", "1", "16", "1", "3.0"],
    ]
    assert out.splitlines()[-2:] == [
        "Jobs submitted here run as class cpu; with kubectl, spec.className names another.",
        "Something was assumed.",
    ]
    asked = [request for request in gateway.requests if request.method == "POST"]
    assert [request.url.path for request in asked] == ["/v1/augmentation", "/v1/previews", "/v1/augmentation"]
    assert dict(asked[0].url.params) == {"dry_run": "true", "estimate": "true"}
    assert "idempotency-key" not in asked[0].headers


def test_estimate_of_one_frame_is_in_the_singular(capsys: pytest.CaptureFixture[str]) -> None:
    one = {**ESTIMATE, "frames": 1, "images": 1, "shards": 1}
    assert run(ScriptedGateway(tried(one)), "estimate", "--dataset", "a/b") == 0
    out = capsys.readouterr().out
    assert "1 augmented frame, 1 image, about" in out and "class cpu, 1 shard, 1.00" in out


@pytest.mark.parametrize(("count", "size"), [(7_200_000, "7.2 MB"), (400_000, "400 kB"), (15e9, "15 GB")])
def test_estimate_gives_sizes_in_their_unit(capsys: pytest.CaptureFixture[str], count: float, size: str) -> None:
    assert run(ScriptedGateway(tried({**ESTIMATE, "bytes": count})), "estimate", "--dataset", "a/b") == 0
    assert f"about {size}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("price", "shown"), SHOWN_PRICES)
def test_price_that_is_not_zero_never_reads_as_free(
    capsys: pytest.CaptureFixture[str], price: float, shown: str
) -> None:
    estimate = {**ESTIMATE, "nodes": [{**NODE, "price": price}], "other_classes": []}
    assert run(ScriptedGateway(tried(estimate)), "estimate", "--dataset", "a/b") == 0
    assert capsys.readouterr().out.splitlines()[-2].split()[-1] == shown
    progress = {"percent": 40, "estimated_price": price}
    gateway = ScriptedGateway(reply(200, {**STATUS, "status": "running", "progress": progress}))
    assert run(gateway, "get", JOB_ID) == 0
    assert f"price about {shown}\n" in capsys.readouterr().out


def test_estimate_of_a_described_dataset_reads_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    described = ["--source-frames", "1000", "--source-height", "480", "--source-width", "640"]
    gateway = ScriptedGateway(tried(ESTIMATE))
    assert run(gateway, "estimate", "--dataset", "a/b", *described, "-o", "json") == 0
    assert json.loads(capsys.readouterr().out)["nodes"][0]["price"] == 0.05
    assert gateway.requests[0].url.params["source_frames"] == "1000"
    assert run(ScriptedGateway(tried(None, UNREAD)), "estimate", "--dataset", "a/b", "--no-read") == 2
    assert UNREAD in capsys.readouterr().err


def test_estimate_that_reading_cannot_give_has_nothing_read(capsys: pytest.CaptureFixture[str]) -> None:
    gateway = ScriptedGateway(tried(None, "Generative jobs are not estimated"))
    assert run(gateway, "estimate", "--dataset", "a/b") == 2
    assert "Generative jobs are not estimated" in capsys.readouterr().err
    assert [request.url.path for request in gateway.requests] == ["/v1/augmentation"]


def test_get_shows_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    progress = {"percent": 40, "estimated_seconds_remaining": 90, "estimated_price": 1.234}
    gateway = ScriptedGateway(reply(200, {**STATUS, "status": "running", "progress": progress}))
    assert run(gateway, "get", JOB_ID) == 0
    assert "40%, about 1.5 minutes left, price about 1.23" in capsys.readouterr().out
