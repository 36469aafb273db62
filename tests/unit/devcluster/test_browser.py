import sys
from pathlib import Path

import pytest

from devcluster.browser import browser_path
from devcluster.errors import MissingRequirement


def test_the_browser_that_is_named_is_taken(tmp_path: Path) -> None:
    assert browser_path(tmp_path, {"CHROMIUM": sys.executable}) == sys.executable


def test_a_browser_that_is_not_there_is_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(MissingRequirement) as error:
        browser_path(tmp_path, {"CHROMIUM": "/no/such/browser"})
    assert "CHROMIUM='/no/such/browser' is no program" in str(error.value)
