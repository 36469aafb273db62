"""The Kubernetes client against a real HTTP server: its requests and its handling of responses."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration

from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource, connect, object_path

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
JOBS = "/apis/augmentation.dev/v1alpha1/namespaces/robots/augmentationjobs"


class StandInServer:
    """Server that answers every request with `answer` and remembers the last one."""

    def __init__(self) -> None:
        self.answer: Answer = self._nothing
        self.method = self.path = self.content_type = ""
        self.query: dict[str, str] = {}
        self.body: Any = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.method, self.path, self.query = request.method, request.path, dict(request.query)
        self.content_type = request.content_type
        self.body = await request.json() if request.can_read_body else None
        return await self.answer(request)

    async def _nothing(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({})

    def answers(self, status: int, body: object) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.json_response(body, status=status)

        self.answer = answer

    def streams(self, *parts: bytes) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            await response.prepare(request)
            for part in parts:
                await response.write(part)
            return response

        self.answer = answer


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[StandInServer]:
    stand_in, application = StandInServer(), web.Application()
    application.router.add_route("*", "/{path:.*}", stand_in.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    write_kubeconfig(tmp_path, runner.addresses[0][1])
    yield stand_in
    await runner.cleanup()


def write_kubeconfig(folder: Path, port: int) -> None:
    (folder / "kubeconfig").write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
                "users": [{"name": "u", "user": {"token": "secret"}}],
                "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "c",
            }
        )
    )


@pytest.fixture
async def api(server: StandInServer, tmp_path: Path) -> AsyncIterator[KubeApi]:
    async with connect(str(tmp_path / "kubeconfig")) as connected:
        yield connected


async def watched(api: KubeApi) -> list[dict[str, Any]]:
    async with aclosing(api.watch(Resource.AUGMENTATION_JOBS, "7", "robots")) as events:
        return [event async for event in events]


def line(kind: str, **body: Any) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


async def test_watch_yields_one_event_per_line(api: KubeApi, server: StandInServer) -> None:
    server.streams(line("ADDED", a=1) + line("MODIFIED", a=2))
    assert [(event["type"], event["object"]["a"]) for event in await watched(api)] == [("ADDED", 1), ("MODIFIED", 2)]
    assert server.query["watch"] == "true"
    assert server.query["resourceVersion"] == "7"


async def test_event_can_span_chunks(api: KubeApi, server: StandInServer) -> None:
    text = line("ADDED", a=1)
    server.streams(text[:5], text[5:-1], text[-1:] + line("ADDED", a=2))
    assert [event["object"]["a"] for event in await watched(api)] == [1, 2]


async def test_event_can_be_as_large_as_largest_object(api: KubeApi, server: StandInServer) -> None:
    # etcd stores objects of up to 1.5 MB; a job with a thousand shards comes close.
    server.streams(line("ADDED", text="x" * 1_500_000) + line("ADDED", text="y"))
    assert [len(event["object"]["text"]) for event in await watched(api)] == [1_500_000, 1]


async def test_watch_broken_within_event_raises_unavailable(api: KubeApi, server: StandInServer) -> None:
    server.streams(line("ADDED", a=1) + b'{"type": "ADD')
    with pytest.raises(KubeUnavailable, match="in the middle of an event"):
        await watched(api)


async def test_expired_resource_version_raises_its_own_error(api: KubeApi, server: StandInServer) -> None:
    server.streams(line("ERROR", code=410, reason="Expired", message="too old resource version"))
    with pytest.raises(KubeError) as caught:
        await watched(api)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")


async def test_error_quotes_message_of_server(api: KubeApi, server: StandInServer) -> None:
    server.answers(404, {"kind": "Status", "reason": "NotFound", "message": 'augmentationjobs "a" not found'})
    with pytest.raises(KubeError) as caught:
        await api.get(Resource.AUGMENTATION_JOBS, "a", "robots")
    assert (caught.value.status, caught.value.reason) == (404, "NotFound")
    assert caught.value.message == 'augmentationjobs "a" not found'


@pytest.mark.parametrize("body", ["<html>Bad Gateway</html>", ["no", "object"], None])
async def test_error_of_intermediate_proxy_is_quoted(api: KubeApi, server: StandInServer, body: object) -> None:
    server.answers(502, body)
    with pytest.raises(KubeError) as caught:
        await api.get(Resource.AUGMENTATION_JOBS, "a", "robots")
    assert caught.value.status == 502
    assert caught.value.is_transient


@pytest.mark.parametrize(("status", "transient"), [(400, False), (403, False), (409, False), (422, False)])
async def test_rejection_by_server_is_not_transient(
    api: KubeApi, server: StandInServer, status: int, transient: bool
) -> None:
    server.answers(status, {})
    with pytest.raises(KubeError) as caught:
        await api.get(Resource.AUGMENTATION_JOBS, "a", "robots")
    assert caught.value.is_transient is transient


async def test_missing_server_raises_unavailable(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path, 1)
    async with connect(str(tmp_path / "kubeconfig")) as api:
        with pytest.raises(KubeUnavailable):
            await api.get(Resource.AUGMENTATION_JOBS, "a", "robots")


async def test_apply_sends_field_manager_and_force(api: KubeApi, server: StandInServer) -> None:
    await api.apply(
        Resource.AUGMENTATION_JOBS, "a", {"status": {}}, field_manager="me", namespace="robots", subresource="status"
    )
    assert (server.method, server.path) == ("PATCH", f"{JOBS}/a/status")
    assert server.query == {"fieldManager": "me", "force": "true"}
    assert server.content_type == "application/apply-patch+yaml"


async def test_deleting_missing_object_succeeds(api: KubeApi, server: StandInServer) -> None:
    server.answers(404, {"reason": "NotFound"})
    await api.delete(Resource.JOBS, "a", "robots")
    assert server.body == {"propagationPolicy": "Background"}


async def test_delete_can_require_uid(api: KubeApi, server: StandInServer) -> None:
    await api.delete(Resource.AUGMENTATION_JOBS, "a", "robots", uid="1234")
    assert server.body == {"propagationPolicy": "Background", "preconditions": {"uid": "1234"}}
    await api.delete(Resource.AUGMENTATION_JOBS, "a", "robots", uid="1234", resource_version="7")
    assert server.body["preconditions"] == {"uid": "1234", "resourceVersion": "7"}


async def test_deleting_replaced_object_by_uid_succeeds(api: KubeApi, server: StandInServer) -> None:
    server.answers(409, {"reason": "Conflict"})
    await api.delete(Resource.AUGMENTATION_JOBS, "a", "robots", uid="1234")
    with pytest.raises(KubeError):
        await api.delete(Resource.AUGMENTATION_JOBS, "a", "robots")


async def test_list_can_be_limited_by_field_selector(api: KubeApi, server: StandInServer) -> None:
    await api.list(Resource.EVENTS, "robots", field_selector="type=Warning")
    assert server.query == {"fieldSelector": "type=Warning"}


async def test_long_list_is_read_in_pages(api: KubeApi, server: StandInServer) -> None:
    queries = []

    async def answer(request: web.Request) -> web.StreamResponse:
        queries.append(dict(request.query))
        more = {"continue": "a/token=="} if len(queries) == 1 else {}
        return web.json_response({"metadata": more, "items": [len(queries)]})

    server.answer = answer
    pages = [page["items"] async for page in api.pages(Resource.AUGMENTATION_JOBS, size=1)]
    assert pages == [[1], [2]]
    assert queries == [{"limit": "1"}, {"limit": "1", "continue": "a/token=="}]


async def test_proxy_of_environment_is_used_except_for_no_proxy_hosts(
    server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = json.loads((tmp_path / "kubeconfig").read_text())["clusters"][0]["cluster"]["server"]
    document = (tmp_path / "kubeconfig").read_text().replace(here, "http://kubernetes.invalid")
    (tmp_path / "elsewhere").write_text(document)
    monkeypatch.setenv("http_proxy", here)  # as a proxy, it sees the host of the request
    monkeypatch.setenv("no_proxy", "")
    async with connect(str(tmp_path / "elsewhere")) as api:
        await api.get(Resource.NODES, "a")
    assert server.path == "/api/v1/nodes/a"
    monkeypatch.setenv("no_proxy", "kubernetes.invalid")
    async with connect(str(tmp_path / "elsewhere")) as api:
        with pytest.raises(KubeUnavailable):
            await api.get(Resource.NODES, "a")


async def test_api_server_of_a_pod_is_asked_through_no_proxy(
    server: StandInServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = json.loads((tmp_path / "kubeconfig").read_text())["clusters"][0]["cluster"]["server"]

    def in_a_pod(client_configuration: Configuration) -> None:
        client_configuration.host = here

    monkeypatch.setattr("augmentation_kube.client.config.load_incluster_config", in_a_pod)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setenv("no_proxy", "")
    async with connect() as api:
        await api.get(Resource.NODES, "a")
    assert server.path == "/api/v1/nodes/a"


async def test_every_call_is_counted_by_verb_even_if_rejected(server: StandInServer, tmp_path: Path) -> None:
    calls: list[tuple[str, str]] = []
    async with connect(str(tmp_path / "kubeconfig"), lambda verb, resource: calls.append((verb, resource))) as api:
        await api.get(Resource.NODES, "a")
        await api.apply(Resource.AUGMENTATION_JOBS, "a", {}, field_manager="me", namespace="b", subresource="status")
        server.answers(409, {"reason": "AlreadyExists"})
        with pytest.raises(KubeError):
            await api.create(Resource.JOBS, {}, "b")
    assert calls == [("get", "nodes"), ("apply", "augmentationjobs/status"), ("create", "jobs")]


async def test_list_can_be_limited_by_label_selector(api: KubeApi, server: StandInServer) -> None:
    await api.list(Resource.PODS, "robots", "a=b")
    assert (server.path, server.query) == ("/api/v1/namespaces/robots/pods", {"labelSelector": "a=b"})


def test_paths_follow_kubernetes_api() -> None:
    assert object_path(Resource.NODES, None, "node-a") == "/api/v1/nodes/node-a"
    assert object_path(Resource.JOBS, "robots") == "/apis/batch/v1/namespaces/robots/jobs"
    assert object_path(Resource.AUGMENTATION_JOBS) == "/apis/augmentation.dev/v1alpha1/augmentationjobs"


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"causes": [{"reason": "NamespaceTerminating", "message": "namespace team is being terminated"}]}, True),
        ({"causes": [{"reason": "FieldValueInvalid"}]}, False),
        ({"causes": ["NamespaceTerminating"]}, False),
        ({}, False),
        (None, False),
    ],
)
def test_error_says_that_the_namespace_is_being_deleted(details: object, expected: bool) -> None:
    answer = {"kind": "Status", "reason": "Forbidden", "message": "no", "details": details}
    error = KubeError.from_answer(403, json.dumps(answer).encode())
    assert error.namespace_terminates is expected
