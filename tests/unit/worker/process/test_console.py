"""What a worker writes to stdout and stderr, by whom ever and however it ends."""

import subprocess
import sys

import pytest

TOKEN = "hf_Xq7RvZ2mWc9TjLp4Kd6Bn8Gs3Yh5Fb1Qw"
_IN_ANOTHER_PROCESS = f"""
import logging, sys, threading, traceback, warnings
from augmentation_worker import console, secrecy
from augmentation_worker.failure import WorkerFailure
TOKEN = {TOKEN!r}
early = logging.getLogger("a_library")
early.addHandler(logging.StreamHandler())
early.propagate = False
log = logging.getLogger("augmentation_worker")

def deep():
    local = TOKEN
    try:
        raise ValueError(f"Illegal header value b'Bearer {{TOKEN}}'")
    except ValueError as error:
        raise RuntimeError(repr({{"Authorization": TOKEN}})) from error

def main():
    secrecy.keep(TOKEN)
    with console.guarded():
        %s
main()
"""


def output_of(statement: str) -> str:
    """stdout and stderr of a process that does this."""
    program = _IN_ANOTHER_PROCESS % statement.replace("\n", "\n        ")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr, "it says nothing"
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "print('see', TOKEN)",
        "sys.stderr.write(TOKEN[:20]); sys.stderr.write(TOKEN[20:])",
        "log.warning('refused: %s', TOKEN)",
        "early.warning('refused: %s', TOKEN)",
        "warnings.warn(TOKEN)",
        "try: deep()\nexcept Exception: log.exception('unforeseen')",
        "try: deep()\nexcept Exception: traceback.print_exc()",
        "thread = threading.Thread(target=deep); thread.start(); thread.join()",
        "class Odd:\n    def __del__(self): deep()\nOdd()",
    ],
)
def test_a_secret_is_in_no_output(statement: str) -> None:
    output = output_of(statement)
    assert not [TOKEN[at : at + 8] for at in range(len(TOKEN) - 7) if TOKEN[at : at + 8] in output], output


def test_a_message_cannot_look_like_another_line_of_the_log_nor_steer_a_terminal() -> None:
    output = output_of(r"log.warning('camera \x1b]0;owned\x07\n2026-01-01 ERROR augmentation_worker: forged\rx')")
    first, *rest = output.splitlines()
    assert first.endswith("camera \\x1b]0;owned\\x07")
    assert rest == ["    2026-01-01 ERROR augmentation_worker: forged\\rx"]


def test_a_traceback_keeps_its_lines_and_its_kind() -> None:
    output = output_of("try: deep()\nexcept Exception: log.exception('unforeseen')")
    assert "ERROR augmentation_worker: unforeseen\n    Traceback (most recent call last):\n" in output
    assert "    RuntimeError: {'Authorization': '***'}" in output
