"""A vendor's own client, unmodified, in an environment and a process of its own (`make sdks`)."""

import json
import os
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from devcluster.settings import CHECKOUT

CALLS = Path(__file__).parent / "calls"
PROCESS = Path(__file__).with_name("vendor_process.py")
ANSWER_SECONDS = 60.0
ENVIRONMENTS = {
    "archetypeai": ".venv-sdks",
    "qualia": ".venv-sdks",
    "woodwide": ".venv-sdks",
    "qualia_next": ".venv-sdks-next",
    "datarobot": ".venv-sdks-datarobot",
}
"""By name of the script in `calls/`, the environment it runs in, as the Makefile creates them."""
NO_PROXY = {"NO_PROXY": "*", "no_proxy": "*"}


class VendorError(Exception):
    """What the client raised.

    Attributes:
        kinds: names of its class and of that one's ancestors.
        fields: its attributes, as far as they are text or numbers.
    """

    def __init__(self, kinds: list[str], message: str, fields: dict[str, Any]) -> None:
        super().__init__(f"{kinds[0]}: {message}")
        self.kinds = kinds
        self.message = message
        self.fields = fields


def bin_of(vendor: str) -> Path:
    """Folder with the Python and the commands of a vendor's environment; skips the test where there is none."""
    environment = CHECKOUT / ENVIRONMENTS[vendor]
    if not (environment / "bin" / "python").exists():
        pytest.skip(f"{vendor}'s client is not installed (no {environment.name}): run `make sdks`")
    return environment / "bin"


class VendorClient:
    """A process that runs `calls/<vendor>_calls.py`.

    Args:
        vendor: one of ENVIRONMENTS.
        url: of the gateway; the script finds it in GATEWAY_URL.
        key: an API key; the script finds it in GATEWAY_KEY.
        log: file for what the client prints.
    """

    def __init__(self, vendor: str, url: str, key: str, log: Path) -> None:
        self._log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                # The script's folder is not on the path: a script may be called like what it imports.
                [bin_of(vendor) / "python", "-P", PROCESS, CALLS / f"{vendor}_calls.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                # A command that prints a table measures the terminal, which is none here, when it is imported.
                env={**_foreign_environment(), **NO_PROXY, "COLUMNS": "200", "GATEWAY_URL": url, "GATEWAY_KEY": key},
                text=True,
            )

    def __call__(self, function: str, /, **arguments: Any) -> Any:
        """What a function of the script returns, as JSON. Raises VendorError for what it raises."""
        return self._answer({"function": function, "arguments": arguments})

    def run(self, source: str, result: str) -> Any:
        """Run statements, such as those of a page in docs/, and return the value of an expression after them."""
        return self._answer({"source": source, "result": result})

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)

    def _answer(self, call: dict[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(call) + "\n")
        stdin.flush()
        ready, _, _ = select.select([stdout], [], [], ANSWER_SECONDS)
        line = stdout.readline() if ready else ""
        assert line, f"the client did not answer {call}:\n{self._log.read_text()}"
        answer = json.loads(line)
        if raised := answer.get("raised"):
            raise VendorError(**raised)
        return answer["returned"]


def documented(vendor: str, **values: str) -> str:
    """The lines by which docs/rest.md points a vendor's client here, after these names have been given values."""
    section = (CHECKOUT / "docs" / "rest.md").read_text().partition(f"### {vendor}\n")[2].partition("\n##")[0]
    source = section.partition("```python\n")[2].partition("```")[0]
    assert source
    return "".join(f"{name} = {value!r}\n" for name, value in values.items()) + source


def run_command(vendor: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command that the vendor's package installs, in its environment."""
    return subprocess.run(
        [bin_of(vendor) / arguments[0], *arguments[1:]],
        env={**_foreign_environment(), **NO_PROXY, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=ANSWER_SECONDS,
    )


def _foreign_environment() -> dict[str, str]:
    """The environment of these tests, without what shows our code to Python."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
