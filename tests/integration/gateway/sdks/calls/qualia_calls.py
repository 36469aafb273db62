"""`qualia-sdk` as its user calls it."""

import os
from functools import reduce
from typing import Any

from qualia import Qualia
from qualia_cli.main import app
from typer.testing import CliRunner

client = Qualia(api_key=os.environ["GATEWAY_KEY"], base_url=os.environ["GATEWAY_URL"])


def call(method: str, **arguments: Any) -> Any:
    """`call("projects.list", limit=2)` is `client.projects.list(limit=2)`."""
    return reduce(getattr, method.split("."), client)(**arguments)


def command(arguments: list[str]) -> dict[str, Any]:
    """What `qualia` with these arguments prints, in this process: starting one takes a second."""
    variables = {"QUALIA_BASE_URL": os.environ["GATEWAY_URL"], "QUALIA_API_KEY": os.environ["GATEWAY_KEY"]}
    done = CliRunner(env={**variables, "COLUMNS": "200"}).invoke(app, arguments)
    return {"status": done.exit_code, "shown": done.output}
