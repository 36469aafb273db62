"""Backgrounds that are replaced by mask: in every frame by its own mask, wherever its pixels were moved before."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features
from datasets import Image as ImageFeature
from numpy.typing import NDArray
from PIL import Image

from augmentation_api import Augmentation, AugmentationJobSpec, FailureReason
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.background_images import check_background_images
from augmentation_worker.formats.lerobot.preview import preview
from augmentation_worker.formats.lerobot.resolve import resolve
from augmentation_worker.media.pixel_hash import PixelHash
from augmentation_worker.media.video.decoder import decode_segment
from augmentation_worker.media.video.segment import VideoSegment
from augmentation_worker.storage.folder.source import FolderSource
from tests.fixtures.field.masks import HEIGHT, WIDTH, picture_of, square_of, with_moving_square
from tests.integration.worker.lerobot_recorder import FPS, Kind, record
from tests.integration.worker.test_folders import run_of
from tests.recorded_copies import provenance_of

TOP, FILM, MASK, WRIST = "observation.images.top", "observation.images.film", "observation.masks.top", "wrist"
LENGTHS = (6, 4)
HARD = {"kind": "color", "softness": {"min": 0, "max": 0}}
ON_TOP: dict[str, Any] = {"transforms": ["background"], "masks": {TOP: MASK}, "background": HARD, "copies": 2}


def recorded(folder: Path, cameras: dict[str, Kind]) -> Path:
    record(folder, "v3.0", {**cameras, MASK: Kind.MASK}, LENGTHS)
    return with_moving_square(folder, MASK, TOP if cameras.get(TOP) is Kind.PNG else None, value=1)


def frames_of(folder: Path, column: str) -> list[NDArray[np.uint8]]:
    tables = [pq.read_table(path, columns=[column]) for path in sorted(folder.glob("data/**/*.parquet"))]
    contents = [cell["bytes"] for table in tables for cell in table.column(column).to_pylist()]
    return [np.array(Image.open(BytesIO(content))) for content in contents]


def augmented_episodes(result: Path) -> list[dict[str, Any]]:
    episodes: list[dict[str, Any]] = provenance_of(result)["episodes"]
    return episodes


def color_of(parameters: dict[str, Any]) -> tuple[int, ...]:
    return tuple(bytes.fromhex(parameters["background"]["color"][1:]))


def expected(frames: Sequence[NDArray[np.uint8]], episode: int, color: tuple[int, ...]) -> NDArray[np.uint8]:
    kept = np.stack([square_of(frame, episode) for frame in range(len(frames))])
    return np.where(kept[..., None], np.stack(frames), np.array(color, np.uint8))


def test_every_frame_keeps_what_its_own_mask_keeps(tmp_path: Path) -> None:
    source, result = recorded(tmp_path / "source", {TOP: Kind.PNG, FILM: Kind.VIDEO}), tmp_path / "result"
    spec = {**ON_TOP, "masks": {TOP: MASK, FILM: MASK}}
    run_of(tmp_path / "job", source, result, augmentation=spec).run_all(2)
    made, colors = iter(frames_of(result, TOP)[sum(LENGTHS) :]), set()
    (film,) = (source / "videos" / FILM).rglob("*.mp4")
    for episode in augmented_episodes(result):
        index = episode["sourceEpisodeIndex"]
        pictures = [picture_of(frame, index) for frame in range(LENGTHS[index])]
        color = color_of(episode["cameras"][TOP]["parameters"])
        # The room is the scene's.
        assert color == color_of(episode["cameras"][FILM]["parameters"])
        colors.add(color)
        assert (np.stack([next(made) for _ in pictures]) == expected(pictures, index, color)).all()
        segment = VideoSegment(film, sum(LENGTHS[:index]), LENGTHS[index], FPS)
        decoded = np.concatenate(list(decode_segment(segment))).transpose(0, 2, 3, 1)
        pixel_hash = PixelHash()
        pixel_hash.update(np.ascontiguousarray(expected(list(decoded), index, color).transpose(0, 3, 1, 2)))
        assert episode["cameras"][FILM]["pixelHash"] == pixel_hash.hexdigest()
    assert next(made, None) is None
    assert len(colors) == 4
    masks = frames_of(result, MASK)
    assert (np.stack(masks[10:16]) == np.stack(masks[:6])).all()
    assert f"| Masks | {MASK} of {TOP}, {MASK} of {FILM} |" in (result / "README.md").read_text()


def test_images_of_a_folder_are_put_behind_what_is_kept(tmp_path: Path) -> None:
    source, result = recorded(tmp_path / "source", {TOP: Kind.PNG}), tmp_path / "result"
    (source / "rooms/dark").mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (300, 100), (10 * number, 0, 77)).save(source / f"rooms/dark/{number}.png")
    (source / "rooms/readme.txt").write_text("rooms")
    spec = {**ON_TOP, "background": {**HARD, "kind": "images"}, "backgroundImages": "rooms", "seed": 1}
    run_of(tmp_path / "job", source, result, augmentation=spec).run_all()
    made, names = iter(frames_of(result, TOP)[sum(LENGTHS) :]), set()
    for episode in augmented_episodes(result):
        index = episode["sourceEpisodeIndex"]
        name = episode["cameras"][TOP]["parameters"]["background"]["image"]
        names.add(name)
        color = (10 * int(Path(name).stem), 0, 77)
        pictures = [picture_of(frame, index) for frame in range(LENGTHS[index])]
        assert (np.stack([next(made) for _ in pictures]) == expected(pictures, index, color)).all()
    assert len(names) > 1
    for changed, words in (
        ({"backgroundImages": None}, "backgroundImages is not given, and the background of observation.images.top"),
        ({"backgroundImages": "kitchens"}, "no image below kitchens/"),
    ):
        with pytest.raises(WorkerFailure, match=words):
            warnings_of(source, **{**spec, **changed})


def test_the_masks_of_an_image_dataset_are_columns(tmp_path: Path) -> None:
    def png(values: NDArray[np.uint8], mode: str) -> dict[str, Any]:
        content = BytesIO()
        Image.fromarray(values).convert(mode).save(content, "PNG")
        return {"bytes": content.getvalue(), "path": None}

    rows = {
        "image": [png(picture_of(row, 0), "RGB") for row in range(3)],
        "mask": [png(square_of(row, 0).astype(np.uint8) * 255, "1") for row in range(3)],
    }
    features = Features({"image": ImageFeature(), "mask": ImageFeature()})
    (tmp_path / "source/data").mkdir(parents=True)
    Dataset.from_dict(rows, features=features).to_parquet(str(tmp_path / "source/data/train-00000-of-00001.parquet"))
    spec = {**ON_TOP, "masks": {"image": "mask"}}
    run_of(tmp_path / "job", tmp_path / "source", tmp_path / "result", augmentation=spec).run_all()
    (made,) = (tmp_path / "result").glob("augmented/*.parquet")
    cells = pq.read_table(made).column("image").to_pylist()
    assert len(cells) == 6
    for number, cell in enumerate(cells):
        seen, kept = np.array(Image.open(BytesIO(cell["bytes"]))), square_of(number // 2, 0)
        assert (seen[kept] == picture_of(number // 2, 0)[kept]).all()
        assert len(np.unique(seen[~kept], axis=0)) == 1
    for number in range(3):
        (tmp_path / "source/rooms").mkdir(exist_ok=True)
        Image.new("RGB", (200, 90), (10 * number, 0, 77)).save(tmp_path / f"source/rooms/{number}.png")
    rooms = {**spec, "background": {**HARD, "kind": "images"}, "backgroundImages": "rooms", "seed": 2}
    moved = {"transforms": ["affine", "background"], "alsoApplyTo": {"image": ["mask"]}}
    for name, more in (("rooms", {}), ("moved", moved)):
        augmentation = {**rooms, **more}
        run_of(tmp_path / name, tmp_path / "source", tmp_path / f"in-{name}", augmentation=augmentation).run_all()
        (made,) = (tmp_path / f"in-{name}").glob("augmented/*.parquet")
        contents = [cell["bytes"] for cell in pq.read_table(made).column("image").to_pylist()]
        lowest = np.concatenate([np.array(Image.open(BytesIO(content)))[-1] for content in contents])
        colors = {tuple(color) for color in np.unique(lowest, axis=0)}
        assert len(colors) > 1
        assert colors <= {(0, 0, 77), (10, 0, 77), (20, 0, 77)}
    with pytest.raises(WorkerFailure, match=r"backgroundImages: rooms/1\.png is the image of a row"):
        check_background_images(
            Augmentation.model_validate(rooms),
            ["image"],
            FolderSource(tmp_path / "source", "lab/odd"),
            rows=frozenset({DatasetPath("rooms/1.png")}),
        )
    with pytest.raises(WorkerFailure, match="masks: image has no mask, which background needs"):
        run_of(tmp_path / "job2", tmp_path / "source", tmp_path / "no", augmentation={**spec, "masks": None}).run_all()


def test_a_mask_moves_with_the_pixels_that_were_moved_before_it(tmp_path: Path) -> None:
    source, results = recorded(tmp_path / "source", {TOP: Kind.PNG}), {}
    moving = {"affine": {"drift": 1, "rotation": {"min": 20, "max": 30}, "border": "black"}, "seed": 3}
    for name, transforms in {"moved": ["affine"], "replaced": ["affine", "background"]}.items():
        spec = {**ON_TOP, **moving, "transforms": transforms, "copies": 1}
        run_of(tmp_path / f"{name}-job", source, tmp_path / name, augmentation=spec).run_all()
        results[name] = frames_of(tmp_path / name, TOP)[sum(LENGTHS) :]
    colors = [color_of(episode["cameras"][TOP]["parameters"]) for episode in augmented_episodes(tmp_path / "replaced")]
    still = np.stack([square_of(frame, 0) for frame in range(LENGTHS[0])])
    for number, (moved, made) in enumerate(zip(*results.values(), strict=True)):
        kept = (made != colors[number >= LENGTHS[0]]).any(-1)
        assert (made[kept] == moved[kept]).all()
        # The square is bright. A mask of the next frame, or one that stayed, would be wrong in 200 places and more.
        wrong = np.count_nonzero(kept != (moved[..., 0] > 125))
        assert wrong < 45, (number, wrong)
        assert number >= LENGTHS[0] or np.count_nonzero(kept != still[number]) > 60


def test_a_preview_shows_the_mask_of_its_frame(tmp_path: Path) -> None:
    source = recorded(tmp_path / "source", {TOP: Kind.PNG})
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": ON_TOP, "preview": {"episode": 1, "frame": 2}}
    job = AugmentationJobSpec.model_validate(spec)
    sheet = np.array(Image.open(BytesIO(preview(FolderSource(source, "lab/odd"), job))))
    # Two cells to the right, each frame four times as large (contact_sheet.py).
    shown = sheet[68 : 68 + 4 * HEIGHT : 4, 12 + 268 : 12 + 268 + 4 * WIDTH : 4]
    kept = square_of(2, 1)
    assert (shown[kept] == picture_of(2, 1)[kept]).all()
    assert len(np.unique(shown[~kept], axis=0)) == 1


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        (
            {"masks": None},
            FailureReason.SPEC_UNSUPPORTED,
            f"masks: {TOP} has no mask, which background needs: name its",
        ),
        ({"masks": {TOP: "mask"}}, FailureReason.SELECTION_EMPTY, f"no stream 'mask'; those that can be masks: {MASK}"),
        ({"masks": {TOP: TOP}}, FailureReason.SPEC_UNSUPPORTED, f"masks.{TOP}: {TOP} is augmented itself"),
        ({"masks": {MASK: MASK}}, FailureReason.SELECTION_EMPTY, f"'{MASK}' is no camera that the job augments"),
    ],
)
def test_a_mask_that_is_not_there_is_refused(
    tmp_path_factory: pytest.TempPathFactory, changed: dict[str, Any], reason: FailureReason, words: str
) -> None:
    source = tmp_path_factory.getbasetemp() / "refused"
    if not source.exists():
        recorded(source, {TOP: Kind.PNG})
    with pytest.raises(WorkerFailure) as refused:
        warnings_of(source, **{**ON_TOP, **changed})
    assert refused.value.reason is reason
    assert words in refused.value.message
    for unneeded in ({"transforms": ["blur"]}, {"perCamera": [{"camera": "*", "transforms": ["blur"]}]}):
        (said,) = [each for each in warnings_of(source, **{**ON_TOP, **unneeded}) if "changes nothing" in each]
        assert f"spec.augmentation.masks.{TOP} changes nothing" in said


def warnings_of(source: Path, **augmentation: Any) -> tuple[str, ...]:
    spec = {"source": {"hub": {"repoID": "lab/odd"}}, "augmentation": augmentation}
    return resolve(FolderSource(source, "lab/odd"), AugmentationJobSpec.model_validate(spec), None).warnings
