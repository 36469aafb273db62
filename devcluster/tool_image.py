"""Images of compiled programs: one static binary and nothing else, tagged by its pins."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from devcluster import registry
from devcluster.image_builder import Target, builder_for
from devcluster.images import Destination
from devcluster.locking import held
from devcluster.pins import ToolSet
from devcluster.progress import step
from devcluster.provider import Provider
from devcluster.tools import host_architecture, tool_set_key


def publish_tool(
    tool_set: ToolSet,
    repository: str,
    dockerfile: str,
    files: Mapping[str, Path],
    provider: Provider,
    destination: Destination,
    cache: Path,
) -> str:
    """Bring an image to the registry unless it is there.

    Args:
        tool_set: what the program is compiled from: the tag follows from its pins.
        repository: name of the image in the registry.
        dockerfile: text of its Dockerfile.
        files: what the Dockerfile copies, by name.
        provider, destination, cache: as of the other images.

    Returns:
        The tag.
    """
    tag = tool_set_key(tool_set, host_architecture())
    target = Target(destination.push, repository, tag, destination.plain_http)
    if destination.plain_http:
        host, _, prefix = destination.push.partition("/")
        if registry.digest_of(host, f"{prefix}/{repository}".lstrip("/"), tag) is not None:
            return tag
    builder, log = builder_for(provider, cache), cache / "logs" / f"image-{repository}.log"
    with held(cache / "images.lock", "building images"):
        builder.prepare()
        with (
            tempfile.TemporaryDirectory(prefix=f".{repository}-", dir=cache) as folder,
            step(f"build the {repository} image") as running,
        ):
            context = Path(folder)
            (context / "Dockerfile").write_text(dockerfile, encoding="utf-8")
            for name, file in files.items():
                (context / name).hardlink_to(file)
            builder.build(context, "Dockerfile", "scratch", target, log, running)
            builder.push(target, log, running)
        builder.remove_superseded(target)
    return tag
