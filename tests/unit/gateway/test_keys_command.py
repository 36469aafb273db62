"""The commands that create, list and revoke keys."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from augmentation_gateway.__main__ import main
from augmentation_gateway.credentials.expiry import describe_expiry, parse_expiry
from augmentation_gateway.credentials.keys import KeyRing, digest_of
from augmentation_gateway.credentials.keys_file import KeysFile, read
from tests.unit.gateway.job_objects import PROJECT_ID
from tests.unit.gateway.test_keys import entry, write

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_keys_create_prints_key_once_and_keeps_only_its_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    common = ["keys", "create", "--namespace", "robots", "--file", str(path)]
    assert main([*common, "--id", "ci", "--project", PROJECT_ID, "--rights", "read", "--organisation", "lab"]) == 0
    first = capsys.readouterr().out.strip()
    assert main([*common, "--id", "admin"]) == 0
    second = capsys.readouterr().out.strip()
    assert first not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    ring = KeyRing(read(path).keys)
    limited, full = ring.find(first.encode()), ring.find(second.encode())
    assert limited is not None and full is not None
    assert (limited.id, limited.namespace, limited.organisation) == ("ci", "robots", "lab")
    assert (limited.projects, limited.rights) == ((UUID(PROJECT_ID),), ("read",))
    assert (full.projects, full.rights) == (("*",), ("read", "write"))


def test_keys_create_without_file_prints_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "create", "--id", "ci", "--namespace", "robots"]) == 0
    secret, _, printed = capsys.readouterr().out.partition("\n")
    assert json.loads(printed)["sha256"] == digest_of(secret)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--id", "taken", "--namespace", "robots"],
        ["--id", "ci", "--namespace", "Robots!"],
        ["--id", "a b", "--namespace", "robots"],
        ["--id", "ci", "--namespace", "robots", "--rights", "admin"],
        ["--id", "ci", "--namespace", "robots", "--project", "mine"],
        ["--id", "ci", "--namespace", "robots", "--expires", "yesterday"],
        ["--id", "ci", "--namespace", "robots", "--expires", "2020-01-01"],
        ["--id", "ci", "--namespace", "robots", "--expires", "0d"],
        ["--id", "ci", "--namespace", "robots", "--credentials-secret", "Not A Name"],
        ["--id", "ci", "--namespace", "robots", "--credentials-secret", "name/"],
        ["--id", "ci", "--namespace", "robots", "--key-file", "/dev/null"],
    ],
)
def test_keys_create_rejects_invalid_options_and_prints_no_key(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    write(path, entry("taken", "one"))
    before = path.read_text()
    assert main(["keys", "create", "--file", str(path), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("augmentation-gateway: ")
    assert path.read_text() == before


def test_keys_list_shows_rights_and_no_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    common = ["keys", "create", "--namespace", "robots", "--file", str(path)]
    endless = ["--expires", "never", "--credentials-secret", "hub-a"]
    assert main([*common, "--id", "ci", "--rights", "read", "--requests-per-second", "5"]) == 0
    assert main([*common, "--id", "admin", "--organisation", "lab", *endless]) == 0
    secrets = capsys.readouterr().out.split()
    assert main(["keys", "list", "--file", str(path)]) == 0
    table = capsys.readouterr().out
    header, ci, admin = (re.split(" {2,}", line) for line in table.splitlines())
    assert header[0] == "ID"
    assert ci in (["ci", "robots", "*", "read", "service:ci", f"in {days} days", "5/s"] for days in (364, 365))
    assert admin == ["admin", "robots", "*", "read,write", "service:admin", "never", "lab", "hub-a/token"]
    assert main(["keys", "list", "--file", str(path), "-o", "json"]) == 0
    output = capsys.readouterr().out
    assert [key["id"] for key in json.loads(output)["keys"]] == ["ci", "admin"]
    for text in (table, output):
        assert not [secret for secret in secrets if secret in text or digest_of(secret) in text]


def test_keys_revoke_removes_one_key_from_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    for name in ("ci", "admin"):
        assert main(["keys", "create", "--id", name, "--namespace", "robots", "--file", str(path)]) == 0
    ci, admin = capsys.readouterr().out.split()
    keys = KeysFile(path)
    keys.refresh()
    current = keys.ring.find(ci.encode())
    assert current is not None
    assert main(["keys", "revoke", "ci", "--file", str(path)]) == 0
    keys.refresh()
    assert keys.ring.find(ci.encode()) is None
    assert not keys.ring.holds(current)
    assert keys.ring.find(admin.encode()) is not None
    assert main(["keys", "revoke", "ci", "--file", str(path)]) == 2
    assert "has no key 'ci': it has admin" in capsys.readouterr().err


def test_key_file_is_readable_by_owner_only_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, key_file = tmp_path / "keys.json", tmp_path / "key"
    create = ["keys", "create", "--id", "ci", "--namespace", "robots", "--file", str(path), "--key-file", str(key_file)]
    assert main(create) == 0
    assert capsys.readouterr().out == ""
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert KeyRing(read(path).keys).find(key_file.read_text().strip().encode())
    assert main(create) == 2, "a file that is there is not overwritten"
    assert "name a new file" in capsys.readouterr().err
    other = tmp_path / "other"
    assert main([*create[:-1], str(other)]) == 2, "the id is taken"
    assert not other.exists()


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ([], ""),
        (["--project", PROJECT_ID], "not which datasets"),
        (["--project", PROJECT_ID, "--credentials-secret", "hub-a"], "verb use"),
    ],
)
def test_limits_of_project_isolation_are_printed(
    options: list[str], warning: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create", "--id", "ci", "--namespace", "robots", *options]) == 0
    output = capsys.readouterr().err
    assert (warning in output) and (warning or len(output.splitlines()) == 1)


def test_key_expires_in_one_year_by_default_and_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    create = ["keys", "create", "--namespace", "robots", "--file", str(path), "--id"]
    assert main([*create, "ci"]) == 0
    assert "in 365 days" in capsys.readouterr().err
    assert main([*create, "endless", "--expires", "never"]) == 0
    assert "endless expires never" in capsys.readouterr().err
    ci, endless = read(path).keys
    assert endless.expires_at is None
    assert ci.expires_at is not None
    assert timedelta(days=364) < ci.expires_at - datetime.now(UTC) < timedelta(days=366)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("90d", NOW + timedelta(days=90)),
        ("12h", NOW + timedelta(hours=12)),
        ("30m", NOW + timedelta(minutes=30)),
        ("2027-01-31", datetime(2027, 2, 1, tzinfo=UTC)),
        ("2026-11-29", datetime(2026, 11, 30, tzinfo=UTC)),
        ("never", None),
    ],
)
def test_expiry_accepts_duration_date_or_never(text: str, end: datetime | None) -> None:
    assert parse_expiry(text, NOW) == end


@pytest.mark.parametrize("text", ["", "90", "-1d", "1y", "31.1.2027", "2026-11-28", "99999999d", "99999d99999d"])
def test_invalid_expiry_is_rejected_with_accepted_forms(text: str) -> None:
    with pytest.raises(ValueError, match="never"):
        parse_expiry(text, NOW)


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=12, hours=3), "in 12 days"),
        (timedelta(days=1), "in 1 day"),
        (timedelta(hours=5), "in 5 hours"),
        (timedelta(minutes=3), "in 3 minutes"),
        (timedelta(seconds=3), "in less than a minute"),
        (timedelta(), "expired"),
        (timedelta(days=-3), "expired"),
    ],
)
def test_remaining_lifetime_of_key_is_readable(left: timedelta, words: str) -> None:
    assert describe_expiry(NOW + left, NOW) == words
