import numpy as np
import pytest
import torch
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional

from augmentation_worker.transforms.keyed_random import KeyedRandom
from augmentation_worker.transforms.lighting import Lighting, LightingParameters

LUMA = torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
LUMINANCE = torch.tensor([0.2126, 0.7152, 0.0722], dtype=torch.float64)


def lit(frames: torch.Tensor, brightness: float, contrast: float, kelvin: float, mean: list[float]) -> torch.Tensor:
    """The frames in exactly this lighting."""
    lighting = Lighting((brightness,) * 2, (contrast,) * 2, (kelvin,) * 2, episode_mean=mean)
    made: torch.Tensor = lighting(frames)
    return made


def channel_means(frames: torch.Tensor) -> list[float]:
    return (frames.double().mean(dim=(0, 2, 3)) / 255).tolist()


def luma(frames: torch.Tensor) -> float:
    return float(frames.double().mean(dim=(0, 2, 3)) @ LUMA)


def formula(frames: torch.Tensor, brightness: float, contrast: float, gains: torch.Tensor) -> torch.Tensor:
    """Lighting in real numbers, pixel by pixel: 0..255, clipped, not rounded."""
    values = frames.double() / 255
    mean_luma = float(values.mean(dim=(0, 2, 3)) @ LUMA)
    values = values + brightness / 100
    pivot = mean_luma + brightness / 100
    values = pivot + (values - pivot) * (1 + contrast / 100)
    size = values.abs()
    linear = values.sign() * torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    linear = linear * gains.view(3, 1, 1)
    size = linear.abs()
    encoded = linear.sign() * torch.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return (encoded * 255).clamp(0, 255)


@pytest.mark.parametrize(("brightness", "contrast"), [(0, 0), (12.5, 0), (0, -30), (-20, 40), (50, 50), (-50, -50)])
@pytest.mark.parametrize(
    ("kelvin", "red", "blue"), [(6500, 1, 1), (3000, 1.9731452, 0.3041772), (8000, 0.8990075, 1.1829872)]
)
def test_lighting_is_the_formula_rounded_once(
    photo: torch.Tensor, brightness: float, contrast: float, kelvin: float, red: float, blue: float
) -> None:
    gains = torch.tensor([red, 1.0, blue], dtype=torch.float64)
    exact = formula(photo, brightness, contrast, gains / (gains @ LUMINANCE))
    result = lit(photo, brightness, contrast, kelvin, channel_means(photo))
    # Half a level is what rounding once costs; the gains above are given to 7 digits.
    assert (result.double() - exact).abs().max() <= 0.5 + 1e-3


def test_neutral_lighting_changes_no_pixel(photo: torch.Tensor) -> None:
    assert torch.equal(lit(photo, 0, 0, 6500, [0.3, 0.5, 0.7]), photo)


def test_ten_percent_of_brightness_add_25_and_a_half_of_255(photo: torch.Tensor) -> None:
    expected = (photo.int() + 26).clamp(max=255)  # 25.5 rounds up, for every value alike
    assert torch.equal(lit(photo, 10, 0, 6500, [0.5, 0.5, 0.5]).int(), expected)


@pytest.mark.parametrize("contrast", [-40, 40])
@pytest.mark.parametrize("brightness", [0, 100 * 20 / 255])
def test_contrast_keeps_the_episodes_mean(contrast: float, brightness: float) -> None:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(70, 160, (6, 3, 40, 40), dtype=torch.uint8, generator=generator)  # nothing is clipped
    before = luma(lit(frames, brightness, 0, 6500, channel_means(frames)))
    after = luma(lit(frames, brightness, contrast, 6500, channel_means(frames)))
    assert after == pytest.approx(before, abs=0.1)


@pytest.mark.parametrize("kelvin", [2500, 4000, 9000])
def test_color_temperature_keeps_the_luminance_of_grey(kelvin: float) -> None:
    grey = torch.full((1, 3, 4, 4), 120, dtype=torch.uint8)
    result = lit(grey, 0, 0, kelvin, [0.5, 0.5, 0.5]).double()[0, :, 0, 0] / 255
    linear = torch.where(result <= 0.04045, result / 12.92, ((result + 0.055) / 1.055) ** 2.4)
    expected = ((120 / 255 + 0.055) / 1.055) ** 2.4
    assert float(linear @ LUMINANCE) == pytest.approx(expected, rel=0.01)  # three channels, rounded to 8 bits each


