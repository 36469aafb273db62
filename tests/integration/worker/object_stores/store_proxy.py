"""A proxy in front of a store that notes every request and fails where it is told to, as networks and stores do."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

_CHANGES = frozenset({"PUT", "POST", "DELETE"})


@dataclass(frozen=True)
class Asked:
    """A request.

    Attributes:
        method, target: as in its first line.
        headers: by lower-case name.
        body: whole.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def changes(self) -> bool:
        """Whether it may change what is stored."""
        return self.method in _CHANGES


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of what should.

    Attributes:
        kind: answer: the store is not asked. cut: the connection ends without an answer, and the store is not asked.
            lost: it is asked, and its answer never arrives. truncated: half of the answer's body arrives. slow: it
            waits first.
        status, code, sentence: of the answer.
        seconds: to wait.
    """

    kind: Literal["answer", "cut", "lost", "truncated", "slow"]
    status: int = 503
    code: str = "SlowDown"
    seconds: float = 0.0
    sentence: str = "as the test wants it"


@dataclass(frozen=True)
class Answered:
    """An answer of the store.

    Attributes:
        status: HTTP's.
        headers: those that are not for one connection alone.
        content: the body; of an answer to HEAD none.
        size: of the content, as the store says; None: what `content` has.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes
    size: int | None = None


Rule = Callable[[Asked], Fault | None]
Send = Callable[[Asked], Answered]
Translate = Callable[[Asked, Send], Answered]


@dataclass
class StoreProxy:
    """Where requests go through.

    Attributes:
        url: its address.
        asked: every request, in order.
        rule: which request has which fault.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    rule: Rule = lambda _asked: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def failing(self, rule: Rule) -> Iterator["StoreProxy"]:
        """Follow a rule for a while. The list of requests starts empty."""
        self.asked.clear()
        self.rule = rule
        try:
            yield self
        finally:
            self.rule = lambda _asked: None

    def note(self, asked: Asked) -> Fault | None:
        """Note a request, and look what becomes of it."""
        with self._lock:
            self.asked.append(asked)
            return self.rule(asked)


def first(count: int, fault: Fault, applies: Callable[[Asked], bool]) -> Rule:
    """A rule by which the first requests of a kind fail."""
    left = [count]

    def rule(asked: Asked) -> Fault | None:
        if left[0] and applies(asked):
            left[0] -= 1
            return fault
        return None

    return rule


def always(fault: Fault, applies: Callable[[Asked], bool] = lambda _asked: True) -> Rule:
    """A rule by which all requests of a kind fail."""
    return lambda asked: fault if applies(asked) else None


@contextmanager
def proxied(
    upstream: str, translate: Translate | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[StoreProxy]:
    """Serve from threads, on loopback.

    Args:
        upstream: address of the store.
        translate: answers each request by others that the store understands, or by itself.
        tls: for https.
    """
    proxy = StoreProxy()
    address = urlsplit(upstream).netloc

    def send(asked: Asked) -> Answered:
        connection = HTTPConnection(address, timeout=60)
        try:
            connection.request(asked.method, asked.target, asked.body, dict(asked.headers))
            answer = connection.getresponse()
            content = answer.read()
            headers = [pair for pair in answer.getheaders() if pair[0].lower() not in _HOP_BY_HOP]
            return Answered(answer.status, headers, content, int(answer.headers.get("Content-Length", len(content))))
        finally:
            connection.close()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            asked = Asked(self.command, self.path, headers, body)
            fault = proxy.note(asked)
            if fault is not None and fault.kind == "slow":
                time.sleep(fault.seconds)
            if fault is not None and fault.kind == "cut":
                return self._hang_up()
            if fault is not None and fault.kind == "answer":
                content = f"<Error><Code>{fault.code}</Code><Message>{fault.sentence}</Message></Error>".encode()
                return self._answer(Answered(fault.status, [("Content-Type", "application/xml")], content))
            try:
                answer = translate(asked, send) if translate is not None else send(asked)
            except (OSError, HTTPException):
                return self._hang_up()
            if fault is not None and fault.kind == "lost":
                return self._hang_up()
            if fault is not None and fault.kind == "truncated":
                half = answer.content[: len(answer.content) // 2]
                self._answer(replace(answer, content=half, size=len(answer.content)))
                return self._hang_up()
            return self._answer(answer)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - http.server's names

        def _answer(self, answer: Answered) -> None:
            with suppress(OSError):
                self.send_response_only(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.content) if answer.size is None else answer.size))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer.content)
                self.wfile.flush()

        def _hang_up(self) -> None:
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    proxy.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


_HOP_BY_HOP = frozenset({"connection", "content-length", "transfer-encoding", "keep-alive"})
