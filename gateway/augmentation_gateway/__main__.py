"""The command line: `serve` (the default) and `keys create|list|revoke`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from augmentation_gateway import keys_file, settings, structured_logs
from augmentation_gateway.keys import ALL_PROJECTS, ApiKey, Principal, Right, digest_of, new_secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return _KEYS[options.action](options) if options.command == "keys" else _serve(options)
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
    create.add_argument(
        "--requests-per-second", type=float, help="how often it may ask each replica; 0: as often as it likes"
    )
    create.add_argument("--file", type=Path, help="keys file to add it to; without one the entry is printed")
    shown = keys.add_parser("list", help="show the keys there are; the keys themselves are not kept anywhere")
    shown.add_argument("--file", type=Path, help=f"keys file (default: {settings.DEFAULT_KEYS_FILE})")
    shown.add_argument("-o", "--output", choices=["table", "json"], default="table")
    revoke = keys.add_parser("revoke", help="take a key out of the file; the gateway notices within seconds")
    revoke.add_argument("id", help="name of the key")
    revoke.add_argument("--file", type=Path, required=True, help="keys file")
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    # SUPPRESS: the subcommand's absence of a value must not undo one given before it.
    parser.add_argument("--host", default=argparse.SUPPRESS, help="address to listen on (default: $HOST or 0.0.0.0)")
    parser.add_argument("--port", type=int, default=argparse.SUPPRESS, help="port (default: $PORT or 8080)")


def _serve(options: argparse.Namespace) -> int:
    # Here, so that making a key does not wait for the Kubernetes client and the web framework to be loaded.
    import uvloop  # noqa: PLC0415
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415

    from augmentation_gateway.oidc import OidcFileError  # noqa: PLC0415
    from augmentation_gateway.serve import serve  # noqa: PLC0415

    given = {name: value for name in ("host", "port") if (value := getattr(options, name, None)) is not None}
    chosen = dataclasses.replace(settings.from_environment(), **given)
    structured_logs.configure(chosen.log_level)
    try:
        uvloop.run(serve(chosen))
    except ConfigException as error:
        print(f"augmentation-gateway: no Kubernetes cluster is configured: {error}", file=sys.stderr)
        return 2
    except OidcFileError as error:
        print(f"augmentation-gateway: {error}", file=sys.stderr)
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
                "requests_per_second": options.requests_per_second,
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
        print(json.dumps(key.model_dump(mode="json", exclude_none=True), indent=2))
    return 0


def _list_keys(options: argparse.Namespace) -> int:
    document = keys_file.read(options.file or settings.from_environment().keys_file)
    if options.output == "json":
        entries = [key.model_dump(mode="json", exclude={"sha256"}) for key in document.keys]
        print(json.dumps({"keys": entries}, indent=2))
        return 0
    rows = [("ID", "NAMESPACE", "PROJECTS", "RIGHTS", "PRINCIPAL", "ORGANISATION", "RATE")]
    rows += [
        (
            key.id,
            key.namespace,
            ",".join(str(project) for project in key.projects),
            ",".join(key.rights),
            f"{key.principal.type}:{key.principal.id}",
            key.organisation,
            "" if key.requests_per_second is None else f"{key.requests_per_second:g}/s",
        )
        for key in document.keys
    ]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _revoke_key(options: argparse.Namespace) -> int:
    keys_file.remove(options.file, options.id)
    print(f"revoked {options.id}")
    return 0


_KEYS: dict[str, Callable[[argparse.Namespace], int]] = {
    "create": _create_key,
    "list": _list_keys,
    "revoke": _revoke_key,
}


if __name__ == "__main__":
    sys.exit(main())
