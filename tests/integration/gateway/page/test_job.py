"""One job in a real browser: followed live, with its picture, its errors, and what may be done with it."""

import re
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.integration.control_plane import CHECKOUT, ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.jobs import JOBS
from tests.integration.gateway.page.cluster import Jobs, ago
from tests.integration.gateway.page.visitor import Visitor

PICTURE = CHECKOUT / "docs" / "preview.png"
SPEC = {
    "displayName": "pusht in varied lighting",
    "augmentation": {"transforms": ["lighting", "noise"], "copies": 3, "seed": 7, "episodes": "0:24"},
}
SOURCE = {
    "repoID": "lerobot/pusht",
    "revision": "5f1c2a9e8b7d6c5f4e3d2c1b0a9f8e7d6c5b4a39",
    "format": "LeRobot v3.0",
    "episodes": 206,
    "frames": 25650,
    "cameras": ["observation.image"],
    "selectedEpisodes": 24,
}


def phase(name: str, status: str, began: float, ended: float | None = None, *messages: str) -> dict[str, Any]:
    """A phase with its start and end in seconds before now, and one event per message."""
    events = [
        {"id": f"{name}-{number}", "status": "progress", "message": text, "timestamp": ago(began - 2 * number)}
        for number, text in enumerate(messages)
    ]
    done = {"completedAt": ago(ended)} if ended is not None else {}
    return {"name": name, "status": status, "startedAt": ago(began), **done, "events": events}


def running() -> dict[str, Any]:
    augment = phase("augment", "in_progress", 65, None, "Shard 0 has begun", "Shard 1 has begun", "Episode 11 is done")
    augment["events"].append(
        {
            "id": "augment-again",
            "status": "retrying",
            "error": "shard 1 ran out of memory (OOMKilled) at episode 14: it goes on there",
            "retryAttempt": 1,
            "timestamp": ago(12),
        }
    )
    return {
        "state": "running",
        "currentPhase": "augment",
        "className": "page-hub",
        "phases": [
            phase("resolve", "completed", 96, 90, "24 of 206 episodes, 2,736 frames to make"),
            phase("provision", "completed", 90, 65, "Waiting for a node", "Placed on gpu-node-17"),
            augment,
            {"name": "publish", "status": "pending"},
        ],
        "progress": {
            "percent": 42,
            "episodes": {"total": 24, "done": 11, "failed": 0},
            "frames": {"total": 2736, "done": 1149, "failed": 0},
            "bytes": {"total": 0, "done": 18_300_000, "failed": 0},
            "framesPerSecond": 84.2,
            "estimatedSecondsRemaining": 75,
        },
        "shards": [
            {"index": 0, "state": "running", "node": "gpu-node-17", "frames": {"total": 1368, "done": 800}},
            {
                "index": 1,
                "state": "running",
                "node": "gpu-node-17",
                "attempt": 1,
                "frames": {"total": 1368, "done": 349},
            },
        ],
        "shardCount": 2,
        "retryCount": 1,
        "placement": {
            "node": "gpu-node-17",
            "instanceType": "g6.2xlarge",
            "zone": "eu-west-1a",
            "accelerator": "NVIDIA-L4",
        },
        "source": SOURCE,
        "usage": {"acceleratorSeconds": 130, "cpuSeconds": 520, "price": 0.03},
    }


def completed() -> dict[str, Any]:
    return {
        **running(),
        "state": "completed",
        "currentPhase": "publish",
        "completedAt": ago(3),
        "phases": [
            phase("resolve", "completed", 96, 90, "24 of 206 episodes, 2,736 frames to make"),
            phase("provision", "completed", 90, 65, "Placed on gpu-node-17"),
            phase("augment", "completed", 65, 12, "Every episode is done"),
            phase("publish", "completed", 12, 3, "Published demo/pusht_augmented at 0a1b2c3d"),
        ],
        "progress": {
            "percent": 100,
            "episodes": {"total": 24, "done": 24, "failed": 0},
            "frames": {"total": 2736, "done": 2736, "failed": 0},
        },
        "output": {
            "datasetID": "demo/pusht_augmented",
            "revision": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
            "episodes": 278,
            "frames": 28386,
            "url": "https://elsewhere.example/whatever/a/pod/wrote",
        },
    }


