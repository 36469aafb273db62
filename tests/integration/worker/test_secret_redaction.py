"""No 8 characters of a job's Secret appear in its status, its log or its termination message."""

import errno
import json
import logging
import os
import random
import shutil
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from augmentation_api import FailureReason
from augmentation_worker import __main__ as program
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure
from augmentation_worker.storage.hub.client import HubClient
from tests.integration.worker.conftest import FIXTURES, SAMPLE, WRITE, Hub
from tests.integration.worker.hostile_hub import FORMS, STATUSES, WAYS, HostileHub, answered, hostile_hub
from tests.integration.worker.jobs import UID, LocalRun, spec_of

ALPHANUMERIC = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PRINTABLE = "".join(chr(code) for code in range(0x21, 0x7F))


def lines_of(chance: random.Random, count: int, width: int, end: str) -> str:
    return "".join("".join(chance.choices(ALPHANUMERIC + "+/", k=width)) + end for _ in range(count))


def word(chance: random.Random, length: int, alphabet: str = ALPHANUMERIC) -> str:
    return "".join(chance.choices(alphabet, k=length))


TOKENS: dict[str, Callable[[random.Random], str]] = {
    "a hub's token": lambda chance: f"hf_{word(chance, 34)}",
    "of quotes and backslashes": lambda chance: word(chance, 40, PRINTABLE + "\"'\\%&<>" * 5),
    "the longest": lambda chance: word(chance, 512, PRINTABLE),
    "a short one": lambda chance: word(chance, 8),
    "like a Kubernetes identity": lambda chance: ".".join(word(chance, 60) for _ in range(3)),
}
"""Secrets that a hub may be asked with."""
OTHERS: dict[str, Callable[[random.Random], str]] = {
    "a key in PEM": lambda chance: (
        f"-----BEGIN PRIVATE KEY-----\n{lines_of(chance, 12, 64, chr(10))}-----END PRIVATE KEY-----\n"
    ),
    "with CRLF": lambda chance: lines_of(chance, 5, 30, "\r\n"),
    "a GCP key": lambda chance: json.dumps(
        {"type": "service_account", "private_key_id": word(chance, 40), "private_key": lines_of(chance, 9, 64, "\n")},
        indent=2,
    ),
    "a kubeconfig": lambda chance: (
        f"apiVersion: v1\nusers:\n- name: {word(chance, 12)}\n  user:\n    client-key-data: {word(chance, 90)}\n"
    ),
    "with tabs": lambda chance: f"{word(chance, 12)}\t{word(chance, 20)}",
    "of all alphabets": lambda chance: "".join(chr(chance.randrange(0x100, 0x2FFF)) for _ in range(60)),
    "too long": lambda chance: word(chance, 513, PRINTABLE),
    "much": lambda chance: lines_of(chance, 300, 64, "\n"),
}
"""Secrets that are no token."""


