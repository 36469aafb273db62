"""What our images start from: the public Python image where it can be pulled, else a small Debian made here."""

import tempfile
from pathlib import Path

from devcluster import pins
from devcluster.locking import held
from devcluster.node_image import image_exists
from devcluster.packages import BUILD_PACKAGES, PODMAN_PACKAGES, ensure_packages
from devcluster.process import run_logged
from devcluster.progress import step
from devcluster.provider import Provider, podman_environment
from devcluster.tools import cache_key

# Manuals and translations: a third of a minimal Debian, read by nobody in a container.
_LEFT_OUT = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*", "/usr/share/doc/*")


def base_image_name(provider: Provider) -> str:
    """The value of every Dockerfile's BASE_IMAGE."""
    if provider is Provider.DOCKER:
        return pins.PUBLIC_PYTHON_IMAGE
    recipe = [pins.DEBIAN_SUITE, *pins.BASE_IMAGE_PACKAGES, *_LEFT_OUT]
    return f"{pins.BUILT_HERE}-python-base:{cache_key(word.encode() for word in recipe)}"


def ensure_base_image(provider: Provider, cache: Path) -> str:
    """The base's name, made first where podman lacks it. Docker pulls its own while it builds."""
    image = base_image_name(provider)
    if provider is Provider.DOCKER:
        return image
    ensure_packages({**PODMAN_PACKAGES, **BUILD_PACKAGES}, "Building images", cache)
    if image_exists(image):
        return image
    with held(cache / "build.lock", "building"):
        if not image_exists(image):
            _build(image, cache)
    return image


def _build(image: str, cache: Path) -> None:
    log = cache / "logs" / "base-image.log"
    with (
        step("make the Debian base of our images") as running,
        tempfile.TemporaryDirectory(prefix=".base-image-", dir=cache) as folder,
    ):
        archive = Path(folder) / "base.tar"
        left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        include = ",".join(pins.BASE_IMAGE_PACKAGES)
        run_logged(
            ["mmdebstrap", "--variant=minbase", f"--include={include}", *left_out, pins.DEBIAN_SUITE, archive],
            log,
            running=running,
        )
        run_logged(
            ["podman", "import", "--quiet", archive, image], log, running=running, environment=podman_environment()
        )
