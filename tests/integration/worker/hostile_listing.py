"""A hub whose listings contain names that the dataset does not have."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PASSED_ON = ("content-type", "location", "etag", "x-repo-commit", "x-linked-etag", "x-linked-size", "x-error-code")


@contextmanager
def hub_with_listing(endpoint: str, names: Sequence[str]) -> Iterator[str]:
    """Proxy the hub at `endpoint`, adding these names to every listing; yield the new endpoint."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_HEAD(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("content-length", 0))))

        def log_message(self, *_: Any) -> None:
            """Log nothing."""

        def _answer(self, body: bytes) -> None:
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            request = urllib.request.Request(endpoint + self.path, body or None, headers, method=self.command)
            try:
                with urllib.request.build_opener(_NoRedirect).open(request, timeout=60) as answer:
                    status, received, content = answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                status, received, content = error.code, error.headers, error.read()
            if "/tree/" in self.path and status == 200:
                lies = [{"type": "file", "path": name, "size": 4, "oid": "0" * 40} for name in names]
                content = json.dumps(json.loads(content) + lies).encode()
            self.send_response(status)
            for name in _PASSED_ON:
                if name in received:
                    self.send_header(name, received[name])
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Pass redirects on to the client."""
