"""Errors never contain the token that a program sends to the API server, whatever answers."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from augmentation_kube import KubeApi, KubeError, KubeUnavailable, Resource, connect

TOKEN = "k8s-Zq7RvX2mWc9TjLp4Kd6Bn8"
ECHOES: dict[str, Callable[[str], str]] = {
    "as it was sent": lambda header: header,
    "in JSON": lambda header: json.dumps({"headers": {"Authorization": header}}),
    "as a repr": lambda header: repr({"Authorization": header.encode()}),
    "in base64": lambda header: base64.b64encode(header.encode()).decode(),
    "of one who cuts": lambda header: header[:20],
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[KubeApi]:
    async def answer(request: web.Request) -> web.StreamResponse:
        header = request.headers["Authorization"]
        name = request.path.rpartition("/")[2]
        if name == "around":
            raise web.HTTPFound(request.path)
        if name == "status":
            return web.json_response(
                {"kind": "Status", "message": f"\x1b[2Jno: {header}", "reason": header}, status=403
            )
        return web.Response(text=ECHOES[name.replace("-", " ")](header), status=502)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
    }
    (tmp_path / "config").write_text(json.dumps(config))
    async with connect(str(tmp_path / "config")) as connected:
        yield connected
    await runner.cleanup()


def fragments(text: str) -> list[str]:
    parts = [TOKEN[at : at + 8] for at in range(len(TOKEN) - 7)]
    return [part for part in parts if part in text]


@pytest.mark.parametrize("form", ECHOES)
async def test_proxy_response_with_request_is_quoted_without_token(api: KubeApi, form: str) -> None:
    with pytest.raises(KubeError) as caught:
        await api.get(Resource.PODS, form.replace(" ", "-"), "robots")
    for text in (str(caught.value), repr(caught.value), caught.value.message):
        assert not fragments(text)
        assert base64.b64encode(TOKEN.encode()).decode()[4:16] not in text


async def test_status_with_request_is_quoted_without_token(api: KubeApi) -> None:
    with pytest.raises(KubeError) as caught:
        await api.get(Resource.PODS, "status", "robots")
    assert not fragments(str(caught.value)) and not fragments(caught.value.reason)
    assert caught.value.message.startswith("\\x1b[2Jno: ")


async def test_redirect_loop_is_reported_in_own_words(api: KubeApi) -> None:
    # aiohttp's exception has the request's headers in its repr.
    with pytest.raises(KubeUnavailable) as caught:
        await api.get(Resource.PODS, "around", "robots")
    assert "redirects" in str(caught.value)
    assert not fragments(str(caught.value))
    assert fragments(repr(caught.value.__cause__)), "the test shows nothing any more"
