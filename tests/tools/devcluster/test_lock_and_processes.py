"""One builder at a time; failures of programs in one sentence; progress of steps."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devcluster.errors import DevclusterError
from devcluster.locking import held
from devcluster.process import output_of, run_logged
from devcluster.progress import Step, elapsed

WAITER = """
import sys, time
from pathlib import Path
from devcluster.locking import held
with held(Path(sys.argv[1]), "building"):
    print("got it", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def waiter(lock: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WAITER, str(lock), str(seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_second_command_waits_for_lock_and_reports_it(tmp_path: Path) -> None:
    lock = tmp_path / "build.lock"
    with held(lock, "building"):
        second = waiter(lock, 0)
        assert second.stderr is not None
        assert "waiting for another devcluster command" in second.stderr.readline()
        assert second.poll() is None
    answer, _ = second.communicate(timeout=60)
    assert answer == "got it\n"


def test_lock_of_killed_process_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = tmp_path / "build.lock"
    first = waiter(lock, 60)
    assert first.stdout is not None
    assert first.stdout.readline() == "got it\n"
    first.kill()
    first.communicate()
    with held(lock, "building"):
        assert "waiting" not in capsys.readouterr().err


def test_failure_names_program_and_log_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "build.log"
    failing = [sys.executable, "-c", "print('the cause'); raise SystemExit(3)"]
    with pytest.raises(DevclusterError, match=r"status 3.*build\.log"):
        run_logged(failing, log)
    assert "the cause" in log.read_text()
    assert "the cause" in capsys.readouterr().err


def test_stdout_and_stderr_are_logged_and_last_line_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "build.log"
    running = Step("a build", io.StringIO())
    run_logged([sys.executable, "-c", "import sys; print('one'); print('two', file=sys.stderr)"], log, running=running)
    assert {"one", "two"} <= set(log.read_text().splitlines())
    assert running.detail in ("one", "two")


def test_interrupted_command_stops_its_child_processes(tmp_path: Path) -> None:
    script = """
import signal, subprocess, sys
from pathlib import Path
from devcluster.process import run_logged
signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
run_logged(["sh", "-c", "sleep 60 & echo $! > " + sys.argv[1] + "; wait"], Path(sys.argv[2]))
"""
    child = tmp_path / "child"
    command = [sys.executable, "-c", script, str(child), str(tmp_path / "log")]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[3])
    deadline = time.monotonic() + 120
    while not child.exists() or not child.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    running.terminate()
    running.wait(timeout=60)
    state = Path(f"/proc/{child.read_text().strip()}/stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_query_of_missing_or_failing_program_returns_none() -> None:
    assert output_of(["no-such-program-anywhere"]) is None
    assert output_of([sys.executable, "-c", "raise SystemExit(1)"]) is None
    assert output_of([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5) is None
    assert output_of([sys.executable, "-c", "print(' yes ')"]) == "yes"


def test_outcome_of_step_is_on_its_own_line() -> None:
    stream = io.StringIO()
    with Step("make it", stream):
        pass
    with pytest.raises(ValueError, match="no"), Step("break it", stream):
        raise ValueError("no")
    lines = stream.getvalue().splitlines()
    assert lines[0] == "  ... make it"
    assert lines[1].startswith("  ok  make it")
    assert lines[3].startswith("  no  break it")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.3, "12 s"), (59.4, "59 s"), (60, "1 min 00 s"), (485, "8 min 05 s")],
)
def test_elapsed_time_is_readable(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text
