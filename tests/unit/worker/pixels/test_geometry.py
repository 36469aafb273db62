"""Affine, crop-and-resize and perspective against torchvision's own, and their kernels against their twin."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional

from augmentation_api.spec import Augmentation
from augmentation_api.transforms import TransformName
from augmentation_worker.transforms.affine import Affine
from augmentation_worker.transforms.crop_resize import CropResize, crop_box
from augmentation_worker.transforms.drift import FRAMES_PER_POINT, Drift
from augmentation_worker.transforms.geometric_transform import Geometry, fused
from augmentation_worker.transforms.homography import IDENTITY, Homography, crop, product, quadrilateral, similarity
from augmentation_worker.transforms.kernels_in_torch import resample_in_torch
from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.lighting import Lighting
from augmentation_worker.transforms.perspective import Perspective
from augmentation_worker.transforms.pipeline import EpisodeTransform, sample_pipeline
from augmentation_worker.transforms.resampler import BLACK, EDGE, Resampling, tent
from tests.unit.worker.pixels.conftest import psnr

HEIGHT, WIDTH = 120, 160
CORNER_NAMES = ("top_left", "top_right", "bottom_right", "bottom_left")
CORNERS = ((0.03, -0.04), (0.97, 0.02), (1.02, 0.95), (-0.03, 1.01))
TURNED = similarity(4.0, (0.03, -0.05), 1.1, HEIGHT, WIDTH)
SMALLER = similarity(-5.0, (0.02, 0.01), 0.8, HEIGHT, WIDTH)
CROPPED = crop(0.25, 0.125, 0.5, 0.75, HEIGHT, WIDTH)
TILTED = quadrilateral(CORNERS, HEIGHT, WIDTH)
HOMOGRAPHIES = {
    "affine": TURNED,
    "zoomed out": SMALLER,
    "far out": similarity(30.0, (0.5, 0), 0.5, HEIGHT, WIDTH),
    "crop": CROPPED,
    "perspective": TILTED,
    "all": product(product(SMALLER, CROPPED), TILTED),
    "beyond the horizon": product(
        quadrilateral(((0.2, 0.2), (0.8, 0.2), (1.2, 1.2), (-0.2, 1.2)), HEIGHT, WIDTH),
        similarity(0, (1, -1), 0.5, HEIGHT, WIDTH),
    ),
}


@pytest.fixture(scope="module")
def scene() -> torch.Tensor:
    """uint8 [2, 3, 120, 160], smooth: what interpolates otherwise differs by little."""
    noise = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (2, 3, HEIGHT, WIDTH), dtype=np.uint8))
    blurred = functional.gaussian_blur(noise.double(), [13, 13], [2.5, 2.5])
    smooth: torch.Tensor = ((blurred - 127.5) * 6 + 127.5).clamp(0, 255).round().to(torch.uint8)
    return smooth


def resampled(frames: torch.Tensor, homography: Homography, border: str = BLACK) -> torch.Tensor:
    height, width = frames.shape[-2:]
    return torch.from_numpy(Resampling.of(homography, height, width, border)(frames.numpy()))


@pytest.mark.parametrize(("zoom", "least"), [(1.0, 55), (1.1, 55), (0.95, 45)])
def test_an_affine_transform_is_torchvisions(scene: torch.Tensor, zoom: float, least: float) -> None:
    # torchvision turns clockwise, and interpolates without anti-aliasing where it shrinks.
    theirs = functional.affine(
        scene, -4.0, [0.03 * WIDTH, -0.05 * HEIGHT], zoom, [0.0, 0.0], interpolation=InterpolationMode.BILINEAR
    )
    assert psnr(resampled(scene, similarity(4.0, (0.03, -0.05), zoom, HEIGHT, WIDTH)), theirs) > least


def test_a_crop_is_torchvisions_resized_crop(scene: torch.Tensor) -> None:
    theirs = functional.resized_crop(scene, 15, 40, 90, 80, [HEIGHT, WIDTH], antialias=True)
    assert psnr(resampled(scene, CROPPED, EDGE), theirs) > 50


def test_a_smaller_frame_is_torchvisions_resize_with_anti_aliasing(scene: torch.Tensor) -> None:
    theirs = functional.resize(scene, [HEIGHT * 4 // 5, WIDTH * 4 // 5], antialias=True)
    ours = resampled(scene, similarity(0, (0, 0), 0.8, HEIGHT, WIDTH), EDGE)[..., 12:108, 16:144]
    assert psnr(ours[..., 2:-2, 2:-2], theirs[..., 2:-2, 2:-2]) > 50


def test_a_perspective_is_torchvisions(scene: torch.Tensor) -> None:
    frame = [[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]]
    seen = [[x * WIDTH, y * HEIGHT] for x, y in CORNERS]
    theirs = functional.perspective(scene, seen, frame, interpolation=InterpolationMode.BILINEAR)
    # They interpolate without anti-aliasing where it shrinks.
    assert psnr(resampled(scene, TILTED), theirs) > 42


@pytest.mark.parametrize("border", [EDGE, BLACK])
@pytest.mark.parametrize("name", HOMOGRAPHIES)
def test_pixels_are_the_weighted_means_of_the_formula(scene: torch.Tensor, name: str, border: str) -> None:
    """In double precision, at a few places: a tent as wide as the footprint, about the place in the source."""
    resampling = Resampling.of(HOMOGRAPHIES[name], HEIGHT, WIDTH, border)
    ours = resampling(scene.numpy())
    matrix = np.array(HOMOGRAPHIES[name]).reshape(3, 3)
    middle = matrix[2] @ [(WIDTH - 1) / 2, (HEIGHT - 1) / 2, 1]
    source = scene[0].double().numpy()
    for x, y in ((0, 0), (31, 17), (80, 60), (159, 3), (100, 119), (159, 119)):
        place_x, place_y, depth = matrix @ [x, y, 1] / middle
        if depth < 0.01:
            continue
        across = np.maximum(0, 1 - np.abs(np.arange(-900, 900) - place_x / depth) * 256 / resampling.reach_x)
        down = np.maximum(0, 1 - np.abs(np.arange(-900, 900) - place_y / depth) * 256 / resampling.reach_y)
        columns, rows = np.flatnonzero(across), np.flatnonzero(down)
        if len(columns) == 0 or len(rows) == 0:
            continue  # farther away than 900 pixels
        inside = np.outer((rows - 900 >= 0) & (rows - 900 < HEIGHT), (columns - 900 >= 0) & (columns - 900 < WIDTH))
        weights = np.outer(down[rows] / down.sum(), across[columns] / across.sum())
        values = source[:, (rows - 900).clip(0, HEIGHT - 1)][:, :, (columns - 900).clip(0, WIDTH - 1)]
        expected = (values * weights * (inside if border == BLACK else 1)).sum((1, 2))
        assert np.abs(ours[0, :, y, x] - expected).max() < 1.3


@pytest.mark.parametrize("border", [EDGE, BLACK])
@pytest.mark.parametrize("name", HOMOGRAPHIES)
@pytest.mark.parametrize("size", [(61, 80), (33, 17), (3, 2), (1, 1)])
def test_the_kernel_of_resampling_and_its_twin_give_the_same_pixels(
    name: str, border: str, size: tuple[int, int]
) -> None:
    frames = torch.from_numpy(np.random.default_rng(2).integers(0, 256, (2, 3, *size), dtype=np.uint8))
    resampling = Resampling.of(HOMOGRAPHIES[name], *size, border)
    assert np.array_equal(resampling(frames.numpy()), resample_in_torch(frames, resampling).numpy())


@pytest.mark.parametrize("border", [EDGE, BLACK])
@pytest.mark.parametrize(
    ("across", "down", "left", "top"),
    [(0.7, 0.9, 3.3, 0.6), (1, 1, -7.25, 2.5), (1.3, 1.1, -9, -4), (2.6, 0.8, -40, 9), (0.5, 3.0, 200, -900)],
)
def test_a_resampling_that_keeps_axes_gives_the_same_pixels_row_by_row(
    across: float, down: float, left: float, top: float, border: str
) -> None:
    frames = torch.from_numpy(np.random.default_rng(3).integers(0, 256, (2, 3, 61, 80), dtype=np.uint8))
    resampling = Resampling.of((across, 0, left, 0, down, top, 0, 0, 1), 61, 80, border)
    assert resampling.keeps_axes
    assert np.array_equal(resampling(frames.numpy()), resample_in_torch(frames, resampling).numpy())
    assert not Resampling.of((across, 0.01, left, 0, down, top, 0, 0, 1), 61, 80, border).keeps_axes


@pytest.mark.parametrize("reach", [256, 257, 300, 384, 385, 512, 1024])
def test_the_weights_of_every_fraction_sum_to_one(reach: int) -> None:
    weights = tent(reach)
    assert (weights.sum(1) == 2048).all()
    assert (weights >= 0).all()


@pytest.mark.parametrize("border", [EDGE, BLACK])
def test_what_moves_nothing_gives_the_same_frames_to_the_bit(photo: torch.Tensor, border: str) -> None:
    still = [
        Affine((0, 0), (0, 0), (0, 0), (1, 1), border),
        CropResize((1, 1), (1, 1)),
        Perspective((0, 0), border),
    ]
    for transform in still:
        assert torch.equal(transform(photo), photo)
    nothing = Resampling.of(IDENTITY, 48, 64, border)
    assert torch.equal(resample_in_torch(photo, nothing), photo)


def test_a_fine_pattern_becomes_grey_where_it_shrinks_instead_of_another_pattern() -> None:
    lines = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    lines[..., ::2] = 255
    shrunk = resampled(lines, similarity(0, (0.01, 0), 0.5, 64, 64))[..., 20:44, 20:44].int()
    assert (shrunk - 128).abs().max() <= 2


def test_the_border_is_repeated_or_black(photo: torch.Tensor) -> None:
    repeated, black = (Affine((0, 0), (25, 25), (0, 0), (1, 1), border)(photo) for border in (EDGE, BLACK))
    assert torch.equal(repeated[..., 16:], photo[..., :48])
    assert torch.equal(black[..., 16:], photo[..., :48])
    assert torch.equal(repeated[..., :16], photo[..., :1].expand(-1, -1, -1, 16))
    assert (black[..., :16] == 0).all()


def test_a_crop_lies_in_the_frame_whatever_is_sampled() -> None:
    for copy in range(200):
        transform = CropResize((0.3, 1), (0.5, 2), random=KeyedRandom(0, "top", 0, copy, "cropResize"))
        left, top, width, height = crop_box(transform.make_params([])["geometry"].values)
        assert min(left, top) >= 0
        assert max(left + width, top + height) <= 1 + 1e-9
        assert 0.2 < width <= 1


def pipeline(names: list[str], **parameters: object) -> EpisodeTransform:
    augmentation = Augmentation.model_validate({"transforms": names, **parameters})
    return sample_pipeline(augmentation, camera="top", episode=3, copy=0, episode_mean=(0.4, 0.5, 0.6))


def test_geometric_transforms_in_a_row_are_one_resampling(scene: torch.Tensor) -> None:
    whole = pipeline(["affine", "cropResize", "perspective"])
    (step,) = fused([(transform, dict(params)) for _, transform, params in whole.steps])
    assert isinstance(step[0], Geometry)
    expected = IDENTITY
    for _, transform, params in whole.steps:
        assert isinstance(transform, Affine | CropResize | Perspective)
        expected = product(expected, transform.homography(params["geometry"].values, HEIGHT, WIDTH))
    assert torch.equal(whole(scene, 0), resampled(scene, expected, EDGE))
    one_by_one = scene
    for _, transform, params in whole.steps:
        one_by_one = transform.transform(one_by_one, dict(params))
    assert psnr(whole(scene, 0)[..., 10:-10, 10:-10], one_by_one[..., 10:-10, 10:-10]) > 35
    # Detail survives one interpolation better than three.
    noise = torch.from_numpy(np.random.default_rng(5).integers(0, 256, scene.shape, dtype=np.uint8))
    thrice = noise
    for _, transform, params in whole.steps:
        thrice = transform.transform(thrice, dict(params))
    assert whole(noise, 0).double().std() > 1.2 * thrice.double().std()


def test_only_neighbours_that_show_the_same_beyond_the_source_are_one(photo: torch.Tensor) -> None:
    lighting, affine, black = Lighting(), Affine(), Perspective(border=BLACK)
    steps = [(each, each.make_params([photo])) for each in (affine, CropResize(), black, lighting, affine)]
    kinds = [len(step.steps) if isinstance(step, Geometry) else 0 for step, _ in fused(steps)]
    assert kinds == [2, 1, 0, 1]


DRIFTING = {
    "affine": {"drift": 1},
    "cropResize": {"drift": 0.5},
    "perspective": {"drift": 1, "distortion": {"min": 5, "max": 5}},
}


def test_a_drift_is_slow_and_does_not_depend_on_batches(scene: torch.Tensor) -> None:
    drifting = pipeline([*DRIFTING], **DRIFTING)
    still = scene[:1].expand(6, -1, -1, -1)
    whole = drifting(still, 40)
    cut = torch.cat([drifting(still[:1], 40), drifting(still[1:5], 41), drifting(still[5:], 45)])
    assert torch.equal(whole, cut)
    assert not torch.equal(whole[0], whole[5])
    assert all(psnr(first, second) > 30 for first, second in pairwise(whole))
    assert psnr(drifting(still[:1], 0), drifting(still[:1], 200)) < 25
    assert drifting.parameters["affine"]["drift"] == 1


def test_what_drifts_stays_in_its_range_and_never_jumps() -> None:
    drift, ranges = Drift(key=7, extent=1.0), ((-5.0, 5.0), (0.95, 1.05))
    curve = np.array([drift.wander((4.0, 1.0), ranges, frame) for frame in range(6 * FRAMES_PER_POINT)])
    assert curve[:, 0].min() >= -5
    assert curve[:, 0].max() <= 5
    assert np.abs(np.diff(curve[:, 1])).max() < 0.1 * 2 / FRAMES_PER_POINT
    assert curve[:, 1].std() > 0.005
    assert Drift(key=7, extent=0.0).wander((4.0, 1.0), ranges, 100) == (4.0, 1.0)


def test_labels_follow_without_being_mixed(photo: torch.Tensor) -> None:
    labels = np.random.default_rng(4).choice(np.array([0, 7, 60000], np.uint16), (48, 64))
    geometry = Geometry(((Affine(), Affine((30, 30), (10, 10), (0, 0), (1.2, 1.2)).make_params([])),))
    moved = geometry.follow(labels, 0)
    assert moved.dtype == np.uint16
    assert set(np.unique(moved)) == {0, 7, 60000}
    # Where a flat region is seen, its label is seen.
    halves = np.where(np.arange(64) < 32, 1, 200).astype(np.uint8)[None].repeat(48, 0)
    picture = np.broadcast_to(halves, (1, 3, *halves.shape[-2:]))
    seen, followed = geometry.apply(picture, {}), geometry.follow(halves, 0)
    flat = np.isin(seen[0, 0], (1, 200))
    assert flat.mean() > 0.9
    assert (seen[0, 0][flat] == followed[flat]).all()


def test_a_mask_in_a_training_pipeline_follows_and_boxes_are_refused(photo: torch.Tensor) -> None:
    mask = tv_tensors.Mask((torch.arange(64) < 32).to(torch.uint8).expand(48, 64))
    shifted = Affine((0, 0), (25, 25), (0, 0), (1, 1))
    assert torch.equal(shifted(photo, mask)[1], (torch.arange(64) < 48).to(torch.uint8).expand(48, 64))
    boxes = tv_tensors.BoundingBoxes([[0, 0, 4, 4]], format="XYXY", canvas_size=(48, 64))
    with pytest.raises(TypeError, match="Affine does not move BoundingBoxes"):
        shifted(photo, boxes)
    with pytest.raises(TypeError, match="set drift to 0"):
        Affine(drift=0.5)(photo, mask)


@pytest.mark.parametrize("name", [TransformName.AFFINE, TransformName.CROP_RESIZE, TransformName.PERSPECTIVE])
def test_sampled_geometry_is_described_with_units(name: TransformName) -> None:
    (described,) = pipeline([name.value]).parameters.values()
    expected = {
        "affine": {"rotation_degrees", "shift_x_percent", "shift_y_percent", "zoom"},
        "cropResize": {"left_percent", "top_percent", "width_percent", "height_percent"},
        "perspective": {f"{corner}_{axis}_percent" for corner in CORNER_NAMES for axis in "xy"},
    }
    assert set(described) == expected[name.value]
