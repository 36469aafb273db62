"""The command line: `serve` (the default) and `keys create`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from augmentation_gateway import keys_file, settings, structured_logs
from augmentation_gateway.keys import ALL_PROJECTS, ApiKey, Principal, Right, digest_of, new_secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _create_key(options) if options.command == "keys" else _serve(options)
    except (settings.SettingsError, keys_file.KeysFileError) as error:
        print(f"augmentation-gateway: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="augmentation-gateway", description="REST gateway of the augmentation operator."
    )
    # Without a command the gateway is served, so these two stand here as well.
    _add_address(parser)
    commands = parser.add_subparsers(dest="command")
    _add_address(commands.add_parser("serve", help="serve the REST API (the default)"))
    keys = commands.add_parser("keys", help="API keys").add_subparsers(dest="action", required=True)
    create = keys.add_parser("create", help="make a key: it is printed once, only its digest is kept")
    create.add_argument("--id", required=True, help="name of the key, for logs and annotations")
    create.add_argument("--namespace", required=True, help="Kubernetes namespace whose jobs it sees and makes")
    create.add_argument(
        "--project", action="append", default=[], help="project id it may use (repeatable); default: all"
    )
    create.add_argument("--rights", default="read,write", help="comma-separated: read, write (default: both)")
    create.add_argument("--organisation", default="", help="organisation of the principal")
    create.add_argument("--principal", help="id of the user or service that uses it; default: the key's id")
    create.add_argument("--principal-type", choices=["user", "service"], default="service")
    create.add_argument("--file", type=Path, help="keys file to add it to; without one the entry is printed")
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    # SUPPRESS: the subcommand's absence of a value must not undo one given before it.
    parser.add_argument("--host", default=argparse.SUPPRESS, help="address to listen on (default: $HOST or 0.0.0.0)")
    parser.add_argument("--port", type=int, default=argparse.SUPPRESS, help="port (default: $PORT or 8080)")


def _serve(options: argparse.Namespace) -> int:
    # Here, so that making a key does not wait for the Kubernetes client and the web framework to be loaded.
    import uvloop  # noqa: PLC0415
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415

    from augmentation_gateway.serve import serve  # noqa: PLC0415

    given = {name: value for name in ("host", "port") if (value := getattr(options, name, None)) is not None}
    chosen = dataclasses.replace(settings.from_environment(), **given)
    structured_logs.configure(chosen.log_level)
    try:
        uvloop.run(serve(chosen))
    except ConfigException as error:
        print(f"augmentation-gateway: no Kubernetes cluster is configured: {error}", file=sys.stderr)
        return 2
    return 0


def _create_key(options: argparse.Namespace) -> int:
    secret = new_secret()
    try:
        key = ApiKey.model_validate(
            {
                "id": options.id,
                "sha256": digest_of(secret),
                "principal": Principal(type=options.principal_type, id=options.principal or options.id),
                "organisation": options.organisation,
                "namespace": options.namespace,
                "projects": options.project or [ALL_PROJECTS],
                "rights": [Right(right.strip()) for right in options.rights.split(",")],
            }
        )
    except (ValidationError, ValueError) as error:
        print(f"augmentation-gateway: the key cannot be made: {error}", file=sys.stderr)
        return 2
    if options.file is not None:
        keys_file.add(options.file, key)
    # On stdout the key stands alone on its line, for scripts; it is never seen again.
    print(secret)
    if options.file is None:
        print(json.dumps(key.model_dump(mode="json"), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
