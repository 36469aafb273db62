import errno
from pathlib import Path

import httpx2
import pytest
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from augmentation_api import FailureReason
from augmentation_api.worker_contract import TerminationMessage
from augmentation_worker.__main__ import main
from augmentation_worker.cluster.connection import ApiServerUnavailable, retry_until_available
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.settings import Settings
from augmentation_worker.storage.hub.errors import HubAccess, Side, explained
from augmentation_worker.storage.hub.retry_budget import HubUnreachable, RetryBudget, RetryingTransport

WITH_TOKEN = HubAccess("https://hub.example", authenticated=True, secret="hub-token/token")
ANONYMOUS = HubAccess("https://hub.example", authenticated=False, secret="hub-token/token")


def answer(status: int, kind: type[HfHubHTTPError] = HfHubHTTPError) -> HfHubHTTPError:
    request = httpx2.Request("GET", "https://hub.example/api/datasets/lab/pusht")
    return kind("said no", response=httpx2.Response(status, request=request))


def failure_of(error: Exception, access: HubAccess = WITH_TOKEN, side: Side = "source") -> WorkerFailure:
    with pytest.raises(WorkerFailure) as caught, explained(access, side, "lab/pusht"):
        raise error
    return caught.value


def test_a_dataset_that_is_not_found_names_the_hub_the_caller_and_the_fix() -> None:
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
def test_statuses_become_reasons(status: int, side: Side, reason: FailureReason) -> None:
    assert failure_of(answer(status), side=side).reason is reason


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), HubUnreachable("GET failed; tried 7 times")])
def test_a_hub_that_is_away_may_come_back(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.reason is FailureReason.HUB_UNAVAILABLE
    assert not failure.reason.is_permanent


def test_a_full_disk_is_told_as_such() -> None:
    assert failure_of(OSError(errno.ENOSPC, "No space left")).reason is FailureReason.STORAGE_EXHAUSTED


def test_other_errors_are_left_alone() -> None:
    with pytest.raises(PermissionError), explained(WITH_TOKEN, "source", "lab/pusht"):
        raise PermissionError("no")


class Script(httpx2.BaseTransport):
    """Answers with these statuses, one after the other; 0 is a broken connection."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        status = self.statuses.pop(0)
        if status == 0:
            raise httpx2.ConnectError("refused", request=request)
        return httpx2.Response(status, headers={"Retry-After": "0"})


def test_a_request_is_sent_again_and_every_retry_is_told() -> None:
    told: list[tuple[int, str]] = []
    transport = RetryingTransport(
        Script(503, 429, 200), RetryBudget(5, lambda number, problem: told.append((number, problem)))
    )
    with httpx2.Client(transport=transport) as client:
        assert client.get("https://hub.example/api?signature=secret").status_code == 200
    assert [number for number, _ in told] == [1, 2]
    assert "503" in told[0][1]
    assert "secret" not in told[0][1]


def test_requests_are_not_retried_when_the_budget_is_spent() -> None:
    transport = RetryingTransport(Script(0, 0, 0, 0), RetryBudget(0.6, lambda number, problem: None))
    with (
        httpx2.Client(transport=transport) as client,
        pytest.raises(HubUnreachable, match="cannot be connected to; tried 2 times"),
    ):
        client.get("https://hub.example/api")


def test_a_refusal_is_not_retried() -> None:
    with httpx2.Client(
        transport=RetryingTransport(Script(404), RetryBudget(5, lambda number, problem: None))
    ) as client:
        assert client.get("https://hub.example/api").status_code == 404


def test_a_body_that_streams_from_a_file_is_left_to_the_client_to_send_again(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"x" * 10)
    told: list[int] = []
    transport = RetryingTransport(Script(503), RetryBudget(5, lambda number, problem: told.append(number)))
    with httpx2.Client(transport=transport) as client, (tmp_path / "blob").open("rb") as blob:
        assert client.put("https://hub.example/blob", content=blob).status_code == 503
    assert told == [1]


def test_requests_to_the_api_server_are_retried_until_it_answers() -> None:
    answers = iter([ApiServerUnavailable("away"), "there"])

    def request() -> str:
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return found

    assert retry_until_available(request, sleep=lambda seconds: None) == "there"

    def away() -> str:
        raise ApiServerUnavailable("away")

    with pytest.raises(WorkerFailure) as caught:
        retry_until_available(away, seconds=0)
    assert caught.value.reason is FailureReason.KUBERNETES_UNAVAILABLE


def test_settings_are_read_from_the_environment() -> None:
    environment = {
        "AUGMENTATION_JOB_NAMESPACE": "lab",
        "AUGMENTATION_JOB_NAME": "demo",
        "AUGMENTATION_JOB_UID": "some-uid",
        "AUGMENTATION_SHARD_COUNT": "4",
        "JOB_COMPLETION_INDEX": "3",
    }
    settings = Settings.from_environment(environment)
    assert (settings.shard_count, settings.shard_index, settings.max_frames) == (4, 3, None)


def test_an_unusable_variable_fails_the_pod_by_its_name() -> None:
    with pytest.raises(WorkerFailure, match="AUGMENTATION_DEVICE='gpu' cannot be used: give 'auto', 'cpu' or 'cuda'"):
        Settings.from_environment({"AUGMENTATION_DEVICE": "gpu"})


def test_a_pod_that_fails_leaves_its_reason_and_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUGMENTATION_TERMINATION_MESSAGE_PATH", str(tmp_path / "words"))
    monkeypatch.delenv("AUGMENTATION_JOB_NAME", raising=False)
    monkeypatch.setenv("AUGMENTATION_JOB_NAMESPACE", "lab")
    assert main(["resolve"]) == FailureReason.INTERNAL_ERROR.exit_code
    words = TerminationMessage.model_validate_json((tmp_path / "words").read_text())
    assert words.reason is FailureReason.INTERNAL_ERROR
    assert "AUGMENTATION_JOB_NAME" in words.message
