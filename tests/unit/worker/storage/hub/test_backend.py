"""What the hub's backend reads of a pod's environment, and when."""

from pathlib import Path

import pytest

from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.backend import HubBackend, HubSettings
from augmentation_worker.storage.port import NO_CONVENTIONS, StorageContext
from augmentation_worker.storage.registry import JobStorage
from tests.unit.worker.storage.hub.test_token import JOB


def backend(token: Path) -> HubBackend:
    environment = {"HF_ENDPOINT": "http://hub.example/", "AUGMENTATION_HUB_TOKEN_FILE": str(token)}
    return HubBackend(StorageContext(JOB, environment, token.parent, NO_CONVENTIONS, lambda attempt, problem: None))


def test_a_missing_token_file_is_no_token(tmp_path: Path) -> None:
    access = backend(tmp_path / "token").client.access
    assert (access.endpoint, access.authenticated) == ("http://hub.example", False)


def test_the_token_is_read_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_nMfXhVqyLrbTdKcSwPzJgE\n")
    client = backend(tmp_path / "token").client
    assert client.access.authenticated
    assert "hf_nMfXhVqyLrbTdKcSwPzJgE" not in f"{client!r} {client.access!r}"
    assert secrecy.holds_secret(b"hf_nMfXhVqyLrbTdKcSwPzJgE")


def test_a_backend_that_is_not_used_reads_nothing(tmp_path: Path) -> None:
    unused = backend(tmp_path)  # a folder cannot be read as a token
    assert unused.has_source()
    assert unused.has_output()


def test_a_job_on_a_hub_reads_the_token_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_eRvBnQxYcLmZkTdHsWpUaJoF")
    environment = {"AUGMENTATION_HUB_TOKEN_FILE": str(tmp_path / "token")}
    JobStorage(StorageContext(JOB, environment, tmp_path, NO_CONVENTIONS, lambda attempt, problem: None))
    assert secrecy.holds_secret(b"hf_eRvBnQxYcLmZkTdHsWpUaJoF")


def test_an_unusable_variable_is_named() -> None:
    with pytest.raises(WorkerFailure, match="AUGMENTATION_HUB_PATIENCE_SECONDS='soon' cannot be used"):
        HubSettings.from_environment({"AUGMENTATION_HUB_PATIENCE_SECONDS": "soon"})