class _Hub(BaseHTTPRequestHandler):
    """Stands in for a hub: it has one picture, and nothing else."""

    def do_GET(self) -> None:
        is_preview = self.path.startswith("/datasets/demo/pusht_augmented/resolve/") and self.path.endswith(
            "augmentation.png"
        )
        self.send_response(200 if is_preview else 404)
        self.end_headers()
        if is_preview:
            self.wfile.write(PICTURE.read_bytes())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub_class(granted: ControlPlane, jobs: Jobs) -> Iterator[str]:
    """A class whose hub is the one that stands in here; its name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spec = {
        "type": "deterministic",
        "image": "none",
        "hub": {"endpoint": f"http://127.0.0.1:{server.server_port}", "publicEndpoint": "https://hub.example"},
    }
    resource = {
        "apiVersion": "augmentation.dev/v1alpha1",
        "kind": "AugmentationClass",
        "metadata": {"name": "page-hub"},
    }
    granted.kubectl("apply", "--server-side", "-f", "-", manifest={**resource, "spec": spec})
    yield "page-hub"
    granted.kubectl("delete", "augmentationclass", "page-hub")
    server.shutdown()


def section(page: Page, title: str) -> Any:
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_running_job_is_followed_to_completion(visitor: Visitor, jobs: Jobs, hub_class: str) -> None:
    job_id = jobs.make("followed", {**SPEC, "className": hub_class}, running())
    page = visitor.page
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    expect(page.get_by_role("heading", level=1)).to_have_text("pusht in varied lighting")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    progress = "11 of 24 episodes · 1,149 of 2,736 frames · 17 MiB · 84 frames per second · about 1m 15s left"
    expect(page.get_by_text(progress)).to_be_visible()
    phases = page.get_by_role("list", name="Phases").get_by_role("listitem")
    expect(phases).to_have_count(4)
    expect(phases.nth(0)).to_contain_text(re.compile("resolve.*: done.*6s"))
    expect(phases.nth(2)).to_contain_text("in progress")
    events = page.get_by_role("list", name="Events").get_by_role("listitem")
    expect(events.first).to_contain_text("ran out of memory")
    expect(events.first).to_contain_text("attempt 2")
    expect(section(page, "2 shards")).to_contain_text("gpu-node-17 · attempt 2")
    expect(section(page, "Where it runs")).to_contain_text("NVIDIA-L4")
    expect(section(page, "Source")).to_contain_text("206, 24 of them selected")
    expect(section(page, "Parameters")).to_contain_text("lighting default ranges")
    visitor.check_accessibility("job-running-light", full=True)

    # A publish pod reports its result some time before the job is completed.
    reported = {**running(), "output": completed()["output"]}
    jobs.set_status("followed", {**reported, "progress": {**reported["progress"], "percent": 99}})
    expect(page.get_by_text("99%", exact=True)).to_be_visible()
    expect(page.get_by_text("The preview is published with the result.")).to_be_visible()
    jobs.set_status("followed", completed())
    expect(page.locator(".title .badge")).to_have_text("completed")
    expect(page.get_by_role("img", name="The first episode")).to_be_visible()
    assert page.get_by_role("img", name="The first episode").evaluate("image => image.naturalWidth") > 1000
    expect(page.get_by_role("link", name="demo/pusht_augmented")).to_have_attribute(
        "href", "https://hub.example/datasets/demo/pusht_augmented"
    )
    expect(page.get_by_role("group", name="Load it in Python")).to_contain_text('LeRobotDataset("demo/pusht_augmented"')
    expect(page.get_by_role("button", name="Cancel job")).to_have_count(0)
    assert page.title() == "completed · pusht in varied lighting"
    visitor.check_accessibility("job-completed-light", full=True)
    page.keyboard.press("t")
    visitor.check_accessibility("job-completed-dark", full=True)


def test_failed_job_shows_its_reason_and_fix_and_can_be_retried(visitor: Visitor, jobs: Jobs) -> None:
    failed = {
        "state": "failed",
        "currentPhase": "resolve",
        "observedGeneration": 1,
        "completedAt": ago(3),
        "phases": [{**phase("resolve", "failed", 9, 3), "error": "camera observation.imag is not in the dataset"}],
        "shards": [{"index": 7, "state": "failed", "message": "a frame of file-003.mp4 cannot be decoded"}],
        "conditions": [
            {
                "type": "Failed",
                "status": "True",
                "reason": "CameraNotFound",
                "message": "camera observation.imag is not in lerobot/pusht: it has observation.image",
                "lastTransitionTime": ago(3),
            }
        ],
    }
    job_id = jobs.make("wrong-camera", SPEC, failed)
    page = visitor.page
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    expect(page.get_by_role("heading", name="The job failed")).to_contain_text("CameraNotFound")
    expect(page.get_by_text("it has observation.image")).to_be_visible()
    expect(section(page, "1 shard")).to_contain_text("a frame of file-003.mp4 cannot be decoded")
    visitor.check_accessibility("job-failed", full=True)
    page.get_by_role("button", name="Retry").click()
    dialog = page.get_by_role("dialog", name="Retry this job?")
    expect(dialog).to_be_visible()
    visitor.check_accessibility("job-retry-question")
    dialog.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status").filter(has_text="The job is being retried")).to_be_visible()
    assert jobs.named("wrong-camera")["spec"]["attempt"] == 1


def test_job_is_cancelled_by_keyboard_after_confirmation(visitor: Visitor, jobs: Jobs) -> None:
    job_id = jobs.make("too-many", SPEC, {"state": "running", "currentPhase": "augment"})
    page = visitor.page
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    page.get_by_role("button", name="Cancel job").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Cancel this job?")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert not jobs.named("too-many")["spec"].get("cancel")
    page.get_by_role("button", name="Cancel job").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the job").press("Enter")
    expect(page.get_by_role("button", name="Cancelling")).to_be_disabled()
    assert jobs.named("too-many")["spec"]["cancel"] is True
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()


def test_disallowed_actions_are_not_offered(visitor: Visitor, jobs: Jobs) -> None:
    job_id = jobs.make("only-looked-at", SPEC, {"state": "failed"})
    visitor.sign_in("page-reader", f"/#/jobs/{job_id}")
    expect(visitor.page.get_by_text("This key is read-only.")).to_be_visible()
    for action in ("Retry", "Delete", "Use as template"):
        expect(visitor.page.get_by_role("button", name=action)).to_have_count(0)


@pytest.mark.parametrize(
    ("condition", "reason", "message"),
    [
        ("Placed", "Unschedulable", "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. Name another class."),
        ("Admitted", "QuotaReserved", "Queue robots-gpu is full: it goes on when one of its jobs has ended."),
    ],
)
def test_waiting_job_shows_its_reason_and_queue_position(
    visitor: Visitor, jobs: Jobs, condition: str, reason: str, message: str
) -> None:
    waits = {"type": condition, "status": "False", "reason": reason, "message": message, "lastTransitionTime": ago(30)}
    status = {"state": "queued", "queue": {"position": 1, "depth": 4}, "conditions": [waits]}
    job_id = jobs.make(f"in-line-{reason.lower()}", SPEC, status)
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    expect(visitor.page.get_by_text("Position 2 of 4 in the queue")).to_be_visible()
    expect(visitor.page.get_by_role("heading", name="The job is waiting")).to_contain_text(reason)
    expect(visitor.page.get_by_text(message)).to_be_visible()
    expect(visitor.page.get_by_text("The preview is published with the result.")).to_be_visible()


def test_names_and_messages_are_rendered_as_text(visitor: Visitor, jobs: Jobs) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    job_id = jobs.make("evil", {"displayName": evil}, {"state": "queued", "message": evil})
    visitor.page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    visitor.sign_in()
    expect(visitor.row(evil)).to_be_visible()
    visitor.page.goto(f"/#/jobs/{job_id}")
    expect(visitor.page.get_by_role("heading", level=1)).to_have_text(evil)


def test_job_from_store_to_store_shows_where_and_how_to_copy_it(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["404"]  # the preview is in the store, which the gateway does not read
    place = {"bucket": "robots", "path": "it's/pusht"}
    output = {**completed()["output"], "datasetID": "s3://robots/it's/pusht_augmented", "url": None}
    status = {**completed(), "output": {name: value for name, value in output.items() if value is not None}}
    job_id = jobs.make("in-a-store", {"displayName": "In a store", "source": {"s3": place}}, status)
    visitor.sign_in()
    expect(visitor.row("In a store")).to_be_visible()
    visitor.page.goto(f"/#/jobs/{job_id}")
    expect(section(visitor.page, "Source")).to_contain_text("s3://robots/it's/pusht")
    load = visitor.page.get_by_role("group", name="Load it in Python")
    expect(load).to_contain_text(r"aws s3 sync 's3://robots/it'\''s/pusht_augmented' 'pusht_augmented'")
    expect(load).to_contain_text('root="pusht_augmented"')


def test_missing_job_is_reported(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["404", "422"]
    visitor.sign_in(address="/#/jobs/2489e9ad-2ee2-8e00-8ec9-32d5f69181c0")
    expect(visitor.page.get_by_text("There is no augmentation job 2489e9ad")).to_be_visible()
    visitor.page.goto("/#/jobs/nonsense")
    expect(visitor.page.get_by_text("has to be a UUID")).to_be_visible()
    visitor.check_accessibility("job-not-there")


def test_deleting_job_leads_back_to_list(visitor: Visitor, jobs: Jobs) -> None:
    job_id = jobs.make("deleted-here", SPEC, {"state": "cancelled"})
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    visitor.page.get_by_role("button", name="Delete").click()
    visitor.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(visitor.page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()
    expect(visitor.row("deleted-here")).to_have_count(0)


def test_broken_stream_is_reported_and_resumed(visitor: Visitor, jobs: Jobs) -> None:
    visitor.expected_complaints = ["net::ERR_", "503"]
    job_id = jobs.make("broken-off", SPEC, {"state": "running", "currentPhase": "augment"})
    page = visitor.page
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    visitor.gateway.stop(signal.SIGKILL)
    try:
        expect(page.get_by_text("connection lost", exact=True)).to_be_visible()
    finally:
        visitor.gateway.start()
        visitor.gateway.await_ready()
    expect(page.get_by_text("live", exact=True)).to_be_visible(timeout=90_000)
    jobs.set_status("broken-off", {"state": "cancelled", "cancelledAt": ago(1)})
    expect(page.locator(".title .badge")).to_have_text("cancelled")


def test_id_can_be_copied(visitor: Visitor, jobs: Jobs, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    job_id = jobs.make("to-be-reported", SPEC)
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    visitor.page.get_by_role("button", name="Copy id").click()
    expect(visitor.page.get_by_text("Copied", exact=True)).to_be_visible()
    assert visitor.page.evaluate("navigator.clipboard.readText()") == job_id


def test_equivalent_kubectl_and_rest_commands_are_shown(visitor: Visitor, jobs: Jobs) -> None:
    job_id = jobs.make("elsewhere", SPEC, {"state": "running"})
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    page = visitor.page
    expect(page.get_by_role("group", name="kubectl")).to_contain_text("kubectl get augmentationjob elsewhere -n page")
    page.get_by_role("tab", name="kubectl").press("ArrowRight")
    expect(page.get_by_role("group", name="REST")).to_contain_text(f"curl {visitor.gateway.url}{JOBS}/{job_id}")
    page.get_by_role("tab", name="Manifest").click()
    expect(page.get_by_role("group", name="Manifest")).to_contain_text("transforms: [lighting, noise]")


def test_job_fits_phone_in_dark_mode(
    browser: Browser, gateway: GatewayProcess, jobs: Jobs, hub_class: str, tmp_path: Path
) -> None:
    job_id = jobs.make("small", {**SPEC, "className": hub_class}, completed())
    context = browser.new_context(base_url=gateway.url, viewport={"width": 360, "height": 740}, color_scheme="dark")
    visitor = Visitor(context.new_page(), gateway)
    visitor.sign_in(address=f"/#/jobs/{job_id}")
    expect(visitor.page.get_by_role("img", name="The first episode")).to_be_visible()
    visitor.check_accessibility("job-360-dark", full=True)
    assert visitor.complaints() == []
    context.close()
