"""Generates client.py, the blocking client, from async_client.py. `--check` fails if it is out of date."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from unasync import Rule, unasync_files

PACKAGE = Path(__file__).parent / "augmentation_client"
SOURCE, GENERATED = PACKAGE / "async_client.py", PACKAGE / "client.py"
_WORDS = {
    "AsyncBaseTransport": "BaseTransport",
    "AsyncClient": "Client",
    "AsyncRetrying": "Retrying",
    "aclose": "close",
    "aclosing": "closing",
    "aiter_lines": "iter_lines",
    "aread": "read",
    "asyncio": "time",
}
_DOCSTRING = '"""The blocking client. Generated from async_client.py by generate_client.py: edit that."""'


def generate() -> str:
    """The source text of the blocking client."""
    with TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "async", Path(scratch) / "sync"
        source.mkdir()
        shutil.copy(SOURCE, source)
        rule = Rule(fromdir=f"{source}/", todir=f"{target}/", additional_replacements=_WORDS)
        unasync_files([str(source / SOURCE.name)], [rule])
        _, _, code = (target / SOURCE.name).read_text().partition("\n")
    text = f"{_DOCSTRING}\n{code}"
    for arguments in (["check", "--fix", "--quiet", "--select", "I,F811"], ["format", "--quiet"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(GENERATED), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    return text


def main() -> int:
    """Write client.py, or compare it with what would be written. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if the file is out of date")
    check = parser.parse_args().check
    text = generate()
    if check and GENERATED.read_text() != text:
        print(f"{GENERATED} is out of date: run python client/generate_client.py", file=sys.stderr)
        return 1
    if not check:
        GENERATED.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
