"""Every parser of bytes that others wrote, with samples that are sound but for a few changes: each either reads them or
raises what it says that it raises.

The unit tests do this for a few hundred fixed samples; for longer, from the root:

    python -m tests.unit.worker.parser_fuzz --seconds 600
"""

import argparse
import copy
import json
import random
import sys
import tempfile
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from huggingface_hub import set_client_factory
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from augmentation_worker.bounded.unreadable import Unreadable
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.entries import AnyRecord, ShardEntries
from augmentation_worker.formats.images.card_configs import shown_card
from augmentation_worker.formats.images.columns import features_of
from augmentation_worker.formats.images.metadata_file import check_metadata_file
from augmentation_worker.formats.images.records import BlockRecord
from augmentation_worker.formats.lerobot.data_table import SourceRows
from augmentation_worker.formats.lerobot.episode_tables import EpisodeTables
from augmentation_worker.formats.lerobot.info import read_info
from augmentation_worker.formats.lerobot.metadata import check_statistics, load_metadata
from augmentation_worker.formats.lerobot.records import DataRecord, EpisodeRecords, VideosRecord
from augmentation_worker.formats.port import Shard, Unit
from augmentation_worker.formats.records import ShardRecords, UnitRecord
from augmentation_worker.media.images.codec import decode_image
from augmentation_worker.media.images.header import ImageInvalid
from augmentation_worker.media.video.container_file import VideoInvalid
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.properties import probe_video
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.storage.folder.source import FolderSource
from augmentation_worker.storage.hub.client import HubClient, RemoteFile
from augmentation_worker.storage.hub.file_list import Listing, decode
from augmentation_worker.storage.hub.rate_limits import LONGEST_WINDOW_SECONDS, asked_wait, read_limits, window_of
from augmentation_worker.storage.provenance import job_of

FIXTURES = Path(__file__).parents[2] / "fixtures"
CAMERA = "observation.image"
EXPECTED = (WorkerFailure, Unreadable, ImageInvalid, VideoInvalid)
ODD_TEXTS = (
    "",
    "..",
    "/",
    "{x}",
    "{0}",
    "{chunk_index:9999999d}",
    "\x00",
    "\x1b[2J",
    "\ud800",
    "http://127.0.0.1:9/x",
    "x" * 5000,
)
ODD_NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, 1e-308, float("nan"), float("inf"))
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([*ODD_TEXTS, *ODD_NUMBERS, None, True, [], {}, [[]], {"": {}}]),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
    st.integers(1, 200).map(lambda depth: json.loads("[" * depth + "]" * depth)),
)


@st.composite
def changed(draw: st.DrawFn, value: Any) -> Any:
    """Plain data in which up to three places are others, missing or new."""
    document = json.loads(json.dumps(value))
    for _ in range(draw(st.integers(0, 3))):
        document = _changed_once(draw, document)
    return document


