"""API keys: look-up by digest, reload of the file, expiry, and redaction in logs."""

import asyncio
import json
import logging
import math
import os
import shutil
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from augmentation_gateway.credentials.keys import KeyRing, digest_of, new_secret
from augmentation_gateway.credentials.keys_file import KeysFile, KeysFileError, read
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.limits.open_requests import KeyEnded
from augmentation_gateway.observability.logs import RequestFormatter
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


def test_key_has_searchable_prefix_and_256_random_bits() -> None:
    secret = new_secret()
    assert secret.startswith("aug_")
    assert len(secret) == 4 + 43
    assert secret != new_secret()


def test_key_is_found_only_by_its_secret(tmp_path: Path) -> None:
    secret = new_secret()
    write(tmp_path / "keys.json", entry("ci", secret), entry("other", new_secret()))
    ring = KeyRing(read(tmp_path / "keys.json").keys)
    key = ring.find(secret.encode())
    assert key is not None
    assert key.id == "ci"
    for wrong in (b"", b"aug_", secret[:-1].encode(), f"{secret} ".encode(), digest_of(secret).encode(), b"\xff\xfe"):
        assert ring.find(wrong) is None


def test_key_with_projects_is_limited_to_them(tmp_path: Path) -> None:
    write(tmp_path / "keys.json", entry("ci", "a", projects=[PROJECT_ID]), entry("all", "b"))
    some, every = read(tmp_path / "keys.json").keys
    assert some.may_use_project(UUID(PROJECT_ID))
    assert not some.may_use_project(UUID(OTHER_PROJECT))
    assert not some.may_use_project(None)
    assert every.may_use_project(UUID(OTHER_PROJECT))
    assert every.may_use_project(None)


def test_changed_file_is_reloaded(tmp_path: Path) -> None:
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
def test_invalid_file_leaves_previous_keys_in_force_and_is_logged_once(
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


def test_deleted_secret_revokes_all_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    mount(tmp_path, "1", entry("ci", "one"))
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    key = keys.ring.find(b"one")
    assert key is not None
    mount(tmp_path, "2")
    keys.refresh()
    keys.refresh()
    assert len(keys.ring) == 0
    assert not keys.ring.holds(key)
    assert not keys.broken
    assert len([record for record in caplog.records if "no API keys" in record.getMessage()]) == 1
    mount(tmp_path, "3", entry("ci", "one"))
    keys.refresh()
    assert keys.ring.find(b"one")


def test_secret_updated_by_kubelet_is_never_treated_as_deleted(tmp_path: Path) -> None:
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


def test_file_missing_in_one_check_is_not_treated_as_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_missing_file_means_no_keys(tmp_path: Path) -> None:
    keys = KeysFile(tmp_path / "keys.json")
    keys.refresh()
    assert len(keys.ring) == 0
    write(tmp_path / "keys.json", entry("ci", "one"))
    keys.refresh()
    assert keys.ring.find(b"one")


def test_key_in_log_line_is_redacted() -> None:
    secret = new_secret()
    record = logging.LogRecord("gateway", logging.INFO, "", 0, "asked for %s", (secret,), None)
    record.fields = {"path": f"/v1/augmentation/{secret}"}
    line = RequestFormatter().format(record)
    assert secret not in line
    assert json.loads(line)["path"] == "/v1/augmentation/***"


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def test_expired_key_is_not_in_force(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    soon = in_seconds(3600)
    write(
        path, entry("old", "one", expires_at=in_seconds(-1)), entry("soon", "two", expires_at=soon), entry("x", "three")
    )
    keys = KeysFile(path)
    keys.refresh()
    ring = keys.ring
    old, next_one, endless = (ring.find(secret) for secret in (b"one", b"two", b"three"))
    assert old and next_one and endless
    assert [ring.holds(key) for key in (old, next_one, endless)] == [False, True, True]
    assert ring.in_force == 2
    assert ring.next_expiry == datetime.fromisoformat(soon).timestamp()
    assert KeyRing([endless]).next_expiry == math.inf


@pytest.mark.parametrize("when", ["2027-01-31T00:00:00", "soon", ""])
def test_invalid_expiry_invalidates_file(tmp_path: Path, when: str) -> None:
    write(tmp_path / "keys.json", entry("ci", "one", expires_at=when))
    with pytest.raises(KeysFileError, match=r"keys\.0\.expires_at"):
        read(tmp_path / "keys.json")


async def test_expired_key_is_401_with_reason(http: httpx.AsyncClient, gateway: Gateway, tmp_path: Path) -> None:
    path = tmp_path / "expiring.json"
    end = datetime.now(UTC) + timedelta(hours=1)
    write(path, entry("ci", "one", expires_at=end.isoformat()))
    keys = KeysFile(path)
    keys.refresh()
    object.__setattr__(gateway, "keys", keys)
    info = await http.get("/v1/key", headers={"x-api-key": "one"})
    assert info.status_code == 200
    assert datetime.fromisoformat(info.json()["expires_at"]) == end
    passed = end - timedelta(hours=2)
    write(path, entry("ci", "one", expires_at=passed.isoformat()))
    keys.refresh()
    answer = await http.get("/v1/key", headers={"x-api-key": "one"})
    assert answer.status_code == 401
    assert "'ci' expired at" in answer.json()["detail"]


async def test_expired_key_ends_its_streams(gateway: Gateway) -> None:
    key = gateway.keys.ring.find(b"full")
    assert key is not None
    gateway.keys.ring = KeyRing([key.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(seconds=1)})])
    expiring = gateway.keys.ring.find(b"full")
    assert expiring is not None
    with pytest.raises(KeyEnded):
        async with gateway.open_requests.track(expiring):
            gateway.open_requests.end_revoked(gateway.holds)
            await asyncio.sleep(1.1)
            gateway.open_requests.end_revoked(gateway.holds)
            await asyncio.sleep(5)
