"""Tests of the tools that the product is developed with: devcluster and its local hub.

They run when what they test has changed since they last passed on this machine, in whichever checkout, and apart from
the product's own tests. Arguments go to pytest; `--always` runs them in any case.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from devcluster.settings import cache_folder

CHECKOUT = Path(__file__).resolve().parents[2]
TESTED = ("devcluster", "tests/tools", "tests/conftest.py", "constraints.txt", "*/Dockerfile", "*requirements.txt")
"""What the tests depend on."""
STAMPS_KEPT = 20


def main(arguments: list[str]) -> int:
    """Run the tests unless they have passed already. Returns pytest's exit status."""
    always = "--always" in arguments
    stamps = cache_folder(os.environ) / "passed-tests-of-tools"
    stamp = stamps / fingerprint()
    if stamp.exists() and not always:
        print("  ... tests of devcluster and its local hub: unchanged since they passed, skipped (make test-tools)")
        return 0
    options = [argument for argument in arguments if argument != "--always"]
    status = subprocess.run([sys.executable, "-m", "pytest", *options, "tests/tools"], cwd=CHECKOUT, check=False)
    if status.returncode == 0 and fingerprint() == stamp.name:
        stamps.mkdir(parents=True, exist_ok=True)
        stamp.touch()
        for old in sorted(stamps.iterdir(), key=lambda path: path.stat().st_mtime)[:-STAMPS_KEPT]:
            old.unlink(missing_ok=True)
    return status.returncode


def fingerprint() -> str:
    """Hash of all files that the tests depend on, and of the Python that runs them."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(_files()):
        digest.update(f"{path.relative_to(CHECKOUT)}\0{os.access(path, os.X_OK)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files() -> Iterator[Path]:
    for pattern in TESTED:
        for found in CHECKOUT.glob(pattern):
            inside = found.rglob("*") if found.is_dir() else [found]
            yield from (path for path in inside if path.is_file() and "__pycache__" not in path.parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
