"""`augmentation-gateway keys create|list|revoke`: the keys file on the administrator's own machine."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from augmentation_gateway.credentials import expiry, keys_file
from augmentation_gateway.credentials.keys import ALL_PROJECTS, ApiKey, Principal, Right, digest_of, new_secret
from augmentation_gateway.credentials.keys_file import KeysFileError

_IN_FORCE = (
    "Bring the file into the gateway's Secret: kubectl create secret generic augmentation-gateway-keys "
    "--from-file=keys.json={file} --namespace augmentation-system --dry-run=client -o yaml | kubectl apply -f - "
    "Within 5 seconds of that {then}."
)
_VIEWS = (
    "Its projects limit which jobs it sees, not which datasets: its jobs use the hub token of all jobs of namespace "
    "{namespace}. Name another with --credentials-secret where that matters."
)
_BORROWED = (
    "Its jobs use the hub token in Secret {secret} of namespace {namespace}. Grant the gateway's service account the "
    "verb use on that Secret: docs/rest.md says how, under Projects."
)


def add_parser(keys: argparse.ArgumentParser) -> None:
    """Add the commands and their options to the parser of `keys`."""
    actions = keys.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="create a key: it is printed once, only its digest is stored")
    create.add_argument("--id", required=True, help="name of the key, for logs and annotations")
    create.add_argument("--namespace", required=True, help="Kubernetes namespace whose jobs it sees and creates")
    create.add_argument(
        "--project", action="append", default=[], help="project id it may use (repeatable); default: all"
    )
    create.add_argument("--rights", default="read,write", help="comma-separated: read, write (default: both)")
    create.add_argument("--organisation", default="", help="organisation of the principal")
    create.add_argument("--principal", help="id of the user or service that uses it; default: the key's id")
    create.add_argument("--principal-type", choices=["user", "service"], default="service")
    create.add_argument("--requests-per-second", type=float, help="rate limit per replica; 0: no limit")
    create.add_argument(
        "--expires",
        default=expiry.DEFAULT,
        metavar="WHEN",
        help="a time from now (90d, 12h), a day (2027-01-31: to its end, UTC) or never (default: %(default)s)",
    )
    create.add_argument(
        "--credentials-secret",
        metavar="NAME[/KEY]",
        help="Secret of that namespace with the hub token of the jobs it creates; default: that of their class",
    )
    create.add_argument("--file", type=Path, help="keys file to add it to; without one the entry is printed")
    create.add_argument(
        "--key-file", type=Path, help="new file for the key, readable by its owner only, instead of printing it"
    )
    shown = actions.add_parser("list", help="list the keys; the keys themselves are not stored anywhere")
    shown.add_argument("--file", type=Path, help=f"keys file (default: {keys_file.DEFAULT_KEYS_FILE})")
    shown.add_argument("-o", "--output", choices=["table", "json"], default="table")
    revoke = actions.add_parser("revoke", help="remove a key from the file, and end its open requests")
    revoke.add_argument("id", help="name of the key")
    revoke.add_argument("--file", type=Path, required=True, help="keys file")


def run(options: argparse.Namespace) -> int:
    """Run a command; returns the exit status. Raises KeysFileError."""
    return _ACTIONS[options.action](options)


def _create(options: argparse.Namespace) -> int:
    secret, now = new_secret(), datetime.now(UTC)
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
                "expires_at": expiry.parse_expiry(options.expires, now),
                "credentials_secret_ref": _secret_of(options.credentials_secret),
            }
        )
    except (ValidationError, ValueError) as error:
        print(f"augmentation-gateway: the key cannot be created: {error}", file=sys.stderr)
        return 2
    if options.key_file is not None:
        _write_key(options.key_file, secret)
    if options.file is not None:
        try:
            keys_file.add(options.file, key)
        except KeysFileError:
            if options.key_file is not None:
                options.key_file.unlink()
            raise
    if options.key_file is None:
        # On stdout the key stands alone on its line, for scripts; it is never seen again.
        print(secret)
    if options.file is None:
        print(json.dumps(key.model_dump(mode="json", exclude_none=True), indent=2))
    _explain(key, now)
    return 0


def _secret_of(text: str | None) -> dict[str, str] | None:
    """'name/key' or 'name' → the reference."""
    if text is None:
        return None
    name, slash, key = text.partition("/")
    return {"name": name, "key": key} if slash else {"name": name}


def _write_key(path: Path, secret: str) -> None:
    """Write a key to a new file that only its owner can read. Raises KeysFileError."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secret}\n")
    except OSError as error:
        raise KeysFileError(f"--key-file {path} cannot be written: {error.strerror}: name a new file") from error


def _explain(key: ApiKey, now: datetime) -> None:
    """Explain on stderr what the administrator may have overlooked."""
    end = f"at {key.expires_at:%Y-%m-%d %H:%M} UTC, " if key.expires_at else ""
    print(f"{key.id} expires {end}{expiry.describe_expiry(key.expires_at, now)}.", file=sys.stderr)
    if not key.may_use_all_projects and key.credentials_secret_ref is None:
        print(_VIEWS.format(namespace=key.namespace), file=sys.stderr)
    if (secret := key.credentials_secret_ref) is not None:
        print(_BORROWED.format(secret=f"{secret.name} ({secret.key})", namespace=key.namespace), file=sys.stderr)


def _list(options: argparse.Namespace) -> int:
    path = options.file or os.environ.get(keys_file.ENV_KEYS_FILE) or keys_file.DEFAULT_KEYS_FILE
    document = keys_file.read(Path(path))
    if options.output == "json":
        entries = [key.model_dump(mode="json", exclude={"sha256"}) for key in document.keys]
        print(json.dumps({"keys": entries}, indent=2))
        return 0
    now = datetime.now(UTC)
    rows = [_HEADINGS, *(_row(key, now) for key in document.keys)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


_HEADINGS: tuple[str, ...] = (
    "ID",
    "NAMESPACE",
    "PROJECTS",
    "RIGHTS",
    "PRINCIPAL",
    "EXPIRES",
    "ORGANISATION",
    "RATE",
    "HUB TOKEN",
)


def _row(key: ApiKey, now: datetime) -> tuple[str, ...]:
    secret = key.credentials_secret_ref
    return (
        key.id,
        key.namespace,
        ",".join(str(project) for project in key.projects),
        ",".join(key.rights),
        f"{key.principal.type}:{key.principal.id}",
        expiry.describe_expiry(key.expires_at, now),
        key.organisation,
        "" if key.requests_per_second is None else f"{key.requests_per_second:g}/s",
        "" if secret is None else f"{secret.name}/{secret.key}",
    )


def _revoke(options: argparse.Namespace) -> int:
    keys_file.remove(options.file, options.id)
    print(f"revoked {options.id}")
    then = "it is answered 401, and its open streams and requests end"
    print(_IN_FORCE.format(file=options.file, then=then), file=sys.stderr)
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {"create": _create, "list": _list, "revoke": _revoke}
