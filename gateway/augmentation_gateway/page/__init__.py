"""The web page at `/`: files of this package, which speak to the REST API with a key as any other client does."""

from augmentation_gateway.page.routes import page_router

__all__ = ["page_router"]
