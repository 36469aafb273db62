"""The other end of VendorClient: runs where a vendor's client is installed, and nothing of ours is.

Runs a script of functions, each of which uses the client as its user would. Reads calls from stdin, one JSON document
per line, and answers each on stdout by what the function returned or raised.
"""

import dataclasses
import datetime
import enum
import json
import os
import runpy
import sys
from typing import Any


def plain(value: Any) -> Any:
    """An object of the client as JSON has it: a model as its fields, whatever library it is made with."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "__dict__"):
        return {name: field for name, field in vars(value).items() if not name.startswith("_")}
    if hasattr(value, "__iter__"):
        return list(value)
    return str(value)


def named(value: Any) -> Any:
    """A named tuple as its fields, which json would write as a list."""
    return value._asdict() if hasattr(value, "_asdict") else value


def answer(functions: dict[str, Any], call: dict[str, Any]) -> dict[str, Any]:
    """What a call returned or raised."""
    try:
        if "source" in call:
            scope: dict[str, Any] = {}
            exec(call["source"], scope)
            return {"returned": named(eval(call["result"], scope))}
        return {"returned": named(functions[call["function"]](**call["arguments"]))}
    except Exception as error:
        fields = {name: text for name, text in vars(error).items() if isinstance(text, str | int | None)}
        kinds = [kind.__name__ for kind in type(error).__mro__]
        return {"raised": {"kinds": kinds, "message": str(error), "fields": fields}}


def main() -> None:
    """Answer calls until stdin ends."""
    # What the client itself prints belongs to the log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    functions = runpy.run_path(sys.argv[1])
    for line in sys.stdin:
        answers.write(json.dumps(answer(functions, json.loads(line)), default=plain) + "\n")
        answers.flush()


main()
