"""Our own images: built when what goes into them changed, pushed, and named by digest."""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster import registry
from devcluster.base_image import base_image_name, ensure_base_image
from devcluster.build_context import (
    content_tag,
    context_files,
    copied_sources,
    copy_context,
    with_cache_keys,
)
from devcluster.errors import DevclusterError
from devcluster.image_builder import Target, builder_for
from devcluster.locking import held
from devcluster.progress import step
from devcluster.provider import Provider


@dataclass(frozen=True)
class Image:
    """One of our images.

    Attributes:
        name: what the chart and the tests call it.
        dockerfile: relative to the root of the checkout.
        stage: of that Dockerfile; None: its last.
        by_default: whether it is built where no image is named.
    """

    name: str
    dockerfile: str
    stage: str | None = None
    by_default: bool = True

    @property
    def repository(self) -> str:
        """Its name in a registry."""
        return f"augmentation-{self.name}"


IMAGES = (
    Image("operator", "operator/Dockerfile"),
    Image("gateway", "gateway/Dockerfile"),
    Image("localhub", "devcluster/localhub/Dockerfile"),
    Image("worker", "worker/Dockerfile"),
    # Some gigabytes, which a local cluster's nodes have no GPU for.
    Image("worker-cuda", "worker/Dockerfile", "cuda", by_default=False),
)


@dataclass(frozen=True)
class Destination:
    """pull: host:port[/prefix] as pods name the registry; push: as this machine does."""

    pull: str
    push: str
    plain_http: bool


def choose_images(names: Iterable[str], images: Iterable[Image] = IMAGES) -> list[Image]:
    """The named images in the order of `images`; where none is named, those of a local cluster. Raises
    DevclusterError."""
    known = {image.name: image for image in images}
    wanted = set(names)
    if unknown := sorted(wanted - set(known)):
        raise DevclusterError(f"No image is called {', '.join(unknown)}; there are {', '.join(known)}.")
    return [image for image in known.values() if image.name in wanted or (image.by_default and not wanted)]


def publish(
    images: Iterable[Image], root: Path, provider: Provider, destination: Destination, cache: Path
) -> tuple[dict[str, str], bool]:
    """Bring each image to the registry: name → reference by digest, as pods name it; and whether any was pushed."""
    references: dict[str, str] = {}
    pushed = False
    # One build at a time on a machine: two would fight for its cores and its disk.
    with held(cache / "images.lock", "building images"):
        for image in images:
            digest, new = _publish_one(image, root, provider, destination, cache)
            references[image.name] = f"{destination.pull}/{image.repository}@{digest}"
            pushed = pushed or new
    return references, pushed


def _publish_one(
    image: Image, root: Path, provider: Provider, destination: Destination, cache: Path
) -> tuple[str, bool]:
    dockerfile = root / image.dockerfile
    if not dockerfile.is_file():
        raise DevclusterError(f"{image.dockerfile} is missing: run this from a whole checkout.")
    instructions = dockerfile.read_text(encoding="utf-8")
    files = context_files(root, [image.dockerfile, ".dockerignore", *copied_sources(instructions)])
    tag = content_tag(root, files, [base_image_name(provider), *([image.stage] if image.stage else [])])
    target = Target(destination.push, image.repository, tag, destination.plain_http)
    if destination.plain_http:
        host, _, prefix = destination.push.partition("/")
        found = registry.digest_of(host, f"{prefix}/{image.repository}".lstrip("/"), tag)
        if found is not None:
            return found, False
    base = ensure_base_image(provider, cache)
    builder = builder_for(provider, cache)
    builder.prepare()
    log = cache / "logs" / f"image-{image.name}.log"
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"devcluster-{image.name}-") as folder:
        context = Path(folder)
        copy_context(root, files, context)
        keyed = with_cache_keys(instructions, lambda bound: content_tag(root, context_files(root, bound), []))
        (context / image.dockerfile).write_text(keyed, encoding="utf-8")
        with step(f"build the {image.name} image ({tag})") as running:
            builder.build(context, image.dockerfile, base, target, log, running, stage=image.stage)
    with step(f"push the {image.name} image") as running:
        digest = builder.push(target, log, running)
    builder.remove_superseded(target)
    return digest, True


def read_references(path: Path) -> dict[str, str]:
    """What `write_references` wrote; empty where there is nothing yet."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(reference) for name, reference in found.items()}


def write_references(path: Path, references: Mapping[str, str]) -> None:
    """Add to the file of references, in one rename. Images that are no longer built leave it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    known = {image.name for image in IMAGES}
    merged = {name: each for name, each in {**read_references(path), **references}.items() if name in known}
    unfinished.write_text(json.dumps(merged, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    unfinished.replace(path)
