"""Cameras as people have them: what LeRobot reads is augmented, and info.json of the result says what its files are."""

import json
import subprocess
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from tests.fixtures.field.cameras import (
    FIELD_ENCODINGS,
    OPENCV,
    Encoding,
    declare,
    decoded,
    reencode,
    rotations,
    store_images,
    turn,
    with_alpha,
)
from tests.integration.worker.datasets import episodes, info, rows
from tests.integration.worker.jobs import LocalRun
from tests.integration.worker.lerobot_recorder import HEIGHT, WIDTH, Kind, record
from tests.integration.worker.test_folders import run_of
from tests.lerobot_check import ENVIRONMENTS

TOP, SIDE, WRIST = "observation.images.top", "observation.images.side", "observation.images.wrist"
LENGTHS = (4, 3)
FRAMES = sum(LENGTHS)
FIRST = "chunk-000/file-000.mp4"
UNCHANGED = {"min": 0, "max": 0}
IDENTITY = {
    "copies": 1,
    "seed": 1,
    "transforms": ["lighting"],
    "lighting": {
        "brightness": UNCHANGED,
        "contrast": UNCHANGED,
        "colorTemperature": {"min": 6500, "max": 6500},
    },
}
"""Copies that are their source, but for what codecs lose."""


def job_of(folder: Path, source: Path, **spec: Any) -> LocalRun:
    return run_of(folder / "job", source, folder / "result", **{"augmentation": IDENTITY, **spec})


def said(run: LocalRun) -> str:
    events = run.job.status.phase(PhaseName.RESOLVE).events
    return "\n".join(event.message or "" for event in events if event.status == "warning")


def file_of(folder: Path, camera: str, number: int) -> Path:
    return folder / "videos" / camera / f"chunk-000/file-{number:03d}.mp4"


def facts_of(path: Path) -> dict[str, Any]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return {
            "video.codec": context.codec.canonical_name,
            "video.pix_fmt": context.pix_fmt,
            "video.height": context.height,
            "video.width": context.width,
        }


@pytest.fixture(scope="module")
def codecs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, LocalRun]:
    """A dataset with a camera in each codec of the field, all of them called h264 in info.json, and its result."""
    root = tmp_path_factory.mktemp("codecs")
    source = record(root / "source", "v3.0", dict.fromkeys(FIELD_ENCODINGS, Kind.VIDEO), LENGTHS)
    for codec, encoding in FIELD_ENCODINGS.items():
        path = source / "videos" / codec / FIRST
        reencode(path, encoding)
        wrong = {"video.codec": "h264", "video.pix_fmt": "yuv420p", "video.height": 9, "video.width": 9, "video.g": 30}
        claimed = {"video.fast_decode": 1, "video.extra_options": {"tune": "film"}, "is_depth_map": False}
        declare(source, codec, shape=[480, 640, 3], info={**wrong, **claimed})
    turn(source / "videos/mpeg4" / FIRST)
    run = job_of(root, source, augmentation={**IDENTITY, "episodes": "0"}, output={"video": {"crf": 8}})
    run.run_all()
    return source, root / "result", run


def test_videos_of_every_codec_are_augmented_and_info_says_what_they_became(
    codecs: tuple[Path, Path, LocalRun],
) -> None:
    source, folder, run = codecs
    for codec in FIELD_ENCODINGS:
        entry: Mapping[str, Any] = info(folder)["features"][codec]  # type: ignore[index]
        made = facts_of(file_of(folder, codec, 1))
        assert {name: entry["info"][name] for name in made} == made, codec
        assert entry["shape"] == [HEIGHT, WIDTH, 3]
        assert made["video.codec"] == (codec if codec in ("h264", "hevc") else "av1")
        assert made["video.pix_fmt"] == ("yuv420p10le" if codec in ("h264", "hevc") else "yuv420p")
        kept = codec == "h264"  # only there is what info.json records of the files that are there
        assert (entry["info"]["video.g"], entry["info"]["video.fast_decode"]) == ((30, 1) if kept else (2, 0))
        assert entry["info"]["video.extra_options"] == {}
        before, after = decoded(file_of(source, codec, 0))[: LENGTHS[0]], decoded(file_of(folder, codec, 1))
        assert np.abs(before.astype(int) - after).mean() < 3, codec
        assert abs(before.mean() - after.mean()) < 1.5, codec
    words = said(run)
    assert "become av1 in augmented copies (spec.output.video.codec may be av1, h264, hevc): mpeg4 (mpeg4)" in words
    assert "augmented copies are written without (video.extra_options): " in words
    assert "names another codec than the files have" in words
    assert "vp9 (h264, is vp9)" in words
    assert "hevc (10 bits, stored as yuv420p10le)" in words
    assert "vp8 (640x480, is 64x48)" in words


