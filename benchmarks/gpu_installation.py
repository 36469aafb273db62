"""Installs the libraries that the GPU benchmark compares with, each in a folder of its own: none changes another.

What they need of torch, torchvision, Triton and numpy they find in this Python.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks.figures import CHECKOUT
from benchmarks.gpu_contenders import Contender

INSTALLED = CHECKOUT / ".venv-bench-gpu"
TIMEOUT_S = 100
"""Longest wait for one, seconds; they are installed at the same time."""


def install(contenders: Sequence[Contender]) -> dict[str, str]:
    """Install what contenders need beside torch, each in a folder of its own; gives why some have it not."""
    wanted = [each for each in contenders if each.packages and not (INSTALLED / each.name).exists()]
    with ThreadPoolExecutor(max(1, len(wanted))) as pool:
        answers = pool.map(_install, wanted)
        return {each.name: answer for each, answer in zip(wanted, answers, strict=True) if answer is not None}


def _install(contender: Contender) -> str | None:
    target, partial = INSTALLED / contender.name, INSTALLED / f"{contender.name}.partial"
    installer = ["uv", "pip", "install", "--python", sys.executable] if _has("uv") else ["pip", "install"]
    command = [sys.executable, "-m", *installer, "--quiet", "--no-deps", "--target", str(partial)]
    if wheels := os.environ.get("WHEELS"):
        command += ["--no-index", "--find-links", wheels]
    environment = {**os.environ, "UV_HTTP_TIMEOUT": "20", "PIP_DEFAULT_TIMEOUT": "20", "PIP_RETRIES": "1"}
    try:
        subprocess.run(
            [*command, *contender.packages],
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        return f"was not installed within {TIMEOUT_S} s"
    except subprocess.CalledProcessError as error:
        return f"cannot be installed: {last_line(error.stderr)}"
    partial.rename(target)
    return None


def _has(module: str) -> bool:
    return subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, check=False).returncode == 0


def last_line(text: str) -> str:
    """The last line of an error, which usually says what is wrong."""
    return next((line.strip()[:300] for line in reversed(text.splitlines()) if line.strip()), "ended without a word")
