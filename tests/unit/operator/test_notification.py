"""Notifications: what is recorded of the event of a job's end, what is sent, and how it is signed and retried."""

import asyncio
import base64
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook, WebhookVerificationError
from typing_extensions import override

from augmentation_api import AugmentationJob, State
from augmentation_api.notify import Notify
from augmentation_api.status import Notification
from augmentation_api.vocabulary import NotificationState
from augmentation_kube import KubeError, Resource
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification import delivery, notifier
from augmentation_operator.controller.notification.cloud_event import cloud_event
from augmentation_operator.controller.notification.notifier import GIVE_UP_AFTER, Notifier
from augmentation_operator.controller.notification.signature import UnusableKey, read_keys, signed_headers
from augmentation_operator.reconcile.notification import NotificationOutcome
from tests.fixtures.authority import Authority
from tests.integration.listener import Answer, Listener, listening
from tests.kubernetes.in_memory import InMemoryKube
from tests.unit.operator.simulated_cluster import PUBLISH, UID, SimulatedCluster, make_class

KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
URL = "https://hooks.example.com/t/very-secret-path"
SECRET_REF = {"name": "augmentation-webhook"}
NOTIFY = {"url": URL, "secretRef": SECRET_REF}
NAMESPACE = "augmentation-system"
EVENT_ID = f"{UID}-0-completed"


# What the status records.


class RecordingNotifier(Notifier):
    """A notifier that delivers nothing; a test says how a delivery ended."""

    def __init__(self) -> None:
        super().__init__(InMemoryKube(), NAMESPACE, Metrics(), lambda uid: None, lambda: datetime.now(UTC))
        self.submitted: list[tuple[str, str]] = []
        self.outcome: NotificationOutcome | None = None

    @override
    def outcome_of(self, uid: str) -> NotificationOutcome | None:
        return self.outcome

    @override
    def submit(self, job: AugmentationJob, notify: Notify, event_id: str) -> timedelta | None:
        assert job.status.state is not None
        self.submitted.append((event_id, notify.url))
        return None


def ended(**spec: Any) -> tuple[SimulatedCluster, RecordingNotifier]:
    cluster = SimulatedCluster(classes=(make_class(notify=NOTIFY),), **spec)
    cluster.notifier = notifier = RecordingNotifier()
    cluster.complete()
    return cluster, notifier


def recorded(cluster: SimulatedCluster) -> Notification:
    assert cluster.status.notification is not None
    return cluster.status.notification


def test_end_is_recorded_with_its_event_and_sent_until_an_outcome_is_known() -> None:
    cluster, notifier = ended()
    assert recorded(cluster) == Notification(id=EVENT_ID, state=NotificationState.PENDING)
    notifier.submitted.clear()
    cluster.reconcile()  # as an operator that has just started
    assert notifier.submitted == [(EVENT_ID, URL)]
    notifier.outcome = NotificationOutcome(EVENT_ID, NotificationState.PENDING, "it answered 500")
    cluster.reconcile()
    assert recorded(cluster).message == "it answered 500"
    notifier.outcome = NotificationOutcome(EVENT_ID, NotificationState.DELIVERED)
    cluster.reconcile()
    assert recorded(cluster) == Notification(id=EVENT_ID, state=NotificationState.DELIVERED)
    notifier.submitted.clear()
    writes = cluster.writes
    cluster.reconcile()
    assert not notifier.submitted
    assert cluster.writes == writes


def test_outcome_of_another_event_counts_for_nothing() -> None:
    cluster, notifier = ended()
    notifier.outcome = NotificationOutcome("another", NotificationState.DELIVERED)
    cluster.reconcile()
    assert recorded(cluster).state is NotificationState.PENDING


def test_each_attempt_has_an_event_of_its_own() -> None:
    cluster = SimulatedCluster(classes=(make_class(notify=NOTIFY),))
    cluster.notifier = RecordingNotifier()
    cluster.change(cancel=True)
    cluster.settle()
    assert recorded(cluster).id == f"{UID}-0-cancelled"
    cluster.retry()
    cluster.reconcile()
    assert cluster.status.notification is None
    cluster.complete()
    assert recorded(cluster).id == f"{UID}-1-completed"