def test_a_turned_video_stays_turned(codecs: tuple[Path, Path, LocalRun]) -> None:
    source, folder, _ = codecs
    assert set(rotations(file_of(source, "mpeg4", 0))) == set(rotations(file_of(folder, "mpeg4", 1))) == {-90}
    assert set(rotations(file_of(folder, "vp9", 1))) == {0}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LocalRun]:
    """A dataset in v2.1 whose episodes have different codecs and sizes, with `output.video.codec` set; its result."""
    root = tmp_path_factory.mktemp("mixed")
    source = record(root / "source", "v2.1", {TOP: Kind.VIDEO, SIDE: Kind.VIDEO}, LENGTHS)
    for camera, encoding, stride in ((TOP, OPENCV, 2), (SIDE, FIELD_ENCODINGS["vp9"], 1)):
        reencode(source / f"videos/chunk-000/{camera}/episode_000001.mp4", encoding, stride=stride)
    declare(source, SIDE, info=None, video_info={"video.codec": "h264", "video.fps": 10.0})
    run = job_of(root, source, output={"video": {"codec": "hevc"}})
    run.run_all(2)
    return root / "result", run


def test_output_codec_decides_what_all_copies_of_a_camera_are(mixed: tuple[Path, LocalRun]) -> None:
    folder, run = mixed
    for camera in (TOP, SIDE):
        made = [facts_of(folder / f"videos/chunk-000/{camera}/episode_{number:06d}.mp4") for number in (2, 3)]
        assert [facts["video.codec"] for facts in made] == ["hevc", "hevc"]
    features: Any = info(folder)["features"]
    assert features[TOP]["info"]["video.codec"] == features[SIDE]["video_info"]["video.codec"] == "hevc"
    assert features[SIDE]["video_info"]["video.fps"] == 10.0
    assert [made["video.height"] for made in (facts_of(p) for p in sorted(folder.glob(f"videos/*/{TOP}/*.mp4")))] == [
        HEIGHT, HEIGHT // 2, HEIGHT, HEIGHT // 2
    ]  # fmt: skip
    assert f"files in several codecs, whose augmented copies get one: {TOP} (h264 and mpeg4)" in said(run)


def short_by_one(folder: Path) -> Path:
    """strands-labs/robots#1078, lerobot#3513: a frame fewer than rows, in the last episode."""
    source = record(folder, "v3.0", {TOP: Kind.VIDEO, SIDE: Kind.VIDEO}, LENGTHS)
    reencode(file_of(source, SIDE, 0), Encoding("libx264"), frames=slice(0, FRAMES - 1))
    return source


def test_a_frame_fewer_than_rows_is_found_in_resolve(tmp_path: Path) -> None:
    run = job_of(tmp_path, short_by_one(tmp_path / "source"))
    with pytest.raises(WorkerFailure) as caught:
        run.run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    for word in ("episode 1", SIDE, f"frame {FRAMES - 1}", "3 rows", "spec.augmentation.episodes"):
        assert word in caught.value.message


def test_an_episode_without_its_last_frame_is_left_out_where_the_job_says_so(tmp_path: Path) -> None:
    run = job_of(tmp_path, short_by_one(tmp_path / "source"), onBadEpisode="skip")
    run.run_all()
    assert "left out (spec.onBadEpisode): episode 1, camera observation.images.side" in said(run)
    assert episodes(tmp_path / "result").num_rows == len(LENGTHS) + 1


