"""A hostile hub in front of a real one: its responses contain the token of the request."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import httpx

Answer = Callable[[str], bytes]
"""From the Authorization header of a request to all that is sent back, status line and all."""
FORMS: dict[str, Callable[[str], str]] = {
    "as it was sent": str,
    "as a repr": lambda header: repr(header.encode()),
    "as a repr of a repr": lambda header: repr(repr(header)),
    "in JSON": lambda header: json.dumps({"headers": {"authorization": header}}),
    "in percent": lambda header: quote(header, safe=""),
    "in base64": lambda header: base64.b64encode(header.encode()).decode(),
    "in base64 for URLs": lambda header: base64.urlsafe_b64encode(header.encode()).decode(),
    "in upper case": str.upper,
    "in the middle of much": lambda header: f"{'x' * 290}{header}{'y' * 9000}",
    "with escape sequences": lambda header: f"\x1b]0;{header}\x07\x1b[31m\n2026-01-01 INFO forged",
    "in a URL": lambda header: f"https://cdn.example/blob?X-Amz-Signature={quote(header)}",
}


def answered(status: int, body: str, kind: str = "application/json", **headers: str) -> bytes:
    content = body.encode()
    lines = [f"HTTP/1.1 {status} No", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content


def _on_one_line(text: str) -> str:
    return "".join(character if " " <= character <= "~" else "?" for character in text)


def in_json(status: int, form: str) -> Answer:
    return lambda header: answered(status, json.dumps({"error": FORMS[form](header)}))


def in_many(status: int, form: str) -> Answer:
    return lambda header: answered(status, json.dumps({"errors": [{"message": FORMS[form](header)}] * 2}))


def in_text(status: int, form: str) -> Answer:
    return lambda header: answered(status, FORMS[form](header), "text/plain; charset=utf-8")


def in_headers(status: int, form: str) -> Answer:
    def answer(header: str) -> bytes:
        value = _on_one_line(FORMS[form](header))
        return answered(status, "{}", X_Error_Message=value, X_Request_Id=value, X_Error_Code="RepoNotFound")

    return answer


def around(_status: int, form: str) -> Answer:
    return lambda header: answered(302, "", Location=f"/around?back={quote(FORMS[form](header)[:200])}")


def away(_status: int, form: str) -> Answer:
    return lambda header: answered(307, "", Location=f"gopher://{quote(FORMS[form](header)[:200])}@h:x/")


def no_http(_status: int, form: str) -> Answer:
    return lambda header: _on_one_line(FORMS[form](header)).encode() + b"\r\n\r\n"


def bad_header(_status: int, form: str) -> Answer:
    return lambda header: f"HTTP/1.1 200 OK\r\n{_on_one_line(FORMS[form](header))} : \x01\r\n\r\n".encode()


def cut_off(_status: int, form: str) -> Answer:
    return lambda header: answered(200, json.dumps([FORMS[form](header)]))[:-5]


def of_another_shape(_status: int, form: str) -> Answer:
    def answer(header: str) -> bytes:
        value = FORMS[form](header)
        refs = [{"name": value, "ref": value, "targetCommit": value}]
        return answered(200, json.dumps({"name": value, "sha": value, "id": value, "tags": refs, "branches": value}))

    return answer


WAYS: dict[str, Callable[[int, str], Answer]] = {
    way.__name__: way
    for way in (
        in_json,
        in_many,
        in_text,
        in_headers,
        around,
        away,
        no_http,
        bad_header,
        cut_off,
        of_another_shape,
    )
}
STATUSES = (400, 401, 403, 404, 409, 418, 429, 500, 503)


class HostileHub:
    """Behavior of the hostile hub.

    Attributes:
        endpoint: base URL.
        answer: its response, from the authorization header of the request.
        only: part of the paths that get `answer`; others are forwarded.
        behind: endpoint of the real hub; None: nothing is forwarded.
        token: token of the user for the real hub.
        shown: number of requests that got `answer`.
    """

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.answer: Answer = in_json(500, "as it was sent")
        self.only, self.behind, self.token = "", "", ""
        self.shown = 0


@contextmanager
def hostile_hub() -> Iterator[HostileHub]:
    class Handler(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            self.close_connection = True
            if not self.raw_requestline or not self.parse_request():
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if not hub.behind or hub.only in self.path:
                hub.shown += 1
                self.wfile.write(hub.answer(self.headers.get("Authorization", "")))
            else:
                self._forward(body)

        def _forward(self, body: bytes) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            del headers["host"]
            if "authorization" in headers:
                headers["authorization"] = f"Bearer {hub.token}"
            answer = httpx.request(self.command, hub.behind + self.path, headers=headers, content=body, timeout=30)
            content = answer.content.replace(hub.behind.encode(), hub.endpoint.encode())
            forwarded = (
                "content-type",
                "etag",
                "x-repo-commit",
                "x-linked-size",
                "x-linked-etag",
                "x-error-code",
                "location",
                "link",
            )
            lines = [f"HTTP/1.1 {answer.status_code} OK", "Connection: close"]
            size = answer.headers.get("content-length", "0") if self.command == "HEAD" else len(content)
            lines += [f"Content-Length: {size}"]
            lines += [
                f"{name}: {answer.headers[name].replace(hub.behind, hub.endpoint)}"
                for name in forwarded
                if name in answer.headers
            ]
            head = "\r\n".join([*lines, "", ""]).encode()
            self.wfile.write(head if self.command == "HEAD" else head + content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub = HostileHub(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
