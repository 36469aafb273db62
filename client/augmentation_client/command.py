"""The `augmentation` command: jobs from a terminal, over the gateway."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from augmentation_client.calls import ENV_KEY, ENV_URL
from augmentation_client.client import Client
from augmentation_client.connection_failure import describe
from augmentation_client.errors import ApiError
from augmentation_client.models import ClassEstimate, Event, JobStatus, JobSummary, NodeEstimate
from augmentation_client.terminal import printable, say

FAILED, MISUSED = 1, 2
_FACTS: Sequence[tuple[str, type, str]] = (
    ("frames", int, "frames of the selected episodes; with height and width nothing is read"),
    ("episodes", int, "number of selected episodes"),
    ("cameras", int, "number of augmented cameras"),
    ("height", int, "height of a frame, pixels"),
    ("width", int, "width of a frame, pixels"),
    ("codec", str, "av1, h264 or hevc; png or jpeg for images"),
    ("bytes-per-frame", int, "bytes of a stored frame"),
)
"""What a user may say of a dataset instead of having it read."""
_JPEG = b"\xff\xd8\xff"


def main(arguments: Sequence[str] | None = None, make_client: Callable[..., Client] = Client) -> int:
    """Run a command. Returns the exit status: 1 if the awaited job did not complete, 2 for a usage or API error."""
    options = _parser().parse_args(arguments)
    try:
        with make_client(options.url, options.key) as client:
            return int(options.run(client, options))
    except (ApiError, TimeoutError, OSError, _UsageError) as error:
        say(f"augmentation: {error}", sys.stderr)
        for field in error.fields if isinstance(error, ApiError) else ():
            for line in field.place.split("\n")[:2] if field.place else ():
                say(f"  {line}", sys.stderr)  # indented, as every other line of the server's is within one of ours
        return MISUSED
    except ValidationError as error:
        say(
            f"augmentation: the gateway's answer is not a valid {error.title}: use a client of the gateway's version.",
            sys.stderr,
        )
        return MISUSED
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        say(f"augmentation: the gateway: {describe(error)}", sys.stderr)
        return MISUSED
    except KeyboardInterrupt:
        return 130


class _UsageError(Exception):
    """Invalid command-line arguments."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="augmentation", description="Augment robot datasets over the gateway.")
    parser.add_argument("--url", help=f"address of the gateway (default: ${ENV_URL})")
    parser.add_argument("--key", help=f"API key (default: ${ENV_KEY}, which no process list shows)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Client, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, help=text, description=text)
        subparser.set_defaults(run=run)
        return subparser

    def job_command(name: str, run: Callable[[Client, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        subparser = command(name, run, text)
        subparser.add_argument("job_id", help="id of the job")
        return subparser

    submit = command("submit", _submit, "Submit a job.")
    _add_request(submit)
    submit.add_argument("--idempotency-key", help="repeating a request with the same key gives the same job")
    submit.add_argument("--wait", action="store_true", help="wait until the job is finished")
    _add_output(submit)

    preview = command("preview", _preview, "Draw what a job would do, before it is submitted.")
    _add_request(preview)
    preview.add_argument("--episode", type=int, help="episode to show (default: the first that the job selects)")
    preview.add_argument("--frame", type=int, help="frame of the episode (default: the middle one)")
    preview.add_argument("--timeout", type=float, default=300, help="maximum time to wait, seconds (default: 300)")
    preview.add_argument(
        "-o", "--output", type=Path, default=Path("preview.png"), help="image to write (default: preview.png)"
    )

    estimate = command("estimate", _estimate, "Estimate what a job would take, before it is submitted.")
    _add_request(estimate)
    for name, kind, text in _FACTS:
        estimate.add_argument(f"--source-{name}", dest=f"source_{name.replace('-', '_')}", type=kind, help=text)
    estimate.add_argument("--no-read", action="store_true", help="fail if no job or preview has read the dataset")
    estimate.add_argument("--timeout", type=float, default=300, help="maximum time to wait, seconds (default: 300)")
    _add_output(estimate)

    listed = command("list", _list, "List jobs, the newest first.")
    listed.add_argument("--project", dest="project_id", help="only jobs of this project")
    listed.add_argument("--dataset", dest="dataset_id", help="only jobs of this dataset: owner/name or URL")
    listed.add_argument("--status", action="append", help="only jobs with this status (repeatable)")
    listed.add_argument("--name", help="only jobs whose name contains this")
    listed.add_argument("--sort", help="created_at, name or dataset_id; a leading minus sorts in descending order")
    listed.add_argument("--limit", type=int, default=50, help="maximum number of jobs (default: 50)")
    _add_output(listed)

    _add_output(job_command("get", _get, "Show a job."))
    watch = job_command("watch", _watch, "Show the progress of a job until it is finished.")
    watch.add_argument("--timeout", type=float, help="maximum time to wait, seconds")
    _add_output(watch)
    job_command("logs", _logs, "Print the events of a job until it is finished.")
    _add_output(job_command("cancel", _cancel, "Cancel a job."))
    retry = job_command("retry", _retry, "Restart a failed or cancelled job.")
    retry.add_argument(
        "--on-bad-episode", choices=["fail", "skip"], help="skip: leave out what cannot be used, and publish the rest"
    )
    _add_output(retry)
    job_command("delete", _delete, "Delete a finished job; its dataset stays.")
    return parser


def _add_request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-f", "--file", type=Path, help="request as YAML or JSON; - reads it from stdin")
    parser.add_argument("--project", dest="project_id", help="project id")
    parser.add_argument(
        "--dataset",
        "--source",
        dest="dataset_id",
        help="dataset to augment: owner/name, or s3://bucket/path, gs://bucket/path, "
        "abfss://container@account.dfs.core.windows.net/path",
    )
    parser.add_argument(
        "--publish-as", dest="output_dataset_id", help="dataset to publish: owner/name, or the URL of an empty folder"
    )
    parser.add_argument("--name", help="name of the job")
    parser.add_argument(
        "--where", help="only episodes for which this is true, e.g. \"success == true and task contains 'cup'\""
    )
    parser.add_argument(
        "--set",
        dest="fields",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="any other field of the request, e.g. augment_copies=2 (repeatable)",
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", choices=["table", "json", "yaml"], default="table", help="output format")


def _submit(client: Client, options: argparse.Namespace) -> int:
    fields = _request(options)
    submitted = client.submit(idempotency_key=options.idempotency_key, **fields)
    if not options.wait:
        _show(
            options.output,
            submitted,
            ("job", str(submitted.job_id)),
            ("status", submitted.status),
            ("message", submitted.message),
        )
        return 0
    say(submitted.message or f"job {submitted.job_id}", sys.stderr)
    return _finish(client.wait(submitted.job_id, progress=sys.stderr.isatty()), options.output)


def _preview(client: Client, options: argparse.Namespace) -> int:
    image = client.preview(episode=options.episode, frame=options.frame, timeout=options.timeout, **_request(options))
    path: Path = options.output
    if image.startswith(_JPEG) and path.suffix.lower() == ".png":
        # A preview of many cameras is too large for a PNG: the name says what the file is.
        path = path.with_suffix(".jpg")
    path.write_bytes(image)
    say(str(path))
    return 0


def _estimate(client: Client, options: argparse.Namespace) -> int:
    names = [f"source_{name.replace('-', '_')}" for name, _, _ in _FACTS]
    facts = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    found = client.estimate(read=not options.no_read, timeout=options.timeout, facts=facts, **_request(options))
    if options.output != "table":
        _print_data(options.output, found.model_dump(mode="json"))
        return 0
    say(f"{_count(found.frames, 'augmented frame')}, {_count(found.images, 'image')}, about {_size(found.bytes)}")
    hours = f"{found.processor_seconds / 3600:.2f} processor hours"
    say(f"class {found.class_name}, {_count(found.shards, 'shard')}, {hours}")
    columns = ("CLASS", "PLACEMENT", "PODS", "CORES", "GPUS", "MINUTES", "AT MOST", "PRICE")
    table = Table(*columns, box=None, pad_edge=False)
    classes: Sequence[ClassEstimate] = (found, *found.other_classes)
    for one in classes:
        for node in one.nodes:
            table.add_row(printable(one.class_name), *_on_node(node))
    _print_table(table)
    if found.other_classes:
        say(f"Jobs submitted here run as class {found.class_name}; with kubectl, spec.className names another.")
    if found.note:
        say(f"{found.note}.")
    return 0


def _count(count: int, noun: str) -> str:
    """1 shard, 60,000 images."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _size(count: float) -> str:
    """Bytes in two or three digits: 7.2 MB, 600 MB."""
    unit, size = next((each for each in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)) if count >= each[1]), ("kB", 1e3))
    return f"{count / size:.{0 if count >= 10 * size else 1}f} {unit}"


def _price(price: float) -> str:
    """In cents, and what is less than one in two digits, as it is not free: 1.20, 0.0031."""
    if price == 0 or price >= 0.01:
        # Half a cent is rounded up, as on the gateway's page; Python's formats round it to the even cent.
        return str(Decimal(price).quantize(Decimal("0.01"), ROUND_HALF_UP))
    return f"{price:.2g}" if price >= 0.0001 else "<0.0001"


def _on_node(node: NodeEstimate) -> tuple[str, ...]:
    at_most, price = node.minutes_at_most, node.price
    return (
        printable(node.placement),
        str(node.pods),
        f"{node.cores:g}",
        str(node.accelerators),
        f"{node.minutes:.1f}",
        "" if at_most is None else f"{at_most:.1f}",
        "" if price is None else _price(price),
    )


def _request(options: argparse.Namespace) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if options.file is not None:
        text = sys.stdin.read() if str(options.file) == "-" else options.file.read_text()
        try:
            loaded = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise _UsageError(f"{options.file} is neither YAML nor JSON: {error}") from error
        if not isinstance(loaded, dict):
            raise _UsageError(f"{options.file} has no request fields: write one `name: value` per line")
        fields |= loaded
    for name in ("project_id", "dataset_id", "output_dataset_id", "name", "where"):
        if (value := getattr(options, name)) is not None:
            fields[name] = value
    for assignment in options.fields:
        name, equals, value = assignment.partition("=")
        if not equals:
            raise _UsageError(f"--set {assignment}: write FIELD=VALUE")
        # Parsed as YAML: 3 is a number, true is a boolean, [a, b] is a list.
        fields[name] = yaml.safe_load(value)
    return fields


def _list(client: Client, options: argparse.Namespace) -> int:
    names = ("project_id", "dataset_id", "status", "name", "sort")
    filters = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    matches = client.list(limit=max(1, min(options.limit, 200)), **filters)
    jobs = [job for job, _ in zip(matches, range(options.limit), strict=False)]
    if options.output != "table":
        _print_data(options.output, [job.model_dump(mode="json") for job in jobs])
        return 0
    table = Table("JOB", "NAME", "DATASET", "STATUS", "PHASE", "PROGRESS", "NODE", "AGE", box=None, pad_edge=False)
    for job in jobs:
        table.add_row(
            *map(
                printable,
                (
                    str(job.job_id),
                    job.name,
                    job.dataset_id or "",
                    job.status,
                    job.current_phase,
                    f"{job.percent}%",
                    job.node or "",
                    _age(job.created_at),
                ),
            )
        )
    _print_table(table)
    return 0


def _print_table(table: Table) -> None:
    # A pipe gets whole lines, a terminal what fits its width.
    width = None if sys.stdout.isatty() else 400
    Console(width=width, highlight=False, markup=False).print(table)


def _get(client: Client, options: argparse.Namespace) -> int:
    _show_job(client.get(options.job_id), options.output)
    return 0


def _watch(client: Client, options: argparse.Namespace) -> int:
    show: bool | Callable[[JobSummary], None] = True
    if not sys.stderr.isatty():
        show = lambda job: say(f"{job.status} {job.current_phase} {job.percent}%", sys.stderr)  # noqa: E731
    return _finish(client.wait(options.job_id, progress=show, timeout=options.timeout), options.output)


def _logs(client: Client, options: argparse.Namespace) -> int:
    last: JobSummary | None = None
    for event in client.events(options.job_id):
        last = event.job or last
        if (line := _line(event)) is not None:
            say(line)
    return 0 if last is not None and last.status == "completed" else FAILED


def _line(event: Event) -> str | None:
    if event.phase is not None:
        happened = event.phase
        parts = [f"{happened.timestamp:%Y-%m-%dT%H:%M:%SZ}", happened.phase, happened.status, happened.message]
        return " ".join(part for part in (*parts, happened.error) if part)
    if event.is_last:
        job = event.job
        return "the job was deleted" if job is None else " ".join(part for part in (job.status, job.error) if part)
    return None


def _cancel(client: Client, options: argparse.Namespace) -> int:
    done = client.cancel(options.job_id)
    _show(options.output, done, ("job", str(done.job_id)), ("message", done.message))
    return 0


def _retry(client: Client, options: argparse.Namespace) -> int:
    done = client.retry(options.job_id, on_bad_episode=options.on_bad_episode)
    _show(options.output, done, ("job", str(done.job_id)), ("attempt", str(done.attempt)), ("message", done.message))
    return 0


def _delete(client: Client, options: argparse.Namespace) -> int:
    client.delete(options.job_id)
    return 0


def _finish(job: JobStatus, output: str) -> int:
    _show_job(job, output)
    return 0 if job.status == "completed" else FAILED


def _show_job(job: JobStatus, output: str) -> None:
    placed = " ".join(part for part in (job.instance_type, job.region) if part)
    _show(
        output,
        job,
        ("job", str(job.job_id)),
        ("status", job.status),
        ("phase", job.current_phase),
        ("progress", _progress(job)),
        ("placed on", placed),
        ("dataset", job.augmented_dataset_id),
        ("page", job.output.url if job.output else None),
        ("error", job.error),
    )


def _progress(job: JobStatus) -> str:
    seconds, price = job.progress.estimated_seconds_remaining, job.progress.estimated_price
    left = [] if seconds is None else [f"about {seconds / 60:.1f} minutes left"]
    cost = [] if price is None else [f"price about {_price(price)}"]
    return ", ".join([f"{job.progress.percent}%", *left, *cost])


def _show(output: str, answer: BaseModel, *rows: tuple[str, str | None]) -> None:
    if output != "table":
        _print_data(output, answer.model_dump(mode="json"))
        return
    for name, value in rows:
        if value:
            say(f"{name + ':':<11}{value}")


def _print_data(output: str, data: Any) -> None:
    text = json.dumps(data, indent=2) if output == "json" else yaml.safe_dump(data, sort_keys=False).rstrip()
    for line in text.split("\n"):
        say(line)


def _age(since: datetime | None) -> str:
    """As kubectl shows it: 41s, 5m, 3h, 2d."""
    if since is None:
        return ""
    seconds = max(0, int((datetime.now(UTC) - since).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


if __name__ == "__main__":
    sys.exit(main())
