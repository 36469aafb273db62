"""API keys in a Secret, and its changes."""

import base64
import json
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from augmentation_gateway.credentials.keys_file import KeysFile
from augmentation_gateway.credentials.keys_secret import KeysSecret
from augmentation_gateway.gateway import Gateway
from augmentation_kube import KubeApi
from tests.unit.gateway.conftest import PATH
from tests.unit.gateway.test_keys import entry


def secret(*entries: dict[str, object], version: int = 1, **data: str) -> dict[str, Any]:
    encoded = base64.b64encode(json.dumps({"keys": entries}).encode()).decode()
    return {"metadata": {"resourceVersion": str(version)}, "data": {"keys.json": encoded} | data}


def event(kind: str, raw: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": raw}


def listed(*secrets: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"resourceVersion": "1"}, "items": list(secrets)}


@pytest.fixture
def keys() -> KeysSecret:
    """With the key "one"."""
    keys = KeysSecret(cast(KubeApi, None), "system", "keys")
    keys.replace(listed(secret(entry("ci", "one"))))
    return keys


def test_missing_secret_means_no_keys() -> None:
    keys = KeysSecret(cast(KubeApi, None), "system", "keys")
    assert not keys.synced
    keys.replace(listed())
    assert keys.synced
    assert len(keys.ring) == 0


def test_changed_secret_takes_effect_at_once(keys: KeysSecret) -> None:
    assert keys.ring.find(b"one")
    assert keys.apply(event("MODIFIED", secret(entry("ci", "two"), version=7))) == 7
    assert keys.ring.find(b"one") is None
    assert keys.ring.find(b"two")


@pytest.mark.parametrize("how", ["deleted", "gone from the list", "without keys.json", "without data"])
def test_deleted_keys_are_revoked(keys: KeysSecret, how: str) -> None:
    match how:
        case "deleted":
            keys.apply(event("DELETED", secret(entry("ci", "one"), version=7)))
        case "gone from the list":
            keys.replace(listed())
        case "without keys.json":
            keys.apply(event("MODIFIED", {"metadata": {"resourceVersion": "7"}, "data": {"other": "e30="}}))
        case _:
            keys.apply(event("MODIFIED", {"metadata": {"resourceVersion": "7"}}))
    assert len(keys.ring) == 0
    assert not keys.broken


@pytest.mark.parametrize("broken", ["", "e30", "eyJrZXlzIjogWzFdfQ==", "{}"])
def test_invalid_secret_leaves_previous_keys_in_force_and_quotes_nothing(
    keys: KeysSecret, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    keys.apply(event("MODIFIED", secret(version=7, **{"keys.json": broken})))
    assert keys.ring.find(b"one")
    assert keys.broken
    (record,) = (record for record in caplog.records if record.levelname == "ERROR")
    assert record.__dict__["fields"]["keys_in_force"] == 1
    keys.apply(event("MODIFIED", secret(entry("ci", "two"), version=8)))
    assert not keys.broken


def test_bookmark_changes_nothing(keys: KeysSecret) -> None:
    assert keys.apply(event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})) == 9
    assert keys.ring.find(b"one")


async def test_key_is_not_rejected_before_keys_are_loaded(
    gateway: Gateway, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    unread = KeysFile(tmp_path / "unread.json")
    object.__setattr__(gateway, "keys", unread)
    assert (await http.get(PATH)).status_code == 503
    assert (await http.get("/readyz")).status_code == 503
    unread.refresh()
    assert (await http.get(PATH)).status_code == 401