def test_job_that_is_given_up_leaves_a_warning() -> None:
    cluster, notifier = ended()
    notifier.outcome = NotificationOutcome(EVENT_ID, NotificationState.FAILED, "hooks.example.com: it answered 410")
    cluster.reconcile()
    (event,) = (body for body in cluster.kube.all(Resource.EVENTS) if body["reason"] == "NotificationFailed")
    assert event["type"] == "Warning"
    assert event["message"] == "the end of the job was not announced: hooks.example.com: it answered 410"


def test_job_is_deleted_after_its_time_to_live_only_when_its_event_was_sent() -> None:
    cluster, notifier = ended(ttlSecondsAfterFinished=0)
    assert not cluster.deleted
    assert notifier.submitted
    notifier.outcome = NotificationOutcome(EVENT_ID, NotificationState.DELIVERED)
    cluster.settle()
    assert cluster.deleted


def test_class_that_names_no_address_any_more_ends_the_attempts() -> None:
    cluster, _ = ended()
    cluster.classes = (make_class(),)
    cluster.reconcile()
    assert recorded(cluster).state is NotificationState.FAILED
    assert "names no address any more" in str(recorded(cluster).message)


def begun(**spec: Any) -> tuple[SimulatedCluster, RecordingNotifier]:
    """A job that keeps its class as it was."""
    cluster = SimulatedCluster(classes=(make_class(**spec),))
    cluster.notifier = notifier = RecordingNotifier()
    cluster.reach(PUBLISH)
    assert cluster.status.class_snapshot is not None
    return cluster, notifier


def test_receiver_is_that_of_the_class_as_it_is_and_of_a_deleted_one_as_it_was() -> None:
    moved = {**NOTIFY, "url": "https://moved.example.com/"}
    cluster, notifier = begun()
    cluster.classes = (make_class(notify=moved),)
    cluster.finish_publish()
    assert notifier.submitted[-1] == (EVENT_ID, moved["url"])
    cluster, notifier = begun(notify=NOTIFY)
    cluster.classes = ()
    cluster.finish_publish()
    cluster.reconcile()
    assert recorded(cluster).state is NotificationState.PENDING
    assert notifier.submitted[-1] == (EVENT_ID, URL)
    cluster, _ = begun(notify=NOTIFY)
    cluster.classes = (make_class(),)
    cluster.finish_publish()
    assert cluster.status.notification is None


def test_jobs_of_other_classes_and_previews_are_not_announced() -> None:
    plain = SimulatedCluster()
    plain.complete()
    assert plain.status.notification is None
    preview = SimulatedCluster(preview={}, classes=(make_class(notify=NOTIFY),))
    preview.change(cancel=True)
    preview.settle()
    assert preview.status.state is State.CANCELLED
    assert preview.status.notification is None