@dataclass(frozen=True)
class Traces:
    """Exit code of a pod and all its texts by place."""

    exit_code: int
    texts: dict[str, str]

    def assert_free_of(self, secret: str) -> None:
        whole = secret.encode()
        # The ends of base64 are omitted, as they mix the secret with adjacent text.
        encoded = [b64encode(whole[offset : offset + (len(whole) - offset) // 3 * 3]).decode() for offset in range(3)]
        hidden = {8: parts_of(secret, 8), 12: {part for form in encoded for part in parts_of(form, 12)}}
        for place, text in self.texts.items():
            for variant in (text, unquote(text), text.replace("\\n", "\n"), text.replace("\\\\", "\\")):
                leaks = [part for length, parts in hidden.items() for part in parts & parts_of(variant, length)]
                # Also in another case; 10 characters of it rarely appear by chance.
                leaks += parts_of(secret.lower(), 10) & parts_of(variant.lower(), 10)
                assert not leaks, f"{place}: {leaks[:3]} of {secret!r} in {text[:2000]}"


def parts_of(text: str, length: int) -> set[str]:
    return {text[at : at + length] for at in range(len(text) - length + 1)}


class Pod:
    """A run of the worker as in a pod, in this process or a separate one."""

    def __init__(self, folder: Path, endpoint: str, secret: str, hub: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        metadata = {"name": "demo", "namespace": "lab", "uid": UID}
        spec = spec_of(SAMPLE, episodes="2", copies=1) | {"output": {"hub": {"repoID": f"lab/{folder.name}"}}}
        (folder / "job.json").write_text(json.dumps({"metadata": metadata, "spec": spec}))
        (folder / "token").write_bytes(secret.encode())
        self.environment = {
            "AUGMENTATION_LOCAL_JOB": str(folder),
            "AUGMENTATION_JOB_NAMESPACE": "lab",
            "AUGMENTATION_JOB_NAME": "demo",
            "AUGMENTATION_JOB_UID": UID,
            "AUGMENTATION_SHARD_COUNT": "1",
            "JOB_COMPLETION_INDEX": "0",
            "AUGMENTATION_HUB_TOKEN_FILE": str(folder / "token"),
            "AUGMENTATION_CREDENTIALS_SECRET": "tls-of-the-shop/tls.key",
            "AUGMENTATION_HUB_PATIENCE_SECONDS": "0",
            "AUGMENTATION_SCRATCH": str(folder / "scratch"),
            "AUGMENTATION_TERMINATION_MESSAGE_PATH": str(folder / "termination-log"),
            "HF_ENDPOINT": endpoint,
        }

    def resolve(self) -> Traces:
        """Run resolve in a separate process."""
        done = subprocess.run(
            [sys.executable, "-m", "augmentation_worker", "resolve"],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        return self._traces(done.returncode, done.stdout + done.stderr)

    def run_here(self, phase: str, capture: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Traces:
        """Run a phase in this process."""
        secrecy.forget()
        handlers = list(logging.root.handlers)
        logging.root.handlers[:] = []  # those of pytest: the program adds its own
        capture.readouterr()
        try:
            with monkeypatch.context() as patch:
                for name, value in self.environment.items():
                    patch.setenv(name, value)
                exit_code = program.main([phase])
        finally:
            logging.root.handlers[:] = handlers
            secrecy.forget()
        printed = capture.readouterr()
        return self._traces(exit_code, printed.out + printed.err)

    def _traces(self, exit_code: int, output: str) -> Traces:
        status = {path.name: path.read_text() for path in (self.folder / "status").glob("*.json")}
        words = (self.folder / "termination-log").read_text() if exit_code else ""
        assert output
        return Traces(exit_code, {"log": output, "termination message": words, **status})


@pytest.fixture(scope="module")
def hostile() -> Iterator[HostileHub]:
    with hostile_hub() as served:
        yield served


@pytest.fixture
def pod(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], Traces]:
    """Run a pod against an endpoint with a Secret of this content."""

    def run(endpoint: str, secret: str) -> Traces:
        folder = tmp_path / f"job-{len(list(tmp_path.iterdir()))}"
        return Pod(folder, endpoint, secret).run_here("resolve", capfd, monkeypatch)

    return run


many = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@many
@given(
    kind=st.sampled_from(sorted(TOKENS)),
    way=st.sampled_from(sorted(WAYS)),
    status=st.sampled_from(STATUSES),
    form=st.sampled_from(sorted(FORMS)),
    chance=st.randoms(use_true_random=True),
)
def test_token_echoed_by_hub_is_redacted(
    pod: Callable[[str, str], Traces],
    hostile: HostileHub,
    kind: str,
    way: str,
    status: int,
    form: str,
    chance: random.Random,
) -> None:
    secret = TOKENS[kind](chance)
    hostile.answer, hostile.shown = WAYS[way](status, form), 0
    traces = pod(hostile.endpoint, secret)
    assert traces.exit_code and hostile.shown
    traces.assert_free_of(secret)


@settings(many, max_examples=40)
@given(kind=st.sampled_from(sorted(OTHERS)), chance=st.randoms(use_true_random=True))
@example(kind="a key in PEM", chance=random.Random(1))
def test_malformed_token_is_not_sent(
    pod: Callable[[str, str], Traces], hostile: HostileHub, kind: str, chance: random.Random
) -> None:
    secret = OTHERS[kind](chance)
    hostile.shown = 0
    traces = pod(hostile.endpoint, secret)
    assert traces.exit_code == FailureReason.CREDENTIALS_INVALID.exit_code
    assert "the key tls.key of the Secret tls-of-the-shop" in traces.texts["termination message"]
    assert not hostile.shown
    traces.assert_free_of(secret)


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "https://{}", "http://no-such-host.invalid", "http://[::1"])
def test_unreachable_hub_reveals_no_token(
    pod: Callable[[str, str], Traces], hostile: HostileHub, kind: str, endpoint: str
) -> None:
    secret = TOKENS[kind](random.Random(7))
    traces = pod(endpoint.format(hostile.endpoint.removeprefix("http://")), secret)
    assert traces.exit_code
    traces.assert_free_of(secret)


def _raised(secret: str) -> Exception:
    local = {"headers": secret}
    try:
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise ValueError(f"Illegal header value {secret.encode()!r}") from error
    except ValueError as error:
        return RuntimeError(repr(local)).with_traceback(error.__traceback__)


UNFORESEEN: dict[str, Callable[[str], Exception]] = {
    "in the text of a chain of errors": _raised,
    "in the repr of bytes": lambda secret: ValueError(f"Illegal header value b'Bearer {secret}'".encode()),
    "on a full disk": lambda secret: OSError(errno.ENOSPC, secret, secret),
    "in what is not there": lambda secret: FileNotFoundError(errno.ENOENT, "no such file", f"/tmp/{secret}"),
    "in what json could not read": lambda secret: json.JSONDecodeError(secret, secret, 0),
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("where", UNFORESEEN)
def test_unexpected_error_reveals_no_secret(
    pod: Callable[[str, str], Traces], monkeypatch: pytest.MonkeyPatch, where: str, kind: str
) -> None:
    secret = TOKENS[kind](random.Random(11))

    def work(session: object) -> None:
        raise UNFORESEEN[where](secret)

    monkeypatch.setattr("augmentation_worker.phases.resolve.resolve", work)
    traces = pod("http://127.0.0.1:9", secret)
    assert traces.exit_code
    traces.assert_free_of(secret)


PATHS = ("/revision/", "/tree/", "/resolve/", "/repos/create", "/preupload/")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["in_json", "in_headers", "around", "no_http", "of_another_shape"])
def test_token_echoed_in_any_resolve_response_is_redacted(
    pod: Callable[[str, str], Traces], hub: Hub, hostile: HostileHub, path: str, way: str
) -> None:
    secret = TOKENS["a hub's token"](random.Random(13))
    hostile.answer, hostile.only, hostile.shown = WAYS[way](403, "in JSON"), path, 0
    hostile.behind, hostile.token = hub.endpoint, WRITE
    try:
        traces = pod(hostile.endpoint, secret)
    finally:
        hostile.behind = ""
    assert hostile.shown
    traces.assert_free_of(secret)


SPELLED: dict[str, Callable[[str], str]] = {
    "whole": str,
    "its beginning": lambda secret: secret[:20],
    "in base64": lambda secret: b64encode(secret.encode()).decode(),
    "in hexadecimal": lambda secret: secret.encode()[:20].hex(),
}


@pytest.mark.parametrize("form", SPELLED)
def test_commit_id_equal_to_token_is_rejected(hostile: HostileHub, form: str) -> None:
    secret = TOKENS["a hub's token"](random.Random(23))
    hostile.answer = lambda _: answered(200, json.dumps({"id": "lab/pusht", "sha": SPELLED[form](secret)}))
    try:
        client = HubClient(hostile.endpoint, secret, "hub-token/token", 0, lambda *_: None)
        with pytest.raises(WorkerFailure) as caught:
            client.commit_of("lab/pusht", "main", "source")
        with pytest.raises(WorkerFailure):
            client.head("lab/pusht")
    finally:
        secrecy.forget()
    assert "names as a commit" in caught.value.message
    Traces(1, {"message": caught.value.message}).assert_free_of(secret)


LATER_PATHS = {
    "augment": ("/resolve/", "/info/lfs/objects/batch"),
    "publish": ("/commit/", "/preupload/", "/tree/", "/revision/", "/tag/", "/datasets/lab/"),
}


@pytest.mark.parametrize("way", ["in_json", "of_another_shape"])
def test_token_echoed_in_any_augment_or_publish_response_is_redacted(
    hub: Hub,
    hostile: HostileHub,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    secret = TOKENS["a hub's token"](random.Random(19))
    pod = Pod(tmp_path / f"later-{way.replace('_', '-')}", hostile.endpoint, secret)
    hostile.answer, hostile.behind, hostile.token = WAYS[way](403, "in JSON"), hub.endpoint, WRITE
    try:
        for phase in ("resolve", "augment", "publish"):
            for path in LATER_PATHS.get(phase, ()):
                hostile.only, hostile.shown = path, 0
                traces = pod.run_here(phase, capfd, monkeypatch)
                assert hostile.shown, path
                traces.assert_free_of(secret)
            hostile.only = "asked for nowhere"
            traces = pod.run_here(phase, capfd, monkeypatch)
            assert traces.exit_code == 0, traces.texts["log"]
            traces.assert_free_of(secret)
    finally:
        hostile.behind = ""


@pytest.mark.parametrize("kind", ["a key in PEM", "a GCP key", "a kubeconfig"])
def test_output_of_program_contains_no_malformed_token(hub: Hub, tmp_path: Path, kind: str) -> None:
    secret = OTHERS[kind](random.Random(3))
    traces = Pod(tmp_path / "job", hub.endpoint, secret).resolve()
    assert traces.exit_code == FailureReason.CREDENTIALS_INVALID.exit_code
    traces.assert_free_of(secret)


def test_output_of_program_contains_no_token_echoed_by_hub(hostile: HostileHub, tmp_path: Path) -> None:
    secret = TOKENS["a hub's token"](random.Random(5))
    hostile.answer = WAYS["in_text"](401, "as it was sent")
    traces = Pod(tmp_path / "job", hostile.endpoint, secret).resolve()
    assert traces.exit_code == FailureReason.CREDENTIALS_INVALID.exit_code
    assert "it says: Bearer ***" in traces.texts["termination message"]
    traces.assert_free_of(secret)


@pytest.mark.parametrize("path", ["README.md", "meta/notes.txt"])
def test_result_that_contains_token_is_not_published(
    hub: Hub, submit: Callable[..., LocalRun], tmp_path: Path, path: str
) -> None:
    secret = TOKENS["a hub's token"](random.Random(17))
    name = f"lab/with-token-{path.rpartition('/')[2].partition('.')[0].lower()}"
    shutil.copytree(FIXTURES / "pusht_v30", tmp_path / "source")
    (tmp_path / "source" / path).write_text(f"export HF_TOKEN={secret}\n")
    hub.publish(name, tmp_path / "source")
    run = submit(spec_of(name, episodes="2", copies=1))
    try:
        secrecy.keep(secret)
        with pytest.raises(WorkerFailure) as caught:
            run.run_all()
    finally:
        secrecy.forget()
    assert caught.value.reason is FailureReason.SOURCE_INVALID
    assert caught.value.message.startswith(f"{path} of the result would hold the hub token")
    assert run.job.status.output is None or run.job.status.output.revision is None
