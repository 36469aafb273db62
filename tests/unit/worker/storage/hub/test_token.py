"""Which Secrets are sent to a hub, and what is said of the others."""

from pathlib import Path

import pytest

from augmentation_api import AugmentationJob, AugmentationJobSpec, FailureReason
from augmentation_api.resource import ObjectMeta
from augmentation_api.spec import HubSource, Source
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from augmentation_worker.storage.hub.token import MOST_CHARACTERS, read_token
from augmentation_worker.storage.port import NO_CONVENTIONS, StorageContext
from augmentation_worker.storage.registry import JobStorage

REFUSED = {
    "a key in PEM": b"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----\n",
    "a key file in JSON": b'{"type": "service_account", "private_key": "MIIEvQIBADANBgkqhkiG9w0B"}',
    "two lines": b"hf_first\r\nhf_second",
    "a tab": b"hf_first\thf_second",
    "not ASCII": "hf_prüfung-äöü".encode(),
    "not text": bytes(range(256)),
    "a null byte": b"hf_first\0hf_second",
    "too long": b"x" * (MOST_CHARACTERS + 1),
    "a megabyte": b"x" * (1 << 20),
}


JOB = AugmentationJob(
    metadata=ObjectMeta(name="demo", namespace="lab", uid="some-uid"),
    spec=AugmentationJobSpec(source=Source(hub=HubSource(repo_id="lab/sample"))),
)


def context(token: Path, **folders: str) -> StorageContext:
    environment = {
        "AUGMENTATION_HUB_TOKEN_FILE": str(token),
        "AUGMENTATION_CREDENTIALS_SECRET": "tls-of-the-shop/tls.key",
        **folders,
    }
    return StorageContext(JOB, environment, token.parent, NO_CONVENTIONS, lambda attempt, problem: None)


@pytest.mark.parametrize("kind", REFUSED)
def test_secret_that_is_no_token_is_refused_and_not_quoted(kind: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(REFUSED[kind])
    with pytest.raises(WorkerFailure) as caught:
        JobStorage(context(tmp_path / "token")).find_source()
    assert caught.value.reason is FailureReason.CREDENTIALS_INVALID
    for words in ("the key tls.key of the Secret tls-of-the-shop", "spec.credentialsSecretRef"):
        assert words in caught.value.message
    content = REFUSED[kind]
    for at in range(len(content) - 7):
        assert content[at : at + 8].decode(errors="replace") not in caught.value.message
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize(
    "content", [b"hf_abcdefgh", b" hf_abcdefgh\n", b"hf_abcdefgh\r\n", b"!#$%&'()*+,-./:;<=>?@[]^_`{|}~\\\""]
)
def test_whitespace_around_a_token_is_dropped(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content)
    assert read_token(tmp_path / "token", "hub-token/token") == content.strip().decode()


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailure, match="the key token of the Secret hub-token cannot be read"):
        read_token(tmp_path, "hub-token/token")


def test_a_job_that_has_nothing_on_a_hub_does_not_touch_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(REFUSED["a key in PEM"])
    folders = {"AUGMENTATION_SOURCE_FOLDER": str(tmp_path), "AUGMENTATION_OUTPUT_FOLDER": str(tmp_path / "result")}
    storage = JobStorage(context(tmp_path / "token", **folders))
    assert storage.new_output(storage.find_source()).name == str(tmp_path / "result")


def test_client_refuses_a_string_that_is_no_token() -> None:
    with pytest.raises(WorkerFailure) as caught:
        HubClient("http://127.0.0.1:9", "two\nlines", "hub-token/token", 1, lambda number, problem: None)
    assert caught.value.reason is FailureReason.CREDENTIALS_INVALID
