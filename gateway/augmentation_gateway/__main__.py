"""The command line: `serve` (the default) and `keys create|list|revoke`."""

import argparse
import os
import sys
from collections.abc import Sequence

from augmentation_gateway.credentials import keys_command
from augmentation_gateway.credentials.keys_file import KeysFileError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    try:
        return keys_command.run(options) if options.command == "keys" else _serve(options)
    except KeysFileError as error:
        print(f"augmentation-gateway: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="augmentation-gateway", description="REST gateway of the augmentation operator."
    )
    # Without a command the gateway is served, so these two are options of the program, too.
    _add_address(parser)
    commands = parser.add_subparsers(dest="command")
    _add_address(commands.add_parser("serve", help="serve the REST API (the default)"))
    keys_command.add_parser(commands.add_parser("keys", help="API keys"))
    return parser


def _add_address(parser: argparse.ArgumentParser) -> None:
    # SUPPRESS: the subcommand's absence of a value must not undo one given before it.
    parser.add_argument("--host", default=argparse.SUPPRESS, help="address to listen on (default: $HOST or 0.0.0.0)")
    parser.add_argument("--port", type=int, default=argparse.SUPPRESS, help="port (default: $PORT or 8080)")


def _serve(options: argparse.Namespace) -> int:
    # Here, so that making a key does not wait for the Kubernetes client and the web framework to be loaded.
    import uvloop  # noqa: PLC0415
    from kubernetes.aio.config import ConfigException  # noqa: PLC0415

    from augmentation_gateway.credentials.oidc import OidcFileError  # noqa: PLC0415
    from augmentation_gateway.observability import logs  # noqa: PLC0415
    from augmentation_gateway.process import serve  # noqa: PLC0415
    from augmentation_gateway.server.certificate import CertificateError  # noqa: PLC0415
    from augmentation_gateway.settings import Settings  # noqa: PLC0415
    from augmentation_kube.settings import SettingsError  # noqa: PLC0415

    overrides = {name: value for name in ("host", "port") if (value := getattr(options, name, None)) is not None}
    try:
        settings = Settings.from_environment(os.environ).model_copy(update=overrides)
        logs.configure(settings.log_level)
        uvloop.run(serve(settings))
    except ConfigException as error:
        print(f"augmentation-gateway: no Kubernetes cluster is configured: {error}", file=sys.stderr)
        return 2
    except (SettingsError, OidcFileError, CertificateError) as error:
        print(f"augmentation-gateway: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
