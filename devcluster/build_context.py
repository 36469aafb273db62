"""Which files go into an image: read off its Dockerfile, hashed for its tag, copied apart for its build.

The build sees a copy of exactly the files that were hashed: no bytecode, no ignored file, no difference that the tag
does not show. Files that git does not know yet count too, so that a dirty tree builds what it holds.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

# Every file of a build gets this time (2020-01-01), so that the same content makes the same layer in any checkout.
_MODIFIED = 1577836800
_NEVER = frozenset({".git", "__pycache__", ".venv", "node_modules"})


def copied_sources(dockerfile: str) -> list[str]:
    """The paths that COPY, ADD and `RUN --mount=type=bind` take from the build context, in order, without repeats.

    What is copied from another stage or another image is left out.
    """
    sources = bound_sources(dockerfile)
    for instruction, rest in _instructions(dockerfile):
        if instruction in ("COPY", "ADD"):
            sources += _copy_sources(rest)
    return list(dict.fromkeys(os.path.normpath(source) for source in sources))


def bound_sources(dockerfile: str) -> list[str]:
    """The paths of the build context that only a `RUN --mount=type=bind` sees."""
    sources = [source for name, rest in _instructions(dockerfile) if name == "RUN" for source in _bind_sources(rest)]
    return list(dict.fromkeys(os.path.normpath(source) for source in sources))


def with_cache_keys(dockerfile: str, key_of: Callable[[Sequence[str]], str]) -> str:
    """The Dockerfile with a build argument in every stage with bind mounts, of which `key_of` gives the value.

    buildah, unlike Docker, does not look at what a RUN bind-mounts when it decides whether a layer can be used again;
    it does look at build arguments. The default value is enough, and it does not end up in the image's environment.
    Each stage has its own, so that one of gigabytes is not built again for what another one mounts.
    """
    before, *stages = re.split(r"(?m)^(?=\s*FROM\s)", dockerfile)
    for place, stage in enumerate(stages):
        if bound := bound_sources(stage):
            first, _, rest = stage.partition("\n")
            stages[place] = f"{first}\nARG DEVCLUSTER_INPUTS={key_of(bound)}\n{rest}"
    return before + "".join(stages)


def context_files(root: Path, sources: Iterable[str]) -> list[Path]:
    """The files under `root` that the sources name, relative to it, sorted: tracked and new ones, not ignored ones."""
    wanted = [*sources]
    if not wanted:
        return []
    listing = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *wanted],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        names = {Path(os.fsdecode(name)) for name in listing.stdout.split(b"\0") if name}
    else:  # an unpacked archive, not a checkout
        names = {path for source in wanted for path in _walk(root, source)}
    # git still lists what was deleted and not yet committed.
    return sorted(name for name in names if (root / name).is_file())


def content_tag(root: Path, files: Iterable[Path], salt: Iterable[str]) -> str:
    """Twelve hex digits of the files' paths, execute bits and contents, and of the words in `salt`."""
    digest = hashlib.sha256(json.dumps([*salt]).encode())
    for name in files:
        path = root / name
        digest.update(f"\0{name.as_posix()}\0{os.access(path, os.X_OK):d}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def copy_context(root: Path, files: Iterable[Path], target: Path) -> None:
    """Copy the files to `target` with plain modes and one modification time."""
    for name in files:
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, copy)
        copy.chmod(0o755 if os.access(root / name, os.X_OK) else 0o644)
    # Innermost first: making an entry changes its folder's time.
    for path in sorted(target.rglob("*"), reverse=True):
        if path.is_dir():
            path.chmod(0o755)
        os.utime(path, (_MODIFIED, _MODIFIED))


def without_cache_mount(dockerfile: str, target: str) -> str:
    """The Dockerfile without the RUN cache mounts on `target`, for a build that mounts a folder of its own there.

    buildah does not say which of two mounts on one folder wins, and it is not always the same one.
    """

    def replacement(mount: re.Match[str]) -> str:
        settings = _mount_settings(mount[1])
        return "" if (settings.get("type"), settings.get("target")) == ("cache", target) else mount[0]

    return re.sub(r"--mount=(\S+)[ \t]*(?:\\\n)?[ \t]*", replacement, dockerfile)


def _instructions(dockerfile: str) -> list[tuple[str, str]]:
    """(NAME, arguments) of each instruction, continued lines joined, comments left out."""
    code = "\n".join(line for line in dockerfile.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\s*\n", " ", code)
    split = (line.strip().partition(" ") for line in joined.splitlines() if line.strip())
    return [(name.upper(), rest.strip()) for name, _, rest in split]


def _copy_sources(rest: str) -> list[str]:
    words = rest.split()
    options = [word for word in words if word.startswith("--")]
    if any(option.startswith("--from=") for option in options):
        return []
    plain = rest
    for option in options:
        plain = plain.replace(option, "", 1)
    plain = plain.strip()
    paths = json.loads(plain) if plain.startswith("[") else shlex.split(plain)
    return [path.lstrip("/") or "." for path in paths[:-1] if "://" not in path]


def _bind_sources(rest: str) -> list[str]:
    sources = []
    for mount in re.findall(r"--mount=(\S+)", rest):
        settings = _mount_settings(mount)
        if settings.get("type", "bind") == "bind" and "from" not in settings:
            sources.append((settings.get("source") or settings.get("src") or ".").lstrip("/") or ".")
    return sources


def _mount_settings(mount: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in mount.split(","))


def _walk(root: Path, source: str) -> Iterable[Path]:
    for start in root.glob(source) if source != "." else [root]:
        for path in [start] if start.is_file() else start.rglob("*"):
            name = path.relative_to(root)
            if path.is_file() and not _NEVER.intersection(name.parts):
                yield name
