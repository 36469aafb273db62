"""The web page at `/`: static files that use the REST API with a key, like any other client."""

from augmentation_gateway.page.routes import page_router

__all__ = ["page_router"]
