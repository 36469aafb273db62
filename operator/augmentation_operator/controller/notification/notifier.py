"""Deliveries of notifications, concurrent with the reconciles, which only request them and record how they ended.

Nothing here has to outlive the process: an event that is recorded as pending in its job's status is asked for again.
"""

import asyncio
import base64
import binascii
import json
import logging
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from augmentation_api import AugmentationJob
from augmentation_api.notify import Notify
from augmentation_api.vocabulary import NotificationState
from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource
from augmentation_operator.controller.metrics import Metrics
from augmentation_operator.controller.notification.cloud_event import CONTENT_TYPE, cloud_event
from augmentation_operator.controller.notification.delivery import DeliveryFailed, deliver, host_of
from augmentation_operator.controller.notification.signature import UnusableKey, read_keys, signed_headers
from augmentation_operator.reconcile.notification import NotificationOutcome

FIRST_DELAY: Final = timedelta(seconds=5)
LONGEST_DELAY: Final = timedelta(hours=1)
GIVE_UP_AFTER: Final = timedelta(hours=24)
"""How long after the end of a job its notification is tried."""
_GROWTH: Final = 4
_CONCURRENT: Final = 8
"""Deliveries to one host at the same time. Hosts do not wait for each other: one may hang."""

_log = logging.getLogger(__name__)


@dataclass
class _Attempts:
    """The deliveries of one event, of which one at most is under way."""

    event_id: str
    count: int = 0
    not_before: datetime | None = None
    task: asyncio.Task[None] | None = None
    outcome: NotificationOutcome | None = None


class Notifier:
    """Delivers the events of jobs, and retries with backoff.

    Args:
        api: gives the Secrets that hold the keys.
        namespace: the operator's own, in which these Secrets are; None: unknown.
        metrics: counts deliveries.
        wake: requeues the job with this uid, to take note of an outcome.
        clock: gives the time.
    """

    def __init__(
        self,
        api: KubeApi,
        namespace: str | None,
        metrics: Metrics,
        wake: Callable[[str], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._api, self._namespace, self._metrics, self._wake, self._clock = api, namespace, metrics, wake, clock
        self._attempts: dict[str, _Attempts] = {}
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_CONCURRENT))

    def outcome_of(self, uid: str) -> NotificationOutcome | None:
        """How the last delivery for a job ended; None: there was none, or it is under way."""
        attempts = self._attempts.get(uid)
        return attempts.outcome if attempts else None

    def submit(self, job: AugmentationJob, notify: Notify, event_id: str) -> timedelta | None:
        """Deliver the event of a job unless that is under way. Returns when it is to be asked for again."""
        uid = job.metadata.uid
        attempts = self._attempts.get(uid)
        if attempts is None or attempts.event_id != event_id:
            self.forget(uid)
            attempts = self._attempts[uid] = _Attempts(event_id)
        if attempts.task is not None and not attempts.task.done():
            return None
        if attempts.not_before is not None and (wait := attempts.not_before - self._clock()) > timedelta(0):
            return wait
        attempts.task = asyncio.create_task(self._attempt(job, notify, attempts))
        return None

    def forget(self, uid: str) -> None:
        """Remove a job of which there is nothing left to deliver."""
        self._attempts.pop(uid, None)

    async def close(self) -> None:
        """Break off what is under way: it is delivered again by the next process."""
        tasks = [attempts.task for attempts in self._attempts.values() if attempts.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _attempt(self, job: AugmentationJob, notify: Notify, attempts: _Attempts) -> None:
        name, host = f"{job.metadata.namespace}/{job.metadata.name}", host_of(notify.url)
        attempts.count += 1
        try:
            async with self._slots[host]:
                await self._deliver(job, notify, attempts.event_id)
        except (DeliveryFailed, UnusableKey, KubeError, KubeUnavailable) as error:
            why = f"{host}: {_reason(error, notify, self._namespace)}"
            delay = min(LONGEST_DELAY, FIRST_DELAY * _GROWTH ** min(attempts.count - 1, 10)) * random.uniform(1, 1.2)  # noqa: S311
            ended = job.status.cancelled_at or job.status.completed_at or self._clock()
            is_final = isinstance(error, DeliveryFailed) and error.is_final
            if is_final or self._clock() + delay - ended > GIVE_UP_AFTER:
                _log.error("%s: its notification is given up: %s", name, why)
                self._metrics.count_notification("given_up")
                attempts.outcome = NotificationOutcome(attempts.event_id, NotificationState.FAILED, why)
            else:
                _log.warning("%s: its notification is retried in %d s: %s", name, delay.total_seconds(), why)
                self._metrics.count_notification("retried")
                attempts.not_before = self._clock() + delay
                attempts.outcome = NotificationOutcome(attempts.event_id, NotificationState.PENDING, why)
        except Exception:
            _log.exception("%s: its notification failed", name)
            attempts.not_before = self._clock() + LONGEST_DELAY
            attempts.outcome = NotificationOutcome(attempts.event_id, NotificationState.PENDING, "internal error")
        else:
            self._metrics.count_notification("delivered")
            attempts.outcome = NotificationOutcome(attempts.event_id, NotificationState.DELIVERED)
        finally:
            self._wake(job.metadata.uid)

    async def _deliver(self, job: AugmentationJob, notify: Notify, event_id: str) -> None:
        keys = read_keys(await self._secret(notify))
        body = json.dumps(cloud_event(job, event_id), ensure_ascii=False).encode()
        headers = signed_headers(event_id, self._clock(), body, keys)
        await deliver(notify.url, body, {"Content-Type": CONTENT_TYPE, **headers})

    async def _secret(self, notify: Notify) -> str:
        """The text of the Secret's key, read each time: it may be replaced."""
        reference = notify.secret_ref
        secret = await self._api.get(Resource.SECRETS, reference.name, self._namespace)
        encoded = secret.get("data", {}).get(reference.key)
        if encoded is None:
            raise UnusableKey("it has no such key")
        try:
            return base64.b64decode(encoded).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            # Without the cause, which quotes what the Secret holds.
            raise UnusableKey("it holds no text") from None


def _reason(error: Exception, notify: Notify, namespace: str | None) -> str:
    """Why an event was not delivered, with the fix where it is the Secret."""
    secret = f"Secret {notify.secret_ref.name} (key {notify.secret_ref.key}) of namespace {namespace}"
    match error:
        case UnusableKey():
            return f"{secret} cannot be used: {error}"
        case KubeError(status=404):
            return f"{secret} does not exist: create it"
        case KubeError(status=403):
            return f"the operator may not read {secret}: name it in notifications.secrets of the Helm chart"
        case KubeError() | KubeUnavailable():
            return f"{secret} cannot be read: {error}"
    return str(error)
