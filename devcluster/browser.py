"""The browser that the page is tested in: Debian's Chromium, which Playwright drives."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from devcluster.errors import MissingRequirement
from devcluster.packages import ensure_packages

BROWSER_PACKAGES = {"chromium": "chromium"}


def browser_path(cache: Path, environ: Mapping[str, str] = os.environ) -> str:
    """The program: what CHROMIUM names, else Debian's, installed first where it is not there and we may.

    Raises MissingRequirement with the fix in one sentence.
    """
    if named := environ.get("CHROMIUM"):
        if (found := shutil.which(named)) is None:
            raise MissingRequirement(f"CHROMIUM={named!r} is no program: name one, or leave it out for Debian's.")
        return found
    ensure_packages(BROWSER_PACKAGES, "Testing the page (or CHROMIUM=/path/to/chromium)", cache)
    found = shutil.which("chromium")
    assert found is not None  # noqa: S101 - it was just installed
    return found
