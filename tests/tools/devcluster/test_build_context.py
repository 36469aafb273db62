"""An image's tag changes with exactly the files that go into it."""

import os
import subprocess
from pathlib import Path

import pytest

from devcluster.build_context import (
    bound_sources,
    content_tag,
    context_files,
    copied_sources,
    copy_context,
    with_cache_keys,
    without_cache_mount,
)

DOCKERFILE = """\
# COPY never /here
ARG BASE_IMAGE=python
FROM ${BASE_IMAGE} AS build
RUN --mount=type=cache,target=/var/cache/uv --mount=type=bind,source=constraints.txt,target=/c \\
    pip install -c /c \\
    # a comment between continued lines
    x
FROM ${BASE_IMAGE}
COPY --from=build /opt/venv /opt/venv
COPY --chown=1:1 pyproject.toml \\
     api/ /app/
COPY ["worker/augmentation_worker", "/app/"]
ADD ./api /again
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "api" / "__pycache__").mkdir(parents=True)
    (root / "api" / "model.py").write_text("x = 1\n")
    (root / "api" / "__pycache__" / "model.pyc").write_bytes(b"\0")
    (root / "other").mkdir()
    (root / "other" / "file.py").touch()
    (root / ".gitignore").write_text("__pycache__/\n")
    subprocess.run(["git", "init", "--quiet", root], check=True)
    subprocess.run(["git", "-C", root, "add", "--all"], check=True)
    return root


def tag(root: Path) -> str:
    return content_tag(root, context_files(root, ["api"]), ["base"])


def test_sources_are_read_from_dockerfile() -> None:
    assert copied_sources(DOCKERFILE) == ["constraints.txt", "pyproject.toml", "api", "worker/augmentation_worker"]


def test_mounted_sources_are_listed_separately() -> None:
    assert bound_sources(DOCKERFILE) == ["constraints.txt"]


def test_cache_key_is_added_to_stages_that_mount_and_nothing_else_changes() -> None:
    keyed = with_cache_keys(DOCKERFILE, lambda bound: "abc" if bound == ["constraints.txt"] else "other")
    assert keyed.count("ARG DEVCLUSTER_INPUTS") == 1, "the second stage mounts nothing"
    assert "FROM ${BASE_IMAGE} AS build\nARG DEVCLUSTER_INPUTS=abc\nRUN" in keyed
    assert keyed.replace("\nARG DEVCLUSTER_INPUTS=abc", "") == DOCKERFILE


def test_cache_mount_is_removed_and_other_mounts_stay() -> None:
    plain = without_cache_mount(DOCKERFILE, "/var/cache/uv")
    assert "type=cache" not in plain
    assert "RUN --mount=type=bind,source=constraints.txt,target=/c \\\n    pip" in plain
    assert without_cache_mount(DOCKERFILE, "/elsewhere") == DOCKERFILE


def test_cache_mount_on_separate_line_is_removed_with_its_line() -> None:
    text = "RUN --mount=target=/var/cache/uv,type=cache \\\n    --mount=type=bind,source=a,target=/a \\\n    true\n"
    expected = "RUN --mount=type=bind,source=a,target=/a \\\n    true\n"
    assert without_cache_mount(text, "/var/cache/uv") == expected


def test_ignored_files_and_other_folders_do_not_change_tag(checkout: Path) -> None:
    before = tag(checkout)
    (checkout / "api" / "__pycache__" / "model.pyc").write_bytes(b"\1")
    (checkout / "other" / "file.py").write_text("y = 2\n")
    assert tag(checkout) == before


def test_uncommitted_edit_changes_tag(checkout: Path) -> None:
    before = tag(checkout)
    (checkout / "api" / "model.py").write_text("x = 2\n")
    assert tag(checkout) != before


def test_untracked_file_changes_tag(checkout: Path) -> None:
    before = tag(checkout)
    (checkout / "api" / "new.py").touch()
    assert tag(checkout) != before


def test_deleted_file_changes_tag(checkout: Path) -> None:
    before = tag(checkout)
    (checkout / "api" / "model.py").unlink()
    assert tag(checkout) != before


def test_execute_bit_changes_tag_and_mtime_does_not(checkout: Path) -> None:
    before = tag(checkout)
    os.utime(checkout / "api" / "model.py", (0, 0))
    assert tag(checkout) == before
    (checkout / "api" / "model.py").chmod(0o755)
    assert tag(checkout) != before


def test_another_base_image_changes_tag(checkout: Path) -> None:
    files = context_files(checkout, ["api"])
    assert content_tag(checkout, files, ["base"]) != content_tag(checkout, files, ["other base"])


def test_unpacked_archive_has_same_files_as_checkout(checkout: Path, tmp_path: Path) -> None:
    tracked = context_files(checkout, ["api", ".gitignore"])
    checkout.rename(tmp_path / "archive")
    (tmp_path / "archive" / ".git").rename(tmp_path / "aside")
    assert (
        context_files(tmp_path / "archive", ["api", ".gitignore"])
        == tracked
        == [Path(".gitignore"), Path("api/model.py")]
    )


def test_build_context_contains_only_hashed_files(checkout: Path, tmp_path: Path) -> None:
    target = tmp_path / "context"
    target.mkdir()
    copy_context(checkout, context_files(checkout, ["api"]), target)
    assert [path.relative_to(target) for path in target.rglob("*") if path.is_file()] == [Path("api/model.py")]


def test_build_context_has_fixed_modes_and_times(checkout: Path, tmp_path: Path) -> None:
    (checkout / "api" / "model.py").chmod(0o600)
    target = tmp_path / "context"
    target.mkdir()
    copy_context(checkout, [Path("api/model.py")], target)
    assert (target / "api" / "model.py").stat().st_mode & 0o777 == 0o644
    assert (target / "api" / "model.py").stat().st_mtime == (target / "api").stat().st_mtime