def test_a_fragmented_video_is_not_taken_for_a_short_one(tmp_path: Path) -> None:
    """Its header lists the frames of the first fragment only."""
    source = record(tmp_path / "source", "v3.0", {TOP: Kind.VIDEO}, LENGTHS)
    path = file_of(source, TOP, 0)
    with (
        av.open(str(path)) as before,
        av.open(str(tmp_path / "f.mp4"), "w", options={"movflags": "frag_keyframe"}) as after,
    ):
        stream = after.add_stream_from_template(before.streams.video[0])
        for packet in before.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                after.mux(packet)
    (tmp_path / "f.mp4").replace(path)
    with av.open(str(path)) as container:
        assert 0 < container.streams.video[0].frames < FRAMES
    job_of(tmp_path, source).run(PhaseName.RESOLVE)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, LocalRun]:
    """Image cameras of every kind in one dataset: its source, its result and its job."""
    root = tmp_path_factory.mktemp("images")
    kinds = ("rgb", "grey", "grey_jpeg", "rgba", "small", "palette", "bits", "chw", "depth")
    cameras = dict.fromkeys(kinds, Kind.PNG) | {"grey_jpeg": Kind.JPEG, "depth": Kind.DEPTH}
    source = record(root / "source", "v3.0", cameras, LENGTHS)
    store_images(source, "grey", lambda image: image.convert("L"))
    store_images(source, "grey_jpeg", lambda image: image.convert("L"), "JPEG")
    store_images(source, "rgba", with_alpha)
    store_images(source, "small", lambda image: image.resize((WIDTH // 2, HEIGHT // 2)))
    store_images(source, "palette", lambda image: image.quantize(16))
    store_images(source, "bits", lambda image: image.convert("1"))
    declare(source, "rgba", shape=[HEIGHT, WIDTH, 4])
    declare(source, "chw", shape=[3, HEIGHT, WIDTH], names=["height", "width", "channel"])
    augmentation = {"copies": 1, "seed": 1, "transforms": ["lighting", "hueSaturation"]}
    run = run_of(root / "job", source, root / "result", augmentation=augmentation)
    run.run_all()
    return source, root / "result", run


AUGMENTED = ("rgb", "grey", "grey_jpeg", "rgba", "small", "chw")


def image_of(folder: Path, camera: str, row: int) -> Image.Image:
    return Image.open(BytesIO(rows(folder).column(camera)[row].as_py()["bytes"]))


def test_images_keep_their_kind_and_labels_are_left_alone(images: tuple[Path, Path, LocalRun]) -> None:
    source, folder, run = images
    for camera in info(source)["features"]:  # type: ignore[attr-defined]
        if "." in camera or camera in ("action", "timestamp") or camera.endswith("index"):
            continue
        before, after = image_of(source, camera, 1), image_of(folder, camera, FRAMES + 1)
        assert (after.mode, after.size, after.format) == (before.mode, before.size, before.format), camera
        assert (np.asarray(after).tolist() != np.asarray(before).tolist()) == (camera in AUGMENTED), camera
    alpha = [
        image.getchannel("A").tobytes() for image in (image_of(source, "rgba", 1), image_of(folder, "rgba", FRAMES + 1))
    ]
    assert alpha[0] == alpha[1]
    words = said(run)
    for word in (
        "palette is stored as palette images",
        "bits is stored as images of one bit",
        "depth is a depth or one",
    ):
        assert word in words
    assert f"small ({WIDTH}x{HEIGHT}, is {WIDTH // 2}x{HEIGHT // 2})" in words
    assert info(folder)["features"]["small"]["shape"] == [HEIGHT // 2, WIDTH // 2, 3]  # type: ignore[index]
    assert info(folder)["features"]["chw"] == info(source)["features"]["chw"]  # type: ignore[index]


def test_statistics_of_a_grey_camera_are_those_of_what_is_stored(images: tuple[Path, Path, LocalRun]) -> None:
    _, folder, _ = images
    stored = np.stack([np.asarray(image_of(folder, "grey", FRAMES + row)) for row in range(LENGTHS[0])]) / 255
    mean = np.ravel(episodes(folder).column("stats/grey/mean")[len(LENGTHS)].as_py())
    assert mean == pytest.approx([stored.mean()] * 3)


def test_a_camera_that_would_be_left_out_is_an_error_where_it_is_named(
    images: tuple[Path, Path, LocalRun], tmp_path: Path
) -> None:
    run = run_of(tmp_path / "job", images[0], tmp_path / "result", augmentation={"cameras": ["palette"]})
    with pytest.raises(WorkerFailure, match=r"palette is stored as palette images.*cameras that can be augmented: rgb"):
        run.run(PhaseName.RESOLVE)


BATCHES = """
import json, logging, sys; logging.disable(logging.WARNING)
from torch.utils.data import DataLoader, default_collate
from lerobot.datasets.lerobot_dataset import LeRobotDataset
found = {}
for folder in sys.argv[1:]:
    dataset = LeRobotDataset("lab/it", root=folder, video_backend="pyav")
    (items,) = DataLoader(dataset, batch_size=len(dataset), collate_fn=list)
    for key in dataset.meta.camera_keys:
        found.setdefault(key, []).append(list(default_collate([item[key] for item in items]).shape))
print(json.dumps(found))
"""


def test_lerobot_batches_results_like_their_sources(
    images: tuple[Path, Path, LocalRun], codecs: tuple[Path, Path, LocalRun]
) -> None:
    folders = [str(folder) for folder in (*images[:2], *codecs[:2])]
    program = [str(ENVIRONMENTS["v3.0"] / "bin/python"), "-c", BATCHES, *folders]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shapes = json.loads(done.stdout.splitlines()[-1])
    assert set(shapes) >= {*AUGMENTED, *FIELD_ENCODINGS}
    for camera, (before, after) in shapes.items():
        copies = LENGTHS[0] if camera in FIELD_ENCODINGS else FRAMES
        assert (before[0], after[0], before[1:]) == (FRAMES, FRAMES + copies, after[1:]), camera
    assert (shapes["grey"][1][1], shapes["rgba"][1][1], shapes["palette"][1][1]) == (1, 4, 1)