def test_every_frame_gets_the_same_lighting(photo: torch.Tensor) -> None:
    dark_and_bright = torch.cat([photo // 4, photo, 192 + photo // 4])
    lighting = Lighting(contrast=(30, 30), episode_mean=(0.4, 0.5, 0.6), random=KeyedRandom(0, "top", 0, 0, "lighting"))
    params = lighting.make_params([])
    whole = lighting.transform(dark_and_bright, params)
    one_by_one = torch.stack([lighting.transform(frame, params) for frame in dark_and_bright])
    assert torch.equal(whole, one_by_one)


def test_a_still_scene_stays_still_whatever_moves_through_it() -> None:
    frames = torch.full((5, 3, 20, 20), 100, dtype=torch.uint8)
    for index in range(5):
        frames[index, :, :, 10 : 10 + 2 * index] = 255  # a bright arm comes into view: frame means rise
    result = lit(frames, 5, 40, 4500, channel_means(frames))
    assert (result[:, :, :, :10] == result[0, :, :1, :1]).all()


@pytest.mark.parametrize("contrast", [-40, -10, 25])
def test_contrast_is_torchvisions_where_the_episode_is_one_frame(photo: torch.Tensor, contrast: float) -> None:
    frame = photo[:1]
    theirs = functional.adjust_contrast(frame, 1 + contrast / 100)
    ours = lit(frame, 0, contrast, 6500, channel_means(frame))
    # torchvision truncates the mean's grey values and the result: up to 1 level each, and the pivot counts in part.
    assert (ours.int() - theirs.int()).abs().max() <= 1


@pytest.mark.parametrize("brightness", [-20, 10, 30])
def test_brightness_is_torchvisions_on_a_flat_image(brightness: float) -> None:
    # torchvision multiplies, we shift: both are the same only where one factor is one shift.
    flat = torch.full((1, 3, 4, 4), 120, dtype=torch.uint8)
    theirs = functional.adjust_brightness(flat, 1 + 2.55 * brightness / 120)
    assert (lit(flat, brightness, 0, 6500, [0.5] * 3).int() - theirs.int()).abs().max() <= 1  # theirs truncates


def test_it_samples_from_torch_in_a_training_pipeline(photo: torch.Tensor) -> None:
    lighting = Lighting()
    torch.manual_seed(3)
    first = lighting(photo)
    torch.manual_seed(3)
    assert torch.equal(lighting(photo), first)
    assert not torch.equal(lighting(photo), first)


def test_images_of_one_sample_get_the_same_lighting_and_annotations_none(photo: torch.Tensor) -> None:
    boxes = tv_tensors.BoundingBoxes(torch.tensor([[1, 2, 3, 4]]), format="XYXY", canvas_size=(48, 64))
    mask = tv_tensors.Mask(torch.ones(48, 64, dtype=torch.uint8))
    sample = {"top": tv_tensors.Image(photo[0]), "clip": tv_tensors.Video(photo), "boxes": boxes, "mask": mask, "id": 7}
    result = Lighting()(sample)
    assert isinstance(result["top"], tv_tensors.Image)
    assert isinstance(result["clip"], tv_tensors.Video)
    assert torch.equal(result["clip"][0], result["top"])
    assert torch.equal(result["boxes"], boxes)
    assert torch.equal(result["mask"], mask)
    assert result["id"] == 7


def test_sampled_values_keep_to_their_ranges() -> None:
    for episode in range(200):
        random = KeyedRandom(0, "top", episode, 0, "lighting")
        lighting: LightingParameters = Lighting(episode_mean=(0.5, 0.5, 0.5), random=random).make_params([])["lighting"]
        assert -15 <= lighting.brightness_percent <= 15
        assert -10 <= lighting.contrast_percent <= 10
        assert 4000 <= lighting.color_temperature_kelvin <= 6500


def test_tables_never_fall_where_the_change_rises() -> None:
    for kelvin in (2000, 6500, 10000):
        table = LightingParameters(13.7, 21.3, kelvin, 0.45).lookup_table().values.astype(np.int16)
        assert (np.diff(table, axis=1) >= 0).all()


def test_without_an_episode_mean_an_image_is_needed() -> None:
    with pytest.raises(ValueError, match="episode_mean"):
        Lighting().make_params([])
    with pytest.raises(ValueError, match="3 numbers"):
        Lighting(episode_mean=(0.5,))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU: CUDA's pixels are not compared with the CPU's")
def test_cuda_gives_the_same_pixels_as_the_cpu(photo: torch.Tensor) -> None:
    lighting = Lighting(episode_mean=(0.5, 0.5, 0.5), random=KeyedRandom(0, "top", 0, 0, "lighting"))
    params = lighting.make_params([])
    assert torch.equal(lighting.transform(photo.cuda(), params).cpu(), lighting.transform(photo, params))
