"""What is kept between runs, and how to be rid of it."""

import shutil
from pathlib import Path

from devcluster import pins, registry
from devcluster.cluster_state import read_state
from devcluster.errors import DevclusterError
from devcluster.locking import held
from devcluster.process import output_of
from devcluster.progress import say, step
from devcluster.provider import podman_environment
from devcluster.settings import Settings


def remove_go_caches(cache: Path) -> None:
    """Free what only the next change of a pin, which is rare, would use again: several GB.

    Called when a cluster is up, as until then every set of tools gains from what the others compiled.
    """
    with held(cache / "build.lock", "building"):
        for name in ("build", "modules"):
            shutil.rmtree(cache / "go" / name, ignore_errors=True)


def remove_caches(settings: Settings) -> None:
    """Remove tools, registry data, logs and every image that was made here. uv's own cache is not ours.

    Raises DevclusterError while another cluster, which needs them, is on record.
    """
    root = settings.state.parent
    others = sorted(folder.name for folder in root.iterdir() if read_state(folder)) if root.exists() else []
    if others:
        raise DevclusterError(f"The caches stay, as cluster {', '.join(others)} uses them: take it down first.")
    with step("remove the caches"):
        listed = output_of(
            ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"], environment=podman_environment()
        )
        for name in (listed or "").split():
            if name.startswith(pins.BUILT_HERE):
                # Without --force, which would remove a container that uses the image, too.
                output_of(["podman", "rmi", name], environment=podman_environment(), timeout=300)
        registry.remove_docker_registry(settings.name, keep_data=False)
        shutil.rmtree(settings.cache, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)
    say(f"{settings.cache} is gone; the next `up` builds everything again.")
