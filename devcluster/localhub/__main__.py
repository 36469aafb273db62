"""`python -m devcluster.localhub --host 0.0.0.0 --port 8080 --data DIR [--users users.json] [--mode MODE]`."""

import argparse
import logging
import os
import sys
from pathlib import Path

from devcluster.localhub.app import create_app
from devcluster.localhub.mode import MODES
from devcluster.localhub.server import server_of
from devcluster.localhub.store import Store
from devcluster.localhub.tokens import Tokens


def main() -> int:
    """Serve until stopped. Exit status 2 for invalid arguments."""
    parser = argparse.ArgumentParser(prog="localhub", description="A small dataset hub for the demo and the tests.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8080, help="port to listen on (default: %(default)s)")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the datasets")
    parser.add_argument(
        "--users",
        type=Path,
        help='JSON list of {"name", "token", "role": "read"|"write"}; '
        "without it LOCALHUB_TOKENS holds name:token:role, separated by commas",
    )
    parser.add_argument(
        "--mode", choices=MODES, default="plain", help="what kind of hub (mode.py; default: %(default)s)"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        if arguments.users is not None:
            tokens = Tokens.from_file(arguments.users)
        else:
            tokens = Tokens.from_text(os.environ.get("LOCALHUB_TOKENS", ""))
        store = Store(arguments.data, MODES[arguments.mode])
    except (OSError, ValueError, RuntimeError) as error:
        print(f"localhub: {error}", file=sys.stderr)
        return 2
    server_of(create_app(store, tokens, MODES[arguments.mode]), host=arguments.host, port=arguments.port).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
