"""The native dialect, `/v1/augmentation`."""

from augmentation_gateway.dialects.native.routes import NATIVE

__all__ = ["NATIVE"]
