"""The native dialect, `/v1/augmentation`."""

from augmentation_gateway.native.routes import NATIVE

__all__ = ["NATIVE"]
