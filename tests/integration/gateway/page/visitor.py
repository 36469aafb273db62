"""A visitor of the page: a tab that remembers what it asked for and what it complained of, and looks at itself."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from devcluster import settings
from devcluster.browser import browser_path
from devcluster.errors import DevclusterError
from tests.integration.control_plane import CHECKOUT

expect.set_options(timeout=30_000)

CHROMIUM_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""It says nothing to anybody but the page under test; a sandbox of its own is not to be had in a container."""

AUDIT = (Path(__file__).parent / "audit.js").read_text()


@dataclass(frozen=True)
class Site:
    """A gateway to visit, where it is no process of this test: its address, and API keys by name."""

    url: str
    keys: dict[str, str]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless. The test that asks for it fails where there is none, and says how to get it."""
    try:
        program = browser_path(settings.from_environment().cache)
    except DevclusterError as error:
        pytest.fail(f"The page is tested in Chromium, which cannot be had: {error}", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


def screenshots_folder() -> Path:
    """Where pictures are left to be looked at; git ignores it."""
    folder = CHECKOUT / "build" / "page"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class Visitor:
    """One tab."""

    def __init__(self, page: Page, gateway: Any) -> None:
        # A Site, or a GatewayProcess.
        self.page, self.gateway = page, gateway
        self.expected_complaints: list[str] = []
        self._requests: list[str] = []
        self._complaints: list[str] = []
        page.on("request", lambda request: self._requests.append(request.url))
        page.on("console", lambda line: self._complain(line.type, line.text))
        page.on("pageerror", lambda error: self._complaints.append(f"uncaught: {error}"))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('policy: ' + e.violatedDirective + ' '"
            " + e.blockedURI))"
        )

    def _complain(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self._complaints.append(text)

    def foreign_requests(self) -> list[str]:
        """Requests that went anywhere but to the gateway."""
        at_home = ("blob:", "data:")
        host = urlsplit(self.gateway.url).netloc
        return [url for url in self._requests if not url.startswith(at_home) and urlsplit(url).netloc != host]

    @property
    def requested(self) -> list[str]:
        """The addresses of all requests."""
        return list(self._requests)

    def complaints(self) -> list[str]:
        """What the browser logged, but for what the test brought about on purpose."""
        return [line for line in self._complaints if not any(part in line for part in self.expected_complaints)]

    def sign_in(self, key: str = "page", address: str = "/") -> None:
        """Open the page and sign in by keyboard."""
        self.page.goto(address)
        expect(self.page.get_by_label("API key")).to_be_focused()
        self.page.keyboard.type(self.gateway.keys[key])
        self.page.keyboard.press("Enter")
        expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    def row(self, name: str) -> Locator:
        """A job's row in the list."""
        return self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=name, exact=True))

    def check_accessibility(self, name: str, *, full: bool = False) -> None:
        """Fail on what audit.js finds: names, roles, contrast, overflow. Leaves a screenshot for people."""
        self.page.screenshot(path=screenshots_folder() / f"{name}.png", full_page=full)
        problems: list[Any] = self.page.evaluate(AUDIT)
        assert problems == [], json.dumps(problems, indent=1)
