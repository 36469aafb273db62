"""Schemathesis against a real gateway before a real API server: is the OpenAPI document true?

The test suite does this for a bounded time; for longer, from the root:

    python -m tests.integration.gateway.openapi_fuzz --seconds 600
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import RIGHTS, GatewayProcess

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
STREAM = "/v1/augmentation/{job_id}/events"
"""Of a job that has not ended this goes on for ever, which no response is expected to; test_native.py covers it."""
CAMERAS = "/v1/datasets/{owner}/{name}/image-keys"
"""Waits for a job that reads the dataset, which none does without an operator; unit tests cover it."""

LONGEST_LINE = 300


@dataclass(frozen=True)
class Fuzzed:
    """Result of a run.

    Attributes:
        cases: number of generated requests.
        passed: whether every response conforms to the document.
        report: human-readable summary.
    """

    cases: int
    passed: bool
    report: str


def fuzz(
    gateway: GatewayProcess,
    key: str | None,
    *,
    examples: int,
    seed: int,
    seconds: float | None = None,
    phases: str = "examples,coverage,fuzzing,stateful",
) -> Fuzzed:
    """Send generated requests, valid and not, and check each response against the document.

    Args:
        gateway: that runs.
        key: API key to send; None: none.
        examples: most cases of an operation in each of schemathesis' phases.
        seed: of the generator.
        seconds: run for this time instead of until the examples are exhausted.
        phases: which of schemathesis' phases.
    """
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(CONFIGURATION)),
        *("run", f"{gateway.url}/openapi.json"),
        *(
            "--checks",
            "all",
            "--max-examples",
            str(examples),
            "--seed",
            str(seed),
            "--phases",
            phases,
            *("--exclude-path", STREAM, "--exclude-path", CAMERAS),
        ),
        *("--request-timeout", "30", "--suppress-health-check", "all", "--warnings", "off", "--no-color"),
        *("--continue-on-failure", "--no-shrink"),
        *(("--header", f"x-api-key: {key}") if key else ()),
        *(("--max-time", str(round(seconds))) if seconds else ()),
    ]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    counted = re.search(r"([\d,]+) generated", done.stdout)
    cases = int(counted[1].replace(",", "")) if counted else 0
    # A request that is quoted may be a hundred kilobytes long.
    report = "\n".join(line[:LONGEST_LINE] for line in (done.stdout + done.stderr).splitlines())
    return Fuzzed(cases, done.returncode == 0, report)


def main() -> int:
    parser = argparse.ArgumentParser(description="Holds a gateway against its OpenAPI document.")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    options = parser.parse_args()
    total, passed = 0, True
    with tempfile.TemporaryDirectory() as name, ControlPlane(Path(name)) as plane:
        plane.kubectl("apply", "--server-side", "-f", "-", manifest=RIGHTS)
        gateway = GatewayProcess(Path(name), plane.kubeconfig_of("gateway"))
        gateway.create_key("full", "--namespace", "robots")
        gateway.start()
        try:
            gateway.await_ready()
            for key in (gateway.keys["full"], None):
                outcome = fuzz(gateway, key, examples=options.examples, seed=options.seed, seconds=options.seconds / 2)
                total, passed = total + outcome.cases, passed and outcome.passed
                print(outcome.report)
        finally:
            gateway.stop()
    print(f"{total} cases, seed {options.seed}: {'all as documented' if passed else 'NOT as documented, see above'}")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
