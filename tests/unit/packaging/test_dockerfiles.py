"""What can be known of an image without building it: `make test` builds all but the worker's with CUDA."""

import pytest

from devcluster.build_context import context_files, copied_sources
from devcluster.images import IMAGES, Image
from tests.unit.packaging.dockerfile import CHECKOUT, images_of, lineage, stages_of


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_image_is_a_stage_that_is_run(image: Image) -> None:
    stages = stages_of(image.dockerfile)
    assert (image.stage or list(stages)[-1]) in [each.name for each in images_of(stages)]


@pytest.mark.parametrize("file", sorted({image.dockerfile for image in IMAGES}))
def test_all_that_is_copied_is_there(file: str) -> None:
    sources = copied_sources((CHECKOUT / file).read_text())
    assert sources
    assert [source for source in sources if not context_files(CHECKOUT, [source])] == []
    stages = stages_of(file)
    names = list(stages)
    later = [(stage.name, copied) for stage in stages.values() for copied in stage.copied_stages]
    assert [each for each in later if each[1] not in names[: names.index(each[0])]] == []


def test_worker_with_cuda_is_the_worker_and_what_gpus_need() -> None:
    stages = stages_of("worker/Dockerfile")
    cuda, worker = stages["cuda"], stages["worker"]
    assert cuda.instructions == worker.instructions != []
    assert [stage.name for stage in lineage(stages, cuda)] == ["cuda", "cuda-packages", worker.base]