@pytest.mark.parametrize(
    ("notify", "message"),
    [
        ({"url": "http://hooks.example.com/"}, "has to begin with https://"),
        ({"url": "https://user:password@hooks.example.com/"}, "url"),
        ({"url": "ftp://hooks.example.com/"}, "url"),
    ],
)
def test_address_is_https_without_credentials(notify: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_class(notify={"secretRef": SECRET_REF, **notify})
    assert make_class(notify={**NOTIFY, "url": "http://x/", "insecure": True}).spec.notify is not None


# What is sent: judged by the receivers' own libraries.


def test_signature_is_verified_by_standard_webhooks_with_either_of_two_keys() -> None:
    body, at = '{"note": "ä"}'.encode(), datetime.now(UTC)
    headers = signed_headers("id-1", at, body, read_keys(f"{KEY} {OTHER_KEY}\n"))
    for key in (KEY, OTHER_KEY):
        assert Webhook(key).verify(body, headers) == {"note": "ä"}
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(KEY).verify(body, signed_headers("id-1", at - timedelta(minutes=6), body, read_keys(KEY)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hunter2", "has to begin with whsec_"),
        ("whsec_hunter2!", "has to be base64"),
        ("whsec_aHVudGVyMg==", "24 bytes at least, and has 7"),
        (" ", "it is empty"),
    ],
)
def test_unusable_key_is_described_and_not_quoted(text: str, message: str) -> None:
    with pytest.raises(UnusableKey, match=message) as caught:
        read_keys(text)
    assert "hunter2" not in str(caught.value)


def test_receiver_of_the_documentation_takes_an_event_once_and_no_forged_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    receiver: dict[str, Any] = {"__name__": "receiver"}
    exec(compile(code, "receiver.py", "exec"), receiver)
    monkeypatch.setenv("WEBHOOK_SECRET", KEY)
    server = HTTPServer(("127.0.0.1", 0), receiver["Receiver"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    cluster, _ = ended()
    body = json.dumps(cloud_event(cluster.job, EVENT_ID)).encode()
    for key, status in ((KEY, 204), (KEY, 204), (OTHER_KEY, 401)):
        headers = signed_headers(EVENT_ID, datetime.now(UTC), body, read_keys(key))
        assert httpx.post(url, content=body, headers=headers, timeout=60, trust_env=False).status_code == status
    server.shutdown()
    assert capsys.readouterr().out.count("dev.augmentation.job.completed default/kitchen") == 1


class Delivering:
    """A notifier of a job that has ended, at a moment that a test moves."""

    def __init__(self, url: str, key: str | None = KEY) -> None:
        cluster = SimulatedCluster(classes=(make_class(notify=NOTIFY),), displayName="Küche")
        cluster.notifier = RecordingNotifier()
        cluster.complete()
        self.now = datetime.now(UTC).replace(microsecond=0)
        status = cluster.status.model_copy(update={"completed_at": self.now})
        self.job = cluster.job.model_copy(update={"status": status})
        self.kube, self.metrics, self.woken = InMemoryKube(), Metrics(), asyncio.Event()
        self.notify = Notify.model_validate({"url": url, "insecure": True, "secretRef": SECRET_REF})
        if key is not None:
            data = {"secret": base64.b64encode(key.encode()).decode()}
            self.kube.put(Resource.SECRETS, {"metadata": {"name": "augmentation-webhook"}, "data": data}, NAMESPACE)
        self.notifier = Notifier(self.kube, NAMESPACE, self.metrics, lambda _: self.woken.set(), lambda: self.now)

    async def attempt(self) -> NotificationOutcome:
        """Ask for a delivery when it is due, and wait until it has ended."""
        self.woken.clear()
        wait = self.notifier.submit(self.job, self.notify, EVENT_ID)
        if wait is not None:
            self.now += wait
            assert self.notifier.submit(self.job, self.notify, EVENT_ID) is None
        assert self.notifier.submit(self.job, self.notify, EVENT_ID) is None  # one at a time
        await asyncio.wait_for(self.woken.wait(), 10)
        outcome = self.notifier.outcome_of(UID)
        assert outcome is not None
        await asyncio.sleep(0)
        return outcome


@contextmanager
def receiving(*answers: Answer) -> Iterator[Listener]:
    """A receiver that gives these answers, the last one for ever."""
    left = list(answers)
    with listening(lambda method, path: left.pop(0) if len(left) > 1 else left[0]) as listener:
        yield listener


async def test_event_is_a_cloud_event_that_both_libraries_accept_also_when_it_is_repeated() -> None:
    with receiving((500, {}, b""), (204, {}, b"")) as listener:
        delivering = Delivering(f"{listener.url}/hook")
        failed = await delivering.attempt()
        assert failed.state is NotificationState.PENDING
        assert failed.message == f"{listener.url.removeprefix('http://')}: it answered 500"
        assert (await delivering.attempt()).state is NotificationState.DELIVERED
    assert [line for line in listener.heard if line != "connection"] == ["POST /hook"] * 2
    for headers, body in zip(listener.headers, listener.bodies, strict=True):
        assert headers["webhook-id"] == EVENT_ID
        event = from_http_event(HTTPMessage(headers, body))
        assert (event.get_id(), event.get_type()) == (EVENT_ID, "dev.augmentation.job.completed")
        assert event.get_source() == "/apis/augmentation.dev/v1alpha1/namespaces/default/augmentationjobs/kitchen"
        data: Any = event.get_data()
        assert (data["job_id"], data["state"], data["display_name"]) == (UID, "completed", "Küche")
        assert Webhook(KEY).verify(body, headers) == json.loads(body)
    metrics = delivering.metrics.render().decode()
    assert 'augmentation_notifications_total{result="retried"} 1.0' in metrics
    assert 'augmentation_notifications_total{result="delivered"} 1.0' in metrics


async def test_redirect_is_not_followed_and_gone_ends_the_attempts() -> None:
    with receiving((307, {"Location": "/elsewhere"}, b""), (410, {}, b"")) as listener:
        delivering = Delivering(f"{listener.url}/hook")
        assert "redirects are not followed" in str((await delivering.attempt()).message)
        assert (await delivering.attempt()).state is NotificationState.FAILED
    assert "POST /elsewhere" not in listener.heard


async def test_attempts_back_off_and_end_after_a_day(caplog: pytest.LogCaptureFixture) -> None:
    delivering = Delivering("http://127.0.0.1:1/very-secret-path?token=hunter2")
    begin, times = delivering.now, []
    while (outcome := await delivering.attempt()).state is NotificationState.PENDING:
        times.append(delivering.now - begin)
    assert outcome.message is not None
    assert "it cannot be reached" in outcome.message
    assert 20 < len(times) < 40
    assert times[1] < timedelta(seconds=10)
    assert delivering.now - begin <= GIVE_UP_AFTER
    said = caplog.text + outcome.message
    assert "127.0.0.1:1" in said
    assert "very-secret-path" not in said
    assert "hunter2" not in said
    assert 'result="given_up"} 1.0' in delivering.metrics.render().decode()


async def test_receiver_that_does_not_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "TIMEOUT_SECONDS", 0.2)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        delivering = Delivering(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert "no answer within" in str((await delivering.attempt()).message)


async def test_certificate_of_a_private_authority_is_trusted_once_the_operator_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}}")
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=authority.server_context("127.0.0.1"))
    async with server:
        delivering = Delivering(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        assert "its certificate is not trusted (" in str((await delivering.attempt()).message)
        monkeypatch.setenv("AUGMENTATION_CA_BUNDLE", str(authority.certificate))
        assert (await delivering.attempt()).state is NotificationState.DELIVERED


@pytest.mark.parametrize(
    ("error", "key", "message"),
    [
        (None, None, "does not exist: create it"),
        (None, "hunter2", "cannot be used: a key has to begin with whsec_"),
        (
            KubeError(403, "Forbidden", "secrets is forbidden"),
            KEY,
            "name it in notifications.secrets of the Helm chart",
        ),
    ],
)
async def test_secret_that_cannot_be_used_is_named_with_the_fix(
    error: KubeError | None, key: str | None, message: str
) -> None:
    with receiving((204, {}, b"")) as listener:
        delivering = Delivering(listener.url, key)
        if error is not None:
            delivering.kube.fail(error, resource=Resource.SECRETS)
        outcome = await delivering.attempt()
    assert outcome.state is NotificationState.PENDING
    assert "Secret augmentation-webhook (key secret) of namespace augmentation-system" in str(outcome.message)
    assert message in str(outcome.message)
    assert "hunter2" not in str(outcome.message)
    assert not listener.heard


async def test_receiver_that_hangs_keeps_no_other_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    delivered: list[str] = []

    async def hang_or_take(url: str, body: bytes, headers: Mapping[str, str]) -> None:
        if "hangs" in url:
            await asyncio.Event().wait()
        delivered.append(url)

    monkeypatch.setattr(notifier, "deliver", hang_or_take)
    delivering = Delivering("http://hangs.example.com/")
    for number in range(50):
        metadata = delivering.job.metadata.model_copy(update={"uid": f"job-{number}"})
        job = delivering.job.model_copy(update={"metadata": metadata})
        delivering.notifier.submit(job, delivering.notify, f"event-{number}")
    await asyncio.sleep(0)
    delivering.notify = delivering.notify.model_copy(update={"url": "http://takes.example.com/"})
    delivering.notifier.submit(delivering.job, delivering.notify, EVENT_ID)
    async with asyncio.timeout(60):
        await delivering.woken.wait()
    await delivering.notifier.close()
    assert delivered == ["http://takes.example.com/"]


@pytest.mark.parametrize("url", ["https://[::1/hook", "https://hooks.example.com:99999/hook"])
async def test_address_that_is_no_url_is_said(url: str) -> None:
    delivering = Delivering(url)
    async with asyncio.timeout(60):
        outcome = await delivering.attempt()
    assert outcome.state is NotificationState.PENDING
    assert "the connection failed" in str(outcome.message)
