"""The batch dialect, `/v0.5/batch`."""

from augmentation_gateway.dialects.batch.routes import BATCH

__all__ = ["BATCH"]