def _changed_once(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 6)):
        key = draw(st.sampled_from(sorted(value)))
        action = draw(st.integers(0, 8))
        if action == 0:
            del value[key]
        elif action == 1:
            other = draw(st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=8)))
            value[other] = copy.deepcopy(value[key])
        else:
            value[key] = _changed_once(draw, value[key])
        return value
    if isinstance(value, list) and value and draw(st.integers(0, 6)):
        place = draw(st.integers(0, len(value) - 1))
        value[place] = _changed_once(draw, value[place])
        return value
    # A copy, as what is drawn here may be changed in its turn, and is drawn again.
    return copy.deepcopy(draw(ODD))


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes of which up to four places are others, or that end early."""
    damaged_bytes = bytearray(content)
    for _ in range(draw(st.integers(0, 4))):
        if not damaged_bytes:
            break
        # The ends are where headers and footers are.
        edge = min(400, len(damaged_bytes) - 1)
        place = draw(
            st.one_of(st.integers(0, len(damaged_bytes) - 1), st.integers(0, edge), st.integers(-edge - 1, -1))
        )
        action = draw(st.integers(0, 4))
        if action == 0:
            del damaged_bytes[place:]
        elif action == 1:
            damaged_bytes[place:place] = draw(st.binary(max_size=6))
        else:
            odd = draw(
                st.one_of(
                    st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 7])
                )
            )
            start = place % len(damaged_bytes)
            damaged_bytes[start : start + len(odd)] = odd
    return bytes(damaged_bytes)


def _json(value: Any) -> st.SearchStrategy[bytes]:
    texts = changed(value).map(lambda document: json.dumps(document).encode())
    return st.one_of(texts, texts.flatmap(damaged))


def _lines(content: bytes) -> st.SearchStrategy[bytes]:
    lines = [json.loads(line) for line in content.splitlines()]
    return changed(lines).map(
        lambda document: "\n".join(map(json.dumps, document if isinstance(document, list) else [document])).encode()
    )


@cache
def _file(path: str) -> bytes:
    return (FIXTURES / path).read_bytes()


@st.composite
def table_like(draw: st.DrawFn, path: str) -> bytes:
    """A parquet file like this one, with columns of other types, values and number."""
    table = pq.read_table(FIXTURES / path)
    for _ in range(draw(st.integers(0, 3))):
        if not table.num_columns:
            break
        place = draw(st.integers(0, table.num_columns - 1))
        name, action = table.column_names[place], draw(st.integers(0, 4))
        if action == 0:
            table = table.remove_column(place)
        elif action == 1:
            table = table.append_column(
                draw(st.sampled_from([name, "", "stats/", "stats/x", "videos//x"])), table.column(place)
            )
        elif action == 2:
            table = table.slice(0, draw(st.integers(0, table.num_rows)))
        else:
            kind = draw(
                st.sampled_from(
                    [pa.int64(), pa.float64(), pa.string(), pa.uint64(), pa.list_(pa.int64()), pa.bool_(), pa.null()]
                )
            )
            values = [draw(st.one_of(st.none(), _cell(kind))) for _ in range(min(table.num_rows, 6))]
            values += [values[-1] if values else None] * (table.num_rows - len(values))
            table = table.set_column(place, name, pa.array(values, kind))
    out = BytesIO()
    pq.write_table(table, out)
    return draw(st.one_of(st.just(out.getvalue()), damaged(out.getvalue())))


def _cell(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_uint64(kind):
        return st.sampled_from([0, 1, 2**63, 2**64 - 1])
    if pa.types.is_integer(kind):
        return st.sampled_from([0, 1, -1, 2**31, 2**62, -(2**63)])
    if pa.types.is_floating(kind):
        return st.sampled_from([0.0, -1.0, 1e300, float("nan"), float("inf"), 0.1])
    if pa.types.is_string(kind):
        return st.sampled_from(["", "x", "..", "\x00"])
    if pa.types.is_list(kind):
        return st.lists(st.integers(-5, 5), max_size=3)
    return st.booleans() if pa.types.is_boolean(kind) else st.none()


def _dataset(version: str, path: str) -> Callable[[bytes], object]:
    """Reads a dataset of which one file is given, rows and all."""

    def read(content: bytes) -> object:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "dataset"
            for file in (FIXTURES / f"pusht_{version}").rglob("*"):
                if file.is_file():
                    local = folder / file.relative_to(FIXTURES / f"pusht_{version}")
                    local.parent.mkdir(parents=True, exist_ok=True)
                    local.write_bytes(content if str(local.relative_to(folder)) == path else file.read_bytes())
            source = FolderSource(folder, "lab/fuzzed")
            metadata = load_metadata(source)
            tables = EpisodeTables(metadata, source.open)
            assert tables.of(range(len(metadata.episodes))).schema == tables.schema
            rows = SourceRows(metadata, source.open)
            rows.schema()
            return [rows.of(episode) for episode in metadata.episodes]

    return read


def _image(kind: str) -> bytes:
    content = BytesIO()
    Pillow.fromarray(np.arange(24 * 36 * 3, dtype=np.uint32).astype(np.uint8).reshape(24, 36, 3)).save(content, kind)
    return content.getvalue()


def _metadata_file(name: str) -> Callable[[bytes], object]:
    def read(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / name).write_bytes(content)
            check_metadata_file(Path(folder) / name, name)

    return read


def _decoded_video(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        path.write_bytes(content)
        probe_video(path)
        for _ in decode_segment(VideoSegment(path, 0, 4, 10)):
            pass


def _asked_hub(answer: bytes) -> None:
    """What a client does with one answer to everything."""
    client = HubClient("http://127.0.0.1:9", "hf_token", "hub-token/token", 0.0, lambda number, problem: None)
    content = httpx2.MockTransport(
        lambda request: httpx2.Response(200, content=answer, headers={"Content-Type": "application/json"})
    )
    set_client_factory(lambda: httpx2.Client(transport=content))
    asked: list[Callable[[], object]] = [
        client.user,
        lambda: client.refs("lab/data", "source"),
        lambda: client.commit_of("lab/data", "main", "source"),
        lambda: client.head("lab/data"),
        lambda: client.files("lab/data", "main", "source"),
    ]
    for ask in asked:
        try:
            ask()
        except EXPECTED as error:
            _check_words(error)


_INFO = json.loads(_file("pusht_v30/meta/info.json"))
_CONFIGS = {
    "license": "mit",
    "configs": [
        {
            "config_name": "default",
            "default": True,
            "data_dir": "train",
            "data_files": [{"split": "train", "path": ["train/*"]}],
        }
    ],
    "dataset_info": {
        "features": [{"name": "image", "dtype": "image"}],
        "splits": [{"name": "train", "num_examples": 3}],
    },
}
_FEATURES = {
    "info": {
        "features": {
            "image": {"_type": "Image"},
            "label": {"names": ["a"], "_type": "ClassLabel"},
            "x": {"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"},
        }
    }
}
_BLOB = {"path": "a/b.mp4", "sha256": "0" * 64, "size": 3}
_COPY = {
    "frames": 3,
    "pixel_hash": "x",
    "statistics": {"mean": [0.5]},
    "parameters": {},
    "from_timestamp": 0.0,
    "to_timestamp": 0.3,
}
_RECORDS: Mapping[str, type[UnitRecord]] = {
    "video-0-000001-000001": VideosRecord,
    "block-000001": BlockRecord,
    "data": DataRecord,
}
_ENTRY = {"document": {"sha256": "0" * 64, "size": 3}}
_ENTRIES = {
    **{key: json.dumps({**_ENTRY, "file_bytes": 9, "unusable": {"cut": "1,3:5"}}) for key in _RECORDS},
    "originals-0": json.dumps({**_ENTRY, "count": 1}),
    "picture": json.dumps(_BLOB),
}
_MANIFEST = {
    "video-0-000001-000001": json.dumps(
        {"stream": CAMERA, "files": [{**_BLOB, "number": [0, 1], "episodes": [{"episode": 1, "copies": [_COPY]}]}]}
    ),
    "block-000001": json.dumps({"file": _BLOB, "rows": 2, "pixel_hash": {"image": "x"}, "unusable": {"cut": "1,3:5"}}),
    "data": json.dumps({"files": [{**_BLOB, "rows": 3, "episodes": [1]}]}),
    "originals-0": json.dumps({"files": [_BLOB]}),
    "picture": json.dumps(_BLOB),
}
_ANSWER = {
    "name": "lab",
    "type": "user",
    "sha": "a" * 40,
    "id": "lab/data",
    "private": False,
    "tags": [],
    "siblings": [{"rfilename": "a"}],
    "branches": [{"name": "main", "ref": "refs/heads/main", "targetCommit": "a" * 40}],
    "converts": [],
}
_TREE = [
    {
        "type": "file",
        "path": "a/b.parquet",
        "size": 3,
        "oid": "b" * 40,
        "lfs": {"size": 3, "sha256": "0" * 64, "pointerSize": 9},
    },
    {"type": "directory", "path": "a", "oid": "c" * 40},
]


def _manifest_texts(document: Any) -> Any:
    return (
        {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in document.items()}
        if isinstance(document, dict)
        else {}
    )


def _read_manifest(manifest: Mapping[str, str]) -> None:
    units = [Unit(key, key, record, (range(9),)) for key, record in _RECORDS.items()]
    shard = Shard(0, tuple(units), (DatasetPath("a/b.mp4"),), makes_preview=True, task="", product="")
    entries = ShardEntries.read(shard, manifest)
    assert len(entries.missing(shard)) <= len(units) + 2
    try:
        records = {key: entry for key, entry in entries.all.items() if isinstance(entry, AnyRecord)}
        EpisodeRecords.of(ShardRecords.of(records, entries.preview))
    except EXPECTED as error:
        _check_words(error)


def _schema(said: bytes) -> pa.Schema:
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    return pa.schema({"image": kind, "label": pa.int64(), "x": pa.list_(pa.int64())}, {"huggingface": said})


_LIST = Listing("a/b", "c", None, {DatasetPath("d/e.mp4"): RemoteFile(DatasetPath("d/e.mp4"), 7, "", None)})
_LINES = zlib.decompress(b64decode(_LIST.encode() or ""))
_RATE_HEADERS = st.dictionaries(
    st.sampled_from(["Retry-After", "RateLimit", "RateLimit-Policy"]),
    st.one_of(
        st.integers().map(str),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
        st.builds("Mon, {} Nov {} 00:00:00 {}".format, st.integers(), st.integers(), st.integers()),
        st.builds('"api";r={};t={}'.format, st.integers(), st.integers()),
        st.builds('"api";q={};w={}'.format, st.integers(), st.integers()),
        st.just("9" * 5000),
    ),
)


def _listed(lines: bytes) -> None:
    for text in (b64encode(zlib.compress(lines)), b64encode(lines), lines):
        read = decode(text.decode("latin-1"), "a/b", "c", None)
        assert read is None or all(file.size >= 0 for file in read.values())


def _told(headers: Mapping[str, str]) -> None:
    answer = httpx2.Response(429, headers=dict(headers))
    assert (asked_wait(answer) or 0.0) >= 0.0
    assert window_of(read_limits(answer)) <= LONGEST_WINDOW_SECONDS


def _path(text: str) -> None:
    try:
        DatasetPath(text)
    except ValueError as error:
        assert str(error).isprintable()


TARGETS: Mapping[str, tuple[st.SearchStrategy[Any], Callable[[Any], object]]] = {
    "info.json": (_json(_INFO), lambda content: read_info(content, "lab/fuzzed")),
    "a dataset by its info.json": (_json(_INFO), _dataset("v30", "meta/info.json")),
    "stats.json": (
        _json(json.loads(_file("pusht_v30/meta/stats.json"))),
        lambda content: check_statistics(content, "x"),
    ),
    "episodes of v3.0": (
        table_like("pusht_v30/meta/episodes/chunk-000/file-000.parquet"),
        _dataset("v30", "meta/episodes/chunk-000/file-000.parquet"),
    ),
    "rows": (
        table_like("pusht_v30/data/chunk-000/file-000.parquet"),
        _dataset("v30", "data/chunk-000/file-000.parquet"),
    ),
    "episodes of v2.1": (_lines(_file("pusht_v21/meta/episodes.jsonl")), _dataset("v21", "meta/episodes.jsonl")),
    "statistics of v2.1": (
        _lines(_file("pusht_v21/meta/episodes_stats.jsonl")),
        _dataset("v21", "meta/episodes_stats.jsonl"),
    ),
    "card": (
        changed(_CONFIGS)
        .map(lambda front: f"---\n{yaml.dump(front)}---\n# Card".encode(errors="surrogatepass"))
        .flatmap(lambda card: st.one_of(st.just(card), damaged(card))),
        shown_card,
    ),
    "features": (_json(_FEATURES).map(_schema), features_of),
    "metadata.jsonl": (
        _lines(b'{"file_name": "a.png", "x": 1}\n{"file_name": "b.png", "x": 2}'),
        _metadata_file("metadata.jsonl"),
    ),
    "metadata.parquet": (table_like("pusht_v30/meta/tasks.parquet"), _metadata_file("metadata.parquet")),
    "provenance": (_json({"jobID": "x", "mode": "copy"}), job_of),
    "manifest": (
        changed({key: json.loads(text) for key, text in _MANIFEST.items()}).map(_manifest_texts),
        _read_manifest,
    ),
    "entries of a shard": (
        changed({key: json.loads(text) for key, text in _ENTRIES.items()}).map(_manifest_texts),
        _read_manifest,
    ),
    "path": (st.one_of(st.text(max_size=20), st.sampled_from(ODD_TEXTS)), _path),
    "list of files": (st.one_of(st.just(_LINES), damaged(_LINES)), _listed),
    "rate limits": (_RATE_HEADERS, _told),
    "hub's answer": (st.one_of(_json(_ANSWER), _json(_TREE)), _asked_hub),
    "PNG": (damaged(_image("PNG")), decode_image),
    "JPEG": (damaged(_image("JPEG")), decode_image),
    "WebP": (damaged(_image("WEBP")), decode_image),
    "BMP": (damaged(_image("BMP")), decode_image),
    "video": (damaged(_file(f"pusht_v30/videos/{CAMERA}/chunk-000/file-000.mp4")), _decoded_video),
}
"""By name, samples and what reads them."""


def _check_words(error: Exception) -> None:
    if isinstance(error, WorkerFailure):
        assert error.message.isprintable(), error.message
        assert "unexpected error" not in error.message


def fuzz(name: str, *, examples: int, number: int | None = None) -> int:
    """Give one parser made-up samples. Returns how many; raises what it should not have raised.

    Args:
        name: of TARGETS.
        examples: how many.
        number: seed; None: the same samples each time.
    """
    samples, read = TARGETS[name]
    count = 0

    def check(sample: Any) -> None:
        nonlocal count
        count += 1
        try:
            read(sample)
        except EXPECTED as error:
            _check_words(error)

    run = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=number is None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(given(samples)(check))
    (run if number is None else seed(number)(run))()
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description="Gives every parser of a worker's input made-up samples.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--examples", type=int, default=100, help="of a parser before it is the next one's turn")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    options = parser.parse_args()
    end, number = time.monotonic() + options.seconds, options.seed
    counts, found = dict.fromkeys(TARGETS, 0), 0
    while time.monotonic() < end:
        for name in TARGETS:
            try:
                counts[name] += fuzz(name, examples=options.examples, number=number)
            except Exception as error:
                found += 1
                print(f"{name}, seed {number}: {type(error).__name__}: {str(error)[:500]}", flush=True)
                if found == 1:
                    import traceback

                    traceback.print_exc()
            if time.monotonic() > end:
                break
        number += 1
    for name, count in counts.items():
        print(f"  {count:8,}  {name}")
    print(f"{sum(counts.values()):,} samples, seeds {options.seed} to {number - 1}: {found or 'nothing'} found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
