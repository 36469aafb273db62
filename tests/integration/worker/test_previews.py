"""Previews in the resolve phase: the image of a job that is not run is the image of its result."""

from base64 import b64decode
from collections.abc import Callable
from io import BytesIO

import pytest
from huggingface_hub.errors import RepositoryNotFoundError
from PIL import Image

from augmentation_api import FailureReason, PhaseName
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.formats.result_files import PREVIEW_PATH
from tests.integration.worker.conftest import SAMPLE, Hub, Results
from tests.integration.worker.jobs import LocalRun, spec_of


def test_preview_is_the_image_that_the_result_has(hub: Hub, results: Results, submit: Callable[..., LocalRun]) -> None:
    _, folder = results[1]
    run = submit(spec_of(SAMPLE) | {"output": {"hub": {"repoID": "lab/never"}}, "preview": {}})
    run.run(PhaseName.RESOLVE)
    preview = run.job.status.preview
    assert preview is not None
    assert preview.media_type == "image/png"
    assert b64decode(preview.image) == (folder / PREVIEW_PATH).read_bytes()
    assert run.job.status.output is None
    with pytest.raises(RepositoryNotFoundError):
        hub.head("lab/never")


def test_preview_shows_the_chosen_frame(submit: Callable[..., LocalRun]) -> None:
    drawn = []
    for frame in (0, 30):
        run = submit(spec_of(SAMPLE, copies=1) | {"preview": {"episode": 4, "frame": frame}})
        run.run(PhaseName.RESOLVE)
        assert run.job.status.preview is not None
        drawn.append(Image.open(BytesIO(b64decode(run.job.status.preview.image))).convert("RGB"))
    assert drawn[0].tobytes() != drawn[1].tobytes()


@pytest.mark.parametrize(
    ("preview", "message"),
    [
        ({"episode": 6}, "spec.preview.episode: 6 is none of the 6 episodes"),
        ({"episode": 0, "frame": 5000}, "spec.preview.frame: 5000 is not in episode 0, whose frames are 0 to "),
    ],
)
def test_preview_of_what_is_not_there_names_the_field(
    submit: Callable[..., LocalRun], preview: dict[str, int], message: str
) -> None:
    run = submit(spec_of(SAMPLE) | {"preview": preview})
    with pytest.raises(WorkerFailure, match=message) as caught:
        run.run(PhaseName.RESOLVE)
    assert caught.value.reason is FailureReason.SELECTION_EMPTY
    assert run.job.status.preview is None
