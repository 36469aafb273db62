"""The commands for one machine: run, preview, reproduce."""

import argparse
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from augmentation_api import AugmentationJobSpec, FailureReason
from augmentation_api.augmentation_class import DEFAULT_CHECKPOINT_MB
from augmentation_api.object_store import url_without_secrets
from augmentation_api.spec import Preview
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.registry import format_of
from augmentation_worker.local import reproduce
from augmentation_worker.local.earlier_runs import left_behind
from augmentation_worker.local.job_file import read_job_file
from augmentation_worker.local.place import Place, name_of, open_source, place_of, resolved
from augmentation_worker.local.run import execute, forget, prepared
from augmentation_worker.phases.resolve import check_type
from augmentation_worker.transforms.key_version import KEY_VERSION, effective_spec

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

_MOST_LISTED = 5
_FORMS = "a folder, or s3://bucket/path, gs://bucket/path, az://container/path, hf://buckets/owner/bucket/path"


def add_to(verbs: "Subparsers") -> None:
    """Add the commands to the program's own."""
    run = verbs.add_parser("run", help="run a whole job on this machine, without a cluster")
    run.add_argument(
        "-f", "--file", type=_on_this_machine, required=True, help="the AugmentationJob, or its spec, as YAML"
    )
    _add_folders(run)
    run.set_defaults(command=_run)

    preview = verbs.add_parser("preview", help="draw what a job will do, before anything is run")
    preview.add_argument(
        "-f", "--file", type=_on_this_machine, required=True, help="the AugmentationJob, or its spec, as YAML"
    )
    _add_source(preview)
    preview.add_argument("-o", "--output", type=_file_to_write, required=True, help="PNG to write")
    preview.add_argument("--episode", type=_index, help="episode to show; default: the first that the job selects")
    preview.add_argument("--frame", type=_index, help="frame of the episode to show; default: the middle one")
    preview.set_defaults(command=_preview)

    again = verbs.add_parser("reproduce", help="make an augmented dataset again, and compare the pixels")
    again.add_argument(
        "dataset",
        type=_place,
        help=f"the augmented dataset ({_FORMS}), or its meta/augmentation.json beside augmentation.parquet",
    )
    _add_folders(again)
    again.set_defaults(command=_reproduce)


def _add_folders(parser: argparse.ArgumentParser) -> None:
    _add_source(parser)
    parser.add_argument("--output", type=_place, required=True, help=f"what the result becomes: {_FORMS}")
    parser.add_argument("--shards", type=int, default=1, help="processes that share the work; default: 1")
    parser.add_argument(
        "--checkpoint-mb",
        type=int,
        default=DEFAULT_CHECKPOINT_MB,
        metavar="MB",
        help="most megabytes of a file of several augmented episodes, and so what a stopped run makes again; default: "
        f"{DEFAULT_CHECKPOINT_MB}, less where the dataset's video_files_size_in_mb or data_files_size_in_mb is",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="what augments")


def _add_source(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", type=_place, required=True, help=f"the dataset: {_FORMS}")
    parser.add_argument(
        "--follow-links",
        type=_folder,
        metavar="DIR",
        help="links in the dataset may lead to files and folders below this folder, too; without it only to those of "
        "the dataset itself, and from a snapshot in a Hugging Face cache to its blobs",
    )


def _place(text: str) -> Place:
    try:
        return place_of(text, os.environ)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {text}")
    return path


def _on_this_machine(text: str) -> Path:
    if "://" in text:
        raise argparse.ArgumentTypeError(f"{url_without_secrets(text)} is a URL: name a file on this machine")
    return Path(text)


def _file_to_write(text: str) -> Path:
    path = _on_this_machine(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder: name a file in it, such as {path / 'preview.png'}")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} to write {path.name} to: create it first")
    return path


def _index(text: str) -> int:
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no index: a whole number from 0")
    return int(text)


def _run(asked: argparse.Namespace) -> None:
    spec = read_job_file(asked.file)
    if spec.preview is not None:
        raise WorkerFailure(
            FailureReason.SPEC_UNSUPPORTED,
            "spec.preview asks for a preview, not for a result: use `augmentation-worker preview`, or leave it out",
        )
    _make(spec, asked)


def _make(spec: AugmentationJobSpec, asked: argparse.Namespace) -> None:
    run = prepared(
        spec, asked.source, asked.output, asked.shards, asked.device, asked.follow_links, asked.checkpoint_mb
    )
    output = name_of(run.output)
    if run.is_done:
        print(f"{output} is the result of this very job already")
        return
    try:
        execute(run)
    except WorkerFailure as failure:
        if failure.reason.is_permanent:
            forget(run)
        if kept := left_behind(run.folders):
            corrected = ", also with a corrected job file," if isinstance(run.output, Path) else ""
            print(
                f"what is done is kept for the next run to {output}{corrected} in {' and '.join(kept)}: remove these "
                "folders if there is to be none",
                file=sys.stderr,
            )
        raise
    print(f"{output}: see meta/augmentation.png and README.md there")


def _preview(asked: argparse.Namespace) -> None:
    spec = read_job_file(asked.file)
    chosen = spec.preview or Preview()
    if asked.episode is not None:
        chosen = chosen.model_copy(update={"episode": asked.episode})
    if asked.frame is not None:
        chosen = chosen.model_copy(update={"frame": asked.frame})
    sheet = draw_preview(spec.model_copy(update={"preview": chosen}), asked.source, asked.follow_links)
    asked.output.write_bytes(sheet)
    print(asked.output)


def draw_preview(spec: AugmentationJobSpec, source: Place, follow_links: Path | None = None) -> bytes:
    """A PNG: the frame that `spec.preview` chooses as recorded, and as the job augments it. Warnings go to stderr.

    Raises WorkerFailure: what the job itself would fail with before it starts.
    """
    check_type(spec)
    spec = effective_spec(spec, KEY_VERSION)
    links = follow_links.resolve() if follow_links is not None else None
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        dataset = open_source(resolved(source), links, scratch, os.environ)
        dataset_format = format_of(dataset)
        for warning in dataset_format.resolve(dataset, spec, scratch, None).warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return dataset_format.preview(dataset, spec, scratch)


def _reproduce(asked: argparse.Namespace) -> None:
    recorded = reproduce.recorded_in(asked.dataset)
    _make(recorded.spec, asked)
    reproduced = reproduce.recorded_in(asked.output)
    differ = reproduce.differences(recorded.hashes, reproduced.hashes)
    if differ:
        listed = "; ".join(differ[:_MOST_LISTED]) + ("; …" if len(differ) > _MOST_LISTED else "")
        raise WorkerFailure(
            FailureReason.INTEGRITY_CHECK_FAILED,
            f"the pixels of {len(differ)} of {len(recorded.hashes)} augmented videos differ from those recorded "
            f"({listed}): is this the same source, at the revision that meta/augmentation.json names?",
        )
    print(f"the pixels of all {len(reproduced.hashes)} augmented videos are those that were recorded")
