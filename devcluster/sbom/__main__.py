"""Write the bill of materials of each image that was built last: `python -m devcluster.sbom`."""

import sys
from pathlib import Path

from devcluster import commands, settings
from devcluster.errors import DevclusterError
from devcluster.images import choose_images, read_references
from devcluster.progress import say, step
from devcluster.sbom.bill import bill
from devcluster.sbom.image_files import files_of, from_registry
from devcluster.sbom.packages import distribution, is_record, packages

FOLDER = settings.CHECKOUT / "build" / "sbom"


def write_bills(chosen: settings.Settings, folder: Path) -> list[Path]:
    """One file an image. Raises DevclusterError where there are no images or their registry does not answer."""
    references = read_references(chosen.images_file)
    if not references:
        raise DevclusterError("There are no images yet: build them with `make images`.")
    target = commands.destination(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for image in choose_images(references):
        digest = references[image.name].rpartition("@")[2]
        with step(f"read what is in the {image.name} image"):
            opened = from_registry(f"{target.push}/{image.repository}", plain_http=target.plain_http)
            files = files_of(opened, digest, is_record)
        found = packages(files)
        path = folder / f"{image.repository}.cdx.json"
        path.write_text(bill(image.repository, digest, found, distribution(files)) + "\n", encoding="utf-8")
        say(f"{path.relative_to(settings.CHECKOUT)}: {len(found)} packages")
        written.append(path)
    return written


def main() -> int:
    """Write the bills. An error that the user can fix is reported in one sentence."""
    try:
        write_bills(settings.from_environment(), FOLDER)
    except DevclusterError as error:
        say(f"sbom: {error}")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
