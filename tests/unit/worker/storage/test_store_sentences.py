"""The message of an answer of a store: what to correct, where it was named, and never a stack trace."""

from typing import Any

import pytest
from obstore.exceptions import GenericError

from augmentation_api import FailureReason
from augmentation_api.worker_contract import StoreAccess
from augmentation_worker.__main__ import _exit_code_of
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.object_store.connection import connect
from augmentation_worker.storage.object_store.errors import Side, failure_of

URL = "http://store.example"
OF_A_JOB = StoreAccess(kind="s3", bucket="robots", path="a", endpoint=URL, identity="secret", secret="key")
OF_A_COMMAND = OF_A_JOB.model_copy(update={"identity": "workload", "secret": None, "named_by": "command"})
REGION = "the region &#34;a&#34; is wrong; expecting &#34;b&#34;"


def answer(status: int, code: str, sentence: str = "no") -> GenericError:
    body = f"<Error><Code>{code}</Code><Message>{sentence}</Message></Error>"
    return GenericError(f"Error performing GET {URL}: Server returned non-2xx status code: {status} : {body}")


@pytest.mark.parametrize(
    ("access", "side", "error", "reason", "parts"),
    [
        (
            OF_A_JOB,
            "source",
            answer(400, "AuthorizationHeaderMalformed", REGION),
            "SourceNotFound",
            'is "b"; spec.source.s3.region',
        ),
        (
            OF_A_COMMAND,
            "output",
            answer(301, "PermanentRedirect"),
            "OutputAccessDenied",
            "http://store.example; $AWS_REGION",
        ),
        (
            OF_A_JOB,
            "output",
            answer(404, "NoSuchKey"),
            "OutputAccessDenied",
            "spec.output.s3.endpoint; spec.output.s3.bucket",
        ),
        (
            OF_A_COMMAND,
            "source",
            answer(400, "BadRequest"),
            "SourceNotFound",
            "$AWS_ENDPOINT_URL_S3; without the bucket; --source",
        ),
        (
            OF_A_COMMAND,
            "source",
            answer(404, "NoSuchBucket"),
            "SourceNotFound",
            "http://store.example; correct --source",
        ),
        (
            OF_A_COMMAND,
            "source",
            answer(404, "XAdminUserNotFound"),
            "CredentialsInvalid",
            "the environment (AWS_ACCESS_KEY_ID",
        ),
        (
            OF_A_JOB,
            "source",
            answer(403, "InvalidAccessKeyId"),
            "CredentialsInvalid",
            "spec.source.s3.credentialsSecretRef",
        ),
        (
            OF_A_COMMAND,
            "output",
            answer(403, "AccessDenied"),
            "OutputAccessDenied",
            "the environment (AWS_ACCESS_KEY_ID",
        ),
    ],
)
def test_sentence_names_the_value_and_what_to_correct(
    access: StoreAccess, side: Side, error: GenericError, reason: str, parts: str
) -> None:
    failure = failure_of(error, access, side, "the list of its files")
    assert failure.reason == reason
    for part in parts.replace('is "b"', 'expecting "b"').split("; "):
        assert part in failure.message
    assert "&#" not in failure.message
    assert ("spec." in failure.message) == (access is OF_A_JOB)


@pytest.mark.parametrize(
    ("environment", "reason", "sentence"),
    [
        ({}, FailureReason.CREDENTIALS_INVALID, r"set \$AWS_ACCESS_KEY_ID and \$AWS_SECRET_ACCESS_KEY"),
        (
            {"AWS_ACCESS_KEY_ID": "k\n"},
            FailureReason.CREDENTIALS_INVALID,
            r"\$AWS_ACCESS_KEY_ID.*has spaces, line breaks",
        ),
        ({"AWS_ACCESS_KEY_ID": "k"}, FailureReason.CREDENTIALS_INVALID, "in the environment"),
    ],
)
def test_credentials_of_a_shell_are_looked_at_before_they_are_sent(
    environment: dict[str, str], reason: FailureReason, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)  # obstore reads some by itself
    with pytest.raises(WorkerFailure, match=sentence) as caught:
        connect(OF_A_COMMAND, environment)
    assert caught.value.reason is reason
    assert "spec." not in caught.value.message


def test_endpoint_of_a_variable_in_a_pod_is_looked_at_too() -> None:
    access: Any = OF_A_JOB.model_copy(update={"endpoint": None})
    with pytest.raises(WorkerFailure, match=r"\$AWS_ENDPOINT_URL \('store:9000'\)") as caught:
        connect(access, {"AWS_ENDPOINT_URL": "store:9000"})
    assert caught.value.reason is FailureReason.SPEC_UNSUPPORTED


def test_panic_of_a_library_is_a_failure_with_a_reason() -> None:
    def panic() -> None:
        raise type("PanicException", (BaseException,), {})("called `Result::unwrap()` on an `Err` value")

    failures: list[WorkerFailure] = []
    assert _exit_code_of(panic, failures.append) == FailureReason.INTERNAL_ERROR.exit_code
    assert "called `Result::unwrap()`" in failures[0].message
