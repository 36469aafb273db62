"""The page's files: small, cached by browsers, with a strict content security policy."""

import gzip
import re

import httpx
import pytest

from augmentation_gateway.app import build_app
from augmentation_gateway.gateway import Gateway
from augmentation_gateway.page.bundle import INDEX, page_bundle
from augmentation_gateway.settings import Settings
from augmentation_gateway.views.parameters import GENERATIVE, TRANSFORMS
from augmentation_gateway.views.request import AugmentationRequest
from augmentation_kube.settings import SettingsError

MOST_BYTES = 120_000
BUNDLE = page_bundle()
SCRIPTS = sorted(name for name in BUNDLE.files if name.endswith(".js"))


def text(name: str) -> str:
    return BUNDLE.files[name].body.decode()


def test_page_is_smaller_than_one_image() -> None:
    assert sum(len(file.body) for file in BUNDLE.files.values()) < MOST_BYTES


async def test_every_file_that_index_names_is_served(http: httpx.AsyncClient) -> None:
    del http.headers["x-api-key"]
    index = await http.get("/")
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    files = re.findall(r'(?:src|href)="(page/[^"]+)"', index.text)
    assert len(files) > 5
    for path in files:
        answer = await http.get(f"/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_import_only_existing_names(name: str) -> None:
    imported = re.findall(r'from "\./([^"]+)"', text(name))
    assert set(imported) <= set(BUNDLE.files)
    for what, module in re.findall(r'import \{([^}]+)\} from "\./([^"]+)"', text(name)):
        for item in what.split(","):
            assert re.search(rf"export (async )?(function|const|class)\*? ?\*? ?{item.strip()}\b", text(module)), item


def test_form_has_every_field_of_the_request() -> None:
    from_document = {name for group in (*TRANSFORMS.values(), GENERATIVE) for each in group for name in each.paths}
    scripts = "".join(map(text, SCRIPTS))
    named = {name for name in AugmentationRequest.model_fields if re.search(rf'["\'.]{name}\b', scripts)}
    assert {*AugmentationRequest.model_fields} - from_document - named == set()


@pytest.mark.parametrize("name", sorted(BUNDLE.files))
def test_no_file_links_to_another_site_or_parses_html(name: str) -> None:
    own = text(name).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://[a-z]", own)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", own)
    assert "style=" not in text(INDEX)
    assert not re.search(r"<script(?![^>]* src=)", text(INDEX))


async def test_strict_policy_and_other_headers_are_on_every_file(http: httpx.AsyncClient) -> None:
    for path in ("/", f"/page/{BUNDLE.version}/main.js"):
        headers = (await http.get(path)).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_unchanged_file_is_answered_with_304(http: httpx.AsyncClient) -> None:
    first = await http.get("/")
    assert first.headers["cache-control"] == "no-cache"
    second = await http.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")


async def test_files_are_compressed_if_client_accepts_gzip(http: httpx.AsyncClient) -> None:
    for accepted, encoding in (("gzip", "gzip"), ("identity", None)):
        answer = await http.get("/", headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.text == text(INDEX)
    assert gzip.decompress(BUNDLE.files["main.js"].compressed) == BUNDLE.files["main.js"].body


async def test_file_of_another_release_is_served_without_caching(http: httpx.AsyncClient) -> None:
    assert (await http.get("/page/0123456789abcdef/main.js")).headers["cache-control"] == "no-store"
    for path in ("/page/0123456789abcdef/nothing.js", f"/page/{BUNDLE.version}/{INDEX}", "/page/x/..%2Fbundle.py"):
        assert (await http.get(path)).status_code == 404


async def test_disabled_page_is_404(gateway: Gateway) -> None:
    transport = httpx.ASGITransport(build_app(gateway, page=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.get("/healthz")).status_code == 200


def test_invalid_page_setting_is_rejected() -> None:
    with pytest.raises(SettingsError, match="AUGMENTATION_PAGE='maybe' cannot be used"):
        Settings.from_environment({"AUGMENTATION_PAGE": "maybe"})
