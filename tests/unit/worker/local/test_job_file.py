"""The file that describes a job on one machine."""

from pathlib import Path

import pytest

from augmentation_worker.__main__ import main
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.local.job_file import folder_spec, read_job_file


def test_episodes_of_another_form_are_refused_with_an_example() -> None:
    with pytest.raises(WorkerFailure) as caught:
        folder_spec({"augmentation": {"episodes": "0-1,3"}}, "job.yaml")
    assert caught.value.message == (
        "job.yaml: spec.augmentation.episodes: has to be episode indices and half-open ranges, e.g. 0:100,150"
    )


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        ({"percamera": []}, "percamera: there is no such field: correct its name, or remove it"),
        ({"splits": "train"}, "splits: has to be a valid list"),
        ({"copies": 99}, "copies is 99, but may be at most 20"),
        ({"lighting": {"brightness": {"min": -2500}}}, "lighting.brightness.min is -2500, but has to be at least -50"),
        ({"mode": "twice"}, 'mode is "twice", but has to be stacked or independent'),
        ({"choose": 2}, "choose is 2, but transforms names only lighting: choose at most 1, or name more transforms"),
    ],
)
def test_what_is_wrong_is_said_in_words_that_need_no_pydantic(augmentation: dict[str, object], said: str) -> None:
    with pytest.raises(WorkerFailure) as caught:
        folder_spec({"augmentation": augmentation}, "job.yaml")
    assert caught.value.message in (f"job.yaml: spec.augmentation.{said}", f"job.yaml: spec.augmentation: {said}")


def test_what_a_job_of_another_type_would_use_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("generative: {prompt: a kitchen}")
    with pytest.raises(WorkerFailure, match=r"spec\.generative is used only with type generative, .* deterministic"):
        read_job_file(file)
    file.write_text("type: generative\ngenerative: {prompt: a kitchen}")
    assert read_job_file(file).generative is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("augmentation: {mode: &a [*a]}", r"augmentation\.mode: has to be stacked or independent"),
        ("augmentation: {mode: {2026-01-01: x}}", r"augmentation\.mode: has to be stacked or independent"),
        ("augmentation: {mode: }", r"augmentation\.mode is null, but has to be stacked or independent"),
        ("augmentation: {mode: größer}", r'augmentation\.mode is "größer", but has to be'),
        ('augmentation: {mode: "\\e[31m"}', r'augmentation\.mode is "\\u001b\[31m", but has to be'),
        (f"augmentation: {{copies: 0x{'f' * 9000}}}", r"augmentation\.copies: may be at most 20"),
        (f"augmentation: {{copies: {'9' * 9000}}}", "not YAML: Exceeds the limit"),
        ("augmentation: {copies: 2026-02-30}", "not YAML: day "),
        (f"augmentation: {{mode: {'[' * 9000}}}", "not YAML: maximum recursion depth"),
    ],
)
def test_what_only_yaml_can_say_is_refused_like_all_else(text: str, said: str, tmp_path: Path) -> None:
    """Lists in themselves, dates, integers that Python does not write, control characters."""
    file = tmp_path / "job.yaml"
    file.write_text(text)
    with pytest.raises(WorkerFailure, match=said):
        read_job_file(file)


@pytest.mark.parametrize("option", ["--file", "--output"])
def test_files_of_a_command_are_on_this_machine(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = {"--file": "job.yaml", "--source": "a", "--output": "p.png", option: "s3://robots/job.yaml"}
    with pytest.raises(SystemExit):
        main(["preview", *(word for pair in named.items() for word in pair)])
    assert f"{option}: s3://robots/job.yaml is a URL: name a file on this machine" in capsys.readouterr().err
