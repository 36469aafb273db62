"""A web server that answers anything and remembers what it was asked: for tests of what must not be asked."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override

Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Listener:
    """A server on loopback.

    Attributes:
        url: its base URL.
        heard: the requests, `METHOD path`, and its connections, `connection`, in order.
        headers, bodies: of each request.
    """

    url: str = ""
    heard: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def await_request(self, seconds: float = 60.0) -> None:
        """Wait until something was asked: it does hear."""
        deadline = time.monotonic() + seconds
        while not self.heard:
            assert time.monotonic() < deadline, "the listener hears nothing"
            time.sleep(0.01)


class _TlsServer(ThreadingHTTPServer):
    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that does not trust the certificate hangs up."""


@contextmanager
def listening(
    answer: Callable[[str, str], Answer] = lambda method, path: (200, {}, b"here"),
    context: ssl.SSLContext | None = None,
) -> Iterator[Listener]:
    """Serve from a thread.

    Args:
        answer: by method and path the status, headers and body.
        context: of a server that speaks TLS; None: it does not.
    """
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            listener.heard.append("connection")

        def do_GET(self) -> None:
            listener.heard.append(f"{self.command} {self.path}")
            listener.headers.append({name.lower(): value for name, value in self.headers.items()})
            listener.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            status, headers, body = answer(self.command, self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = (ThreadingHTTPServer if context is None else _TlsServer)(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    listener.url = f"http{'s' if context is not None else ''}://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield listener
    finally:
        server.shutdown()
        server.server_close()
