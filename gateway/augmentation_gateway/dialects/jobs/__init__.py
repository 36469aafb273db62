"""The dialect `/jobs`: jobs with their inputs, outputs and credits."""

from augmentation_gateway.dialects.jobs.routes import DIALECT

__all__ = ["DIALECT"]
