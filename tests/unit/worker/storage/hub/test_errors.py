"""The hub's errors as reasons of a job's failure."""

import errno

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from augmentation_api import FailureReason
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.errors import HubAccess, Side, explained
from augmentation_worker.storage.hub.retry_budget import HubUnreachable, HubUntrusted

WITH_TOKEN = HubAccess("https://hub.example", authenticated=True, secret="hub-token/token")
ANONYMOUS = HubAccess("https://hub.example", authenticated=False, secret="hub-token/token")


def answer(status: int, kind: type[HfHubHTTPError] = HfHubHTTPError) -> HfHubHTTPError:
    request = httpx2.Request("GET", "https://hub.example/api/datasets/lab/pusht")
    return kind("said no", response=httpx2.Response(status, request=request))


def failure_of(error: Exception, access: HubAccess = WITH_TOKEN, side: Side = "source") -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught, explained(access, side, "lab/pusht"):
        raise error
    return caught.value


def test_missing_dataset_is_reported_with_the_hub_the_caller_and_the_fix() -> None:
    failure = failure_of(answer(404, RepositoryNotFoundError), ANONYMOUS)
    assert failure.reason is FailureReason.SOURCE_NOT_FOUND
    for words in ("lab/pusht", "https://hub.example", "without a token", "hub-token/token", "credentialsSecretRef"):
        assert words in failure.message


@pytest.mark.parametrize(
    ("status", "side", "reason"),
    [
        (401, "source", FailureReason.CREDENTIALS_INVALID),
        (403, "source", FailureReason.SOURCE_ACCESS_DENIED),
        (403, "output", FailureReason.OUTPUT_ACCESS_DENIED),
        (429, "source", FailureReason.HUB_UNAVAILABLE),
        (503, "output", FailureReason.HUB_UNAVAILABLE),
        (418, "source", FailureReason.INTERNAL_ERROR),
    ],
)
def test_each_status_has_its_reason(status: int, side: Side, reason: FailureReason) -> None:
    assert failure_of(answer(status), side=side).reason is reason


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), HubUnreachable("GET failed; tried 7 times")])
def test_an_unavailable_hub_is_a_transient_failure(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.reason is FailureReason.HUB_UNAVAILABLE
    assert not failure.reason.is_permanent


def test_refusal_names_method_and_path_but_no_query() -> None:
    request = httpx2.Request("POST", "https://hub.example/api/repos/create?signature=secret")
    failure = failure_of(HfHubHTTPError("said no", response=httpx2.Response(418, request=request)))
    assert "refused POST /api/repos/create with status 418" in failure.message
    assert "secret" not in failure.message


def test_untrusted_certificate_is_final_and_names_the_field() -> None:
    failure = failure_of(HubUntrusted("self-signed certificate in certificate chain"))
    assert failure.reason.is_permanent
    assert "set caBundle of the AugmentationClass" in failure.message


def test_a_full_disk_is_no_failure_of_the_hub() -> None:
    assert failure_of(OSError(errno.ENOSPC, "No space left")).reason is FailureReason.STORAGE_EXHAUSTED


def test_other_errors_pass_unchanged() -> None:
    with pytest.raises(PermissionError), explained(WITH_TOKEN, "source", "lab/pusht"):
        raise PermissionError("no")
