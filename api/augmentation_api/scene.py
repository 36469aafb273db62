"""What the cameras of one scene share: the part of a spec that says whose values are whose."""

from functools import cached_property
from typing import Self

from pydantic import Field

from augmentation_api.transforms import Transforms
from augmentation_api.vocabulary import AcrossCameras


class SceneTransforms(Transforms):
    """The transforms of a job, for a scene that one or more cameras see."""

    # No default in the CRD: it would be filled into the jobs of an older release, too, whose pixels it would change.
    across_cameras: AcrossCameras | None = Field(
        None,
        description="shared: what belongs to the scene (lighting, gamma, hueSaturation; of a shadow its strength, "
        "softness and direction) is sampled once for each copy of an episode, for all its cameras; what belongs to a "
        "camera (noise, blur, jpeg, occlusion) for each of them. independent: everything for each camera. Default: "
        "shared; independent for a job that was resolved by a release without this field.",
    )

    @cached_property
    def effective(self) -> Self:
        """The same, with everything said that follows from what was left out."""
        return self.model_copy(update={"across_cameras": self.across_cameras or AcrossCameras.SHARED})
