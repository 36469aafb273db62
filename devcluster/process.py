"""Subprocesses with their output in a log, the last line shown live, and failures reported in one sentence."""

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from devcluster.errors import DevclusterError
from devcluster.progress import Step, say

TAIL_LINES = 30


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    *,
    running: Step | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run to the end with both outputs appended to `log`; the newest line becomes `running.detail`.

    environment: variables added to those of this process.
    Raises DevclusterError, after printing the log's tail, when the program fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(word) for word in argv]
    tail: list[str] = []
    with log.open("a", encoding="utf-8", errors="replace") as sink:
        sink.write(f"$ {shlex.join(command)}\n")
        sink.flush()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
            text=True,
            errors="replace",
            # A group of its own, so that what the program started ends with it.
            start_new_session=True,
        )
        try:
            for line in process.stdout or ():
                sink.write(line)
                sink.flush()
                tail = [*tail[1 - TAIL_LINES :], line.rstrip()]
                if running is not None and line.strip():
                    running.detail = line.strip()
            status = process.wait()
        except BaseException:
            _end_group(process)
            raise
    if status != 0:
        for line in tail:
            say(f"      {line}")
        raise DevclusterError(f"{Path(command[0]).name} ended with status {status}; the whole output is in {log}.")


def _end_group(process: subprocess.Popen[str]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, number)
            process.wait(timeout=10)


def output_of(
    argv: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, timeout: float = 60.0
) -> str | None:
    """Standard output of a quick question, stripped; None where the program is absent, fails or does not answer."""
    try:
        answer = subprocess.run(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None
