"""API keys: recognised by digest, read again when the file changes, made by the command line, never logged."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from pathlib import Path
from uuid import UUID

import pytest

from augmentation_gateway.__main__ import main
from augmentation_gateway.keys import KeyRing, digest_of, new_secret
from augmentation_gateway.keys_file import KeysFile, read
from augmentation_gateway.structured_logs import JsonFormatter
from tests.unit.gateway.job_objects import PROJECT_ID

OTHER_PROJECT = "11111111-2222-4333-8444-555555555555"


def entry(name: str, secret: str, **fields: object) -> dict[str, object]:
    return {
        "id": name,
        "sha256": digest_of(secret),
        "principal": {"type": "user", "id": "ada"},
        "organisation": "lab",
        "namespace": "robots",
        "projects": ["*"],
        "rights": ["read", "write"],
        **fields,
    }


def write(path: Path, *entries: dict[str, object]) -> None:
    path.write_text(json.dumps({"keys": entries}))


def test_a_key_is_256_random_bits_under_a_prefix_one_can_search_for() -> None:
    secret = new_secret()
    assert secret.startswith("aug_")
    assert len(secret) == 4 + 43
    assert secret != new_secret()


def test_a_key_is_found_by_what_was_presented_and_by_nothing_else(tmp_path: Path) -> None:
    secret = new_secret()
    write(tmp_path / "keys.json", entry("ci", secret), entry("other", new_secret()))
    ring = KeyRing(read(tmp_path / "keys.json").keys)
    found = ring.find(secret.encode())
    assert found is not None
    assert found.id == "ci"
    for wrong in (b"", b"aug_", secret[:-1].encode(), f"{secret} ".encode(), digest_of(secret).encode(), b"\xff\xfe"):
        assert ring.find(wrong) is None


def test_a_key_of_named_projects_may_use_those_and_jobs_of_none_are_not_its_own(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", entry("ci", "a", projects=[PROJECT_ID]), entry("all", "b"))
    some, every = read(tmp_path / "keys.json").keys
    assert some.may_use_project(UUID(PROJECT_ID))
    assert not some.may_use_project(UUID(OTHER_PROJECT))
    assert not some.may_use_project(None)
    assert every.may_use_project(UUID(OTHER_PROJECT))
    assert every.may_use_project(None)


def test_the_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    write(path, entry("old", "one"))
    keys = KeysFile(path)
    keys.refresh()
    assert keys.ring.find(b"one")
    write(tmp_path / "next.json", entry("new", "two"))
    (tmp_path / "next.json").replace(path)
    keys.refresh()
    assert keys.ring.find(b"one") is None
    assert keys.ring.find(b"two")


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "{",
        "[]",
        '{"keys": [{"id": "x"}]}',
        json.dumps({"keys": [entry("same", "a"), entry("same", "b")]}),
        json.dumps({"keys": [entry("x", "a", rights=["admin"])]}),
        json.dumps({"keys": [entry("x", "a", projects=["mine"])]}),
        json.dumps({"keys": [entry("x", "a", typo=1)]}),
    ],
)
def test_a_broken_file_leaves_the_old_keys_in_force_and_is_logged_once(
    tmp_path: Path, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    write(path, entry("ci", "one"))
    keys = KeysFile(path)
    keys.refresh()
    path.write_text(broken)
    keys.refresh()
    keys.refresh()
    assert keys.ring.find(b"one")
    assert keys.broken
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    write(path, entry("ci", "two"))
    keys.refresh()
    assert keys.ring.find(b"two")
    assert not keys.broken


def mount(folder: Path, version: str, *entries: dict[str, object]) -> None:
    """A Secret in a pod, as a kubelet's atomic writer leaves it: keys.json -> ..data/keys.json, ..data -> ..VERSION."""
    (folder / f"..{version}").mkdir()
    if entries:
        write(folder / f"..{version}" / "keys.json", *entries)
        if not (folder / "keys.json").is_symlink():
            (folder / "keys.json").symlink_to("..data/keys.json")
    old = (folder / "..data").readlink() if (folder / "..data").is_symlink() else None
    (folder / "..data_tmp").symlink_to(f"..{version}")
    (folder / "..data_tmp").replace(folder / "..data")
    if not entries:
        (folder / "keys.json").unlink()
    if old is not None:
        shutil.rmtree(folder / old)


