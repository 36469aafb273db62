"""Everything that a pod imports is compiled in its image: its root file system is read-only."""

from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("program", ["operator", "gateway", "worker"])
def test_images_hold_bytecode_of_all_three_parts(program: str) -> None:
    text = (CHECKOUT / program / "Dockerfile").read_text()
    installations, images = text.count("uv pip install"), text.count("\nENTRYPOINT")
    assert text.count("--compile-bytecode") == installations > 0, "of packages"
    assert text.count('get_path("stdlib")') == images > 0, "of the standard library"
    assert "compileall -q --invalidation-mode unchecked-hash /app" in text, "of our own code"
