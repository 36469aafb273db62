import sys
from pathlib import Path

import pytest

from devcluster.browser import browser_path
from devcluster.errors import MissingRequirement


def test_configured_browser_is_used(tmp_path: Path) -> None:
    assert browser_path(tmp_path, {"CHROMIUM": sys.executable}) == sys.executable


def test_missing_browser_is_reported_with_fix(tmp_path: Path) -> None:
    with pytest.raises(MissingRequirement) as error:
        browser_path(tmp_path, {"CHROMIUM": "/no/such/browser"})
    assert "CHROMIUM='/no/such/browser' is no program" in str(error.value)
