"""The dialect `/v0.5/batch`: batch jobs with a queue, inputs and outputs."""

from augmentation_gateway.dialects.batch.routes import DIALECT

__all__ = ["DIALECT"]
