"""Which volumes a job reads from and writes to."""

from augmentation_api.spec import AugmentationJobSpec, VolumeSource


def output_volume(spec: AugmentationJobSpec, job_uid: str) -> VolumeSource | None:
    """Where the result goes; None: to the hub.

    A result of a dataset on a volume goes to the same volume unless the spec says otherwise, beside the source:
    `<path>_augmented_<first 8 of the job's id>`.
    """
    source = spec.source.volume
    if spec.output.volume is not None or spec.output.hub is not None or source is None:
        return spec.output.volume
    return source.model_copy(update={"path": f"{source.path}_augmented_{job_uid[:8]}"})
