"""Azurite, Microsoft's own emulator of Azure Blob Storage: installed once from npm, as package-lock.json pins it."""

import shutil
import tempfile
from pathlib import Path

from devcluster.locking import held
from devcluster.packages import ensure_packages
from devcluster.process import run_logged
from devcluster.progress import step
from devcluster.tools import cache_key

_MODULE = Path(__file__).resolve().parent / "npm" / "azurite"
_PACKAGES = {"node": "nodejs", "npm": "npm"}


def azurite_command(cache: Path) -> list[str]:
    """The command that starts its blob service. Raises MissingRequirement where there is no Node.js to run it."""
    ensure_packages(_PACKAGES, "Testing Azure Blob Storage", cache)
    files = [_MODULE / name for name in ("package.json", "package-lock.json")]
    target = cache / "tools" / f"azurite-{cache_key(file.read_bytes() for file in files)}"
    with held(cache / "build.lock", "building"):
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with (
                step("install Azurite") as running,
                tempfile.TemporaryDirectory(prefix=".azurite-", dir=target.parent) as unfinished,
            ):
                installed = Path(unfinished) / "azurite"
                installed.mkdir()
                for file in files:
                    shutil.copy(file, installed)
                log = cache / "logs" / f"{target.name}.log"
                options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(installed)]
                run_logged(["npm", "ci", *options], log, running=running)
                installed.rename(target)
    return ["node", str(target / "node_modules/azurite/dist/src/blob/main.js")]
