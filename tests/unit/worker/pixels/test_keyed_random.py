import pytest
from numpy.random import Philox

from augmentation_worker.transforms.keyed_random import KeyedRandom, philox_key

KEY = (7, "observation.images.top", 3, 1, "lighting")


def test_the_same_key_gives_the_same_values() -> None:
    first, second = KeyedRandom(*KEY), KeyedRandom(*KEY)
    assert [first.raw() for _ in range(100)] == [second.raw() for _ in range(100)]


@pytest.mark.parametrize(
    "other",
    [
        (8, "observation.images.top", 3, 1, "lighting"),
        (7, "observation.images.wrist", 3, 1, "lighting"),
        (7, "observation.images.top", 4, 1, "lighting"),
        (7, "observation.images.top", 3, 2, "lighting"),
        (7, "observation.images.top", 3, 1, "noise"),
    ],
)
def test_every_part_of_the_key_matters(other: tuple[int, str, int, int, str]) -> None:
    assert KeyedRandom(*KEY).raw() != KeyedRandom(*other).raw()


def test_no_camera_name_can_pass_for_another_key() -> None:
    assert philox_key(1, 'top",2,3,"lighting', 4, 5, "x") != philox_key(1, "top", 2, 3, 'lighting",4,5,"x')


def test_values_do_not_depend_on_other_streams() -> None:
    undisturbed = KeyedRandom(*KEY).uniform(0, 1)
    for episode in range(50):
        KeyedRandom(7, "observation.images.top", episode, 0, "lighting").uniform(0, 1)
    assert KeyedRandom(*KEY).uniform(0, 1) == undisturbed


def test_the_stream_never_changes() -> None:
    random = KeyedRandom(*KEY)
    assert philox_key(*KEY) == 0x2D3AFE04A2A60AF2B30A32188FB49BAF
    assert philox_key(7, None, 3, 1, "lighting") == 0xAF9BDDF675B7382131819EEEF6106DC0
    assert [random.raw() for _ in range(3)] == [9077317771703384596, 16673476104244370993, 16499668965042902800]
    assert random.unit() == 0.6368481207737127
    assert random.uniform(-15, 15) == 6.820126108994664
    assert random.integer(1, 6) == 5


def test_numpys_raw_values_are_those_of_the_papers_known_answers() -> None:
    # kat_vectors of Random123, philox4x64 with 10 rounds; numpy counts up before each block of four.
    zeros = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    ones = [0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0]
    assert [int(value) for value in Philox(counter=2**256 - 1, key=0).random_raw(4)] == zeros
    assert [int(value) for value in Philox(counter=2**256 - 2, key=2**128 - 1).random_raw(4)] == ones


def test_uniform_values_fill_their_interval_evenly() -> None:
    random = KeyedRandom(*KEY)
    values = [random.uniform(-15, 15) for _ in range(10_000)]
    assert all(-15 <= value < 15 for value in values)
    # The mean of n uniform values is off by 30 / sqrt(12 n) = 0.087 one sigma.
    assert abs(sum(values) / len(values)) < 5 * 0.087


def test_an_interval_of_one_value_gives_that_value() -> None:
    assert KeyedRandom(*KEY).uniform(12.5, 12.5) == 12.5
    assert KeyedRandom(*KEY).integer(4, 4) == 4


def test_integers_include_both_ends() -> None:
    random = KeyedRandom(*KEY)
    assert {random.integer(1, 6) for _ in range(200)} == {1, 2, 3, 4, 5, 6}


def test_a_reversed_interval_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot sample"):
        KeyedRandom(*KEY).uniform(1, 0)
    with pytest.raises(ValueError, match="cannot sample"):
        KeyedRandom(*KEY).integer(1, 0)
