"""A real headless Chromium before the gateway's page, and jobs in every state behind it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.integration.control_plane import ControlPlane
from tests.integration.gateway.conftest import GatewayProcess
from tests.integration.gateway.page.cluster import NAMESPACE, Jobs
from tests.integration.gateway.page.visitor import Visitor, chromium, screenshots_folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Ends with the module: Playwright's event loop would get into the way of asynchronous tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def jobs(granted: ControlPlane, gateway: GatewayProcess) -> Jobs:
    """A namespace of the page's own, and three keys in it: all rights, only reading, only writing."""
    granted.kubectl("create", "namespace", NAMESPACE)
    for name, rights in (("page", "read,write"), ("page-reader", "read"), ("page-writer", "write")):
        gateway.create_key(name, "--namespace", NAMESPACE, "--rights", rights)
    made = Jobs(granted, gateway)
    made.await_keys()
    return made


@pytest.fixture
def context(browser: Browser, gateway: GatewayProcess) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=gateway.url, viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def visitor(context: BrowserContext, gateway: GatewayProcess, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """Somebody with a tab. At the end: no request has left the origin, nothing broke the policy, nothing was logged."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:80]
    someone = Visitor(context.new_page(), gateway)
    yield someone
    if someone.page.is_closed():
        return
    folder: Path = screenshots_folder()
    someone.page.screenshot(path=folder / f"{name}-end.png")
    assert someone.foreign_requests() == []
    assert someone.complaints() == []
