"""From POST to the first augmented frame, and how much of it the node pulled images."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from devcluster.demo.kubectl import Kubectl

_PULLED = re.compile(r"Successfully pulled image \"[^\"]+\" in (?:(\d+)m)?(?:([\d.]+)s|([\d.]+)ms)")
"""In the words of the kubelet's events: `in 1m2.5s (1m2.5s including waiting)`."""


@dataclass(frozen=True)
class FirstFrame:
    """Seconds of one job.

    Attributes:
        seconds: from POST to the first augmented frame.
        pulled: of them, in which the node pulled images of the job's pods.
    """

    seconds: float
    pulled: float

    @property
    def node(self) -> str:
        """What the node had: nothing, or all. A pull of less than a second was of the code alone, after a rebuild."""
        return "nothing" if self.pulled >= 1 else "all"


def event_seconds(status: Mapping[str, Any], phase: str, kind: str, posted: float) -> float | None:
    """Seconds from `posted` (time.time()) to a phase's first event of a kind; None where there is none."""
    events = (event for each in status["phases"] if each["name"] == phase for event in each.get("events", ()))
    times = [datetime.fromisoformat(event["timestamp"]).timestamp() for event in events if event["status"] == kind]
    return min(times) - posted if times else None


def first_frame(
    kubectl: Kubectl, namespace: str, job_id: str, status: Mapping[str, Any], posted: float
) -> FirstFrame | None:
    """What a job took; None where no frame of it has been augmented, or it has too many shards to say when."""
    seconds = event_seconds(status, "augment", "first_frame", posted)
    return None if seconds is None else FirstFrame(seconds, sum(pulls(kubectl, namespace, job_id).values()))


def pulls(kubectl: Kubectl, namespace: str, job_id: str) -> dict[str, float]:
    """Seconds that pulls of a job's images took, by phase; a phase that found its image is absent."""
    selector = f"augmentation.dev/job-uid={job_id}"
    pods = json.loads(kubectl.run("get", "pods", "-n", namespace, "-l", selector, "-o", "json"))["items"]
    phase_of = {pod["metadata"]["name"]: pod["metadata"]["labels"]["augmentation.dev/phase"] for pod in pods}
    fields = "--field-selector=reason=Pulled"
    events = json.loads(kubectl.run("get", "events", "-n", namespace, fields, "-o", "json"))["items"]
    found: dict[str, float] = {}
    for event in events:
        phase = phase_of.get(event["involvedObject"]["name"])
        seconds = pull_seconds(event.get("message", ""))
        if phase is not None and seconds:
            # Of several pods of a phase, which wait for the same image.
            found[phase] = max(seconds, found.get(phase, 0.0))
    return found


def pull_seconds(message: str) -> float:
    """What a kubelet's event says that a pull took; 0 for an image that was there."""
    match = _PULLED.search(message)
    if match is None:
        return 0.0
    minutes, seconds, milliseconds = match.groups()
    return int(minutes or 0) * 60 + float(seconds or 0) + float(milliseconds or 0) / 1000


def remembered(path: Path, measured: FirstFrame) -> Iterator[str]:
    """A line for a node that had nothing and one for a node that had all, where one was seen; adds this one."""
    known = json.loads(path.read_text()) if path.exists() else {}
    known[measured.node] = [measured.seconds, measured.pulled]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known))
    for node, images in (("nothing", "no image of ours"), ("all", "all images")):
        if node in known:
            seconds, pulled = known[node]
            of_them = f", of which {pulled:.0f} s pulled images" if pulled >= 1 else ""
            when = "" if node == measured.node else " (an earlier demo)"
            yield f"POST to the first augmented frame, on a node with {images}: {seconds:.1f} s{of_them}{when}"