def test_a_deleted_secret_means_no_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mount(tmp_path, "1", entry("ci", "one"))
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    held = keys.ring.find(b"one")
    assert held is not None
    mount(tmp_path, "2")
    keys.refresh()
    keys.refresh()
    assert len(keys.ring) == 0
    assert not keys.ring.holds(held)
    assert not keys.broken
    assert len([record for record in caplog.records if "no API keys" in record.getMessage()]) == 1
    mount(tmp_path, "3", entry("ci", "one"))
    keys.refresh()
    assert keys.ring.find(b"one")


def test_a_secret_that_a_kubelet_swaps_is_never_taken_for_a_deleted_one(tmp_path: Path) -> None:
    mount(tmp_path, "0", entry("ci", "one"))
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    done = threading.Event()

    def swap() -> None:
        for number in range(1, 200):
            mount(tmp_path, str(number), entry("ci", "one"))
        done.set()

    swapping = threading.Thread(target=swap)
    swapping.start()
    while not done.is_set():
        keys.refresh()
        assert keys.ring.find(b"one")
    swapping.join()


def test_a_file_that_is_missing_for_one_look_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "keys.json", entry("ci", "one"))
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    stat, looks = Path.stat, iter([FileNotFoundError()])

    def missing_once(path: Path, **options: bool) -> os.stat_result:
        if (error := next(looks, None)) is not None:
            raise error
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", missing_once)
    keys.refresh()
    assert keys.ring.find(b"one")


def test_a_file_that_is_not_there_yet_means_no_keys(tmp_path: Path) -> None:
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    assert len(keys.ring) == 0
    write(tmp_path / "keys.json", entry("ci", "one"))
    keys.refresh()
    assert keys.ring.find(b"one")


def test_keys_create_prints_the_key_once_and_keeps_only_its_digest(
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


def test_keys_create_without_a_file_prints_the_entry_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
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
    ],
)
def test_keys_create_refuses_what_would_not_work_and_prints_no_key(
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


def test_keys_list_shows_what_each_may_and_nothing_secret(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    common = ["keys", "create", "--namespace", "robots", "--file", str(path)]
    assert main([*common, "--id", "ci", "--rights", "read", "--requests-per-second", "5"]) == 0
    assert main([*common, "--id", "admin", "--organisation", "lab"]) == 0
    secrets = capsys.readouterr().out.split()
    assert main(["keys", "list", "--file", str(path)]) == 0
    table = capsys.readouterr().out
    header, ci, admin = (line.split() for line in table.splitlines())
    assert header[0] == "ID"
    assert ci == ["ci", "robots", "*", "read", "service:ci", "5/s"]
    assert admin == ["admin", "robots", "*", "read,write", "service:admin", "lab"]
    assert main(["keys", "list", "--file", str(path), "-o", "json"]) == 0
    shown = capsys.readouterr().out
    assert [key["id"] for key in json.loads(shown)["keys"]] == ["ci", "admin"]
    for text in (table, shown):
        assert not [secret for secret in secrets if secret in text or digest_of(secret) in text]


def test_keys_revoke_takes_one_key_out_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "keys.json"
    for name in ("ci", "admin"):
        assert main(["keys", "create", "--id", name, "--namespace", "robots", "--file", str(path)]) == 0
    ci, admin = capsys.readouterr().out.split()
    keys = KeysFile(path)
    keys.refresh()
    held = keys.ring.find(ci.encode())
    assert held is not None
    assert main(["keys", "revoke", "ci", "--file", str(path)]) == 0
    keys.refresh()
    assert keys.ring.find(ci.encode()) is None
    assert not keys.ring.holds(held)
    assert keys.ring.find(admin.encode()) is not None
    assert main(["keys", "revoke", "ci", "--file", str(path)]) == 2
    assert "has no key 'ci': it has admin" in capsys.readouterr().err


def test_a_key_that_got_into_a_log_line_is_blotted_out() -> None:
    secret = new_secret()
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "asked for %s", (secret,), None)
    record.fields = {"path": f"/v1/augmentation/{secret}"}
    line = JsonFormatter().format(record)
    assert secret not in line
    assert json.loads(line)["path"] == "/v1/augmentation/aug_[redacted]"
