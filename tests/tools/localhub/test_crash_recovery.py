"""A hub killed at any moment restarts with complete datasets: every acknowledged commit, no partial one."""

import hashlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from huggingface_hub import HfApi

from devcluster.localhub.hub_process import HubProcess, hub_process, running_hub
from devcluster.localhub.store import Store

_TOKENS = "demo:hf_owner:write"


def _api(hub: HubProcess | str) -> HfApi:
    return HfApi(endpoint=hub if isinstance(hub, str) else hub.endpoint, token="hf_owner")


def _content(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest() * 1000


WRITER = """
import sys, hashlib
from huggingface_hub import CommitOperationAdd, HfApi

api = HfApi(endpoint=sys.argv[1], token="hf_owner")
for number in range(10_000):
    video = hashlib.sha256(str(number).encode()).digest() * 1000
    added = [
        CommitOperationAdd(f"meta/{number}.json", str(number).encode()),
        CommitOperationAdd(f"videos/{number}.mp4", video),
    ]
    done = api.create_commit("demo/set", added, commit_message=str(number), repo_type="dataset")
    print(done.oid, flush=True)
"""
"""Commits until it is killed. A process of its own: when the hub vanishes, huggingface_hub closes the HTTP client that
all threads of a process share, also under the hands of the next test."""


def test_acknowledged_commits_survive_kill_with_complete_files(tmp_path: Path) -> None:
    acknowledged: list[str] = []
    with hub_process(tmp_path / "hub", _TOKENS) as hub:
        _api(hub).create_repo("demo/set", repo_type="dataset")
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, hub.endpoint], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as writer:
            assert writer.stdout is not None
            while len(acknowledged) < 5:
                acknowledged.append(next(writer.stdout).strip())
            time.sleep(0.05)
            hub.kill()
            time.sleep(0.2)  # the writer returns its last commit
            writer.kill()
            acknowledged += [line.strip() for line in writer.stdout]

    with running_hub(tmp_path / "hub", _TOKENS) as endpoint:
        commits = [commit.commit_id for commit in _api(endpoint).list_repo_commits("demo/set", repo_type="dataset")]
        assert set(acknowledged) <= set(commits)
        assert len(commits) - 1 - len(acknowledged) in (0, 1)  # at most the one with a lost response
        for number in range(len(commits) - 1):
            url = f"{endpoint}/datasets/demo/set/resolve/main/"
            assert httpx.get(f"{url}videos/{number}.mp4").content == _content(number)
            assert httpx.get(f"{url}meta/{number}.json").content == str(number).encode()


def test_upload_interrupted_by_kill_leaves_nothing_and_can_be_retried(tmp_path: Path) -> None:
    content = bytes(3_000_000)
    blob = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    body = {"operation": "upload", "objects": [blob]}
    batch = "/datasets/demo/set.git/info/lfs/objects/batch"
    owner = {"Authorization": "Bearer hf_owner"}
    with hub_process(tmp_path / "hub", _TOKENS) as hub:
        _api(hub).create_repo("demo/set", repo_type="dataset")
        answer = httpx.post(hub.endpoint + batch, json=body, headers=owner).json()
        href = urlsplit(answer["objects"][0]["actions"]["upload"]["href"])
        with socket.create_connection((href.hostname, href.port)) as connection:
            head = f"PUT {href.path}?{href.query} HTTP/1.1\r\nHost: hub\r\nContent-Length: {len(content)}\r\n\r\n"
            connection.sendall(head.encode() + content[:2_000_000])
            while not any(file.stat().st_size for file in (tmp_path / "hub" / "incoming").iterdir()):
                time.sleep(0.01)
            hub.kill()

    with running_hub(tmp_path / "hub", _TOKENS) as endpoint:
        assert list((tmp_path / "hub" / "incoming").iterdir()) == []
        answer = httpx.post(endpoint + batch, json=body, headers=owner).json()
        assert "upload" in answer["objects"][0]["actions"]
        _api(endpoint).upload_file(
            path_or_fileobj=content, path_in_repo="a.mp4", repo_id="demo/set", repo_type="dataset"
        )
        assert httpx.get(f"{endpoint}/datasets/demo/set/resolve/main/a.mp4").content == content


def test_second_hub_on_same_folder_is_rejected(tmp_path: Path) -> None:
    with running_hub(tmp_path / "hub", _TOKENS), pytest.raises(RuntimeError, match="in use"):
        Store(tmp_path / "hub")


def test_hub_without_tokens_does_not_start_and_prints_no_token(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="status 2"), hub_process(tmp_path / "hub", "demo:hf_secret:admin"):
        pass
    log = (tmp_path / "hub" / "server.log").read_text()
    assert "token entry 1" in log
    assert "hf_secret" not in log
