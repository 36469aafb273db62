"""A forward proxy as companies have one: it alone resolves names of the outside, and notes which it was asked for."""

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """A proxy on loopback, for https (by CONNECT) and http.

    Attributes:
        url: for HTTPS_PROXY and HTTP_PROXY, with its password if it has one.
        asked: `host:port` of each connection, in order.
        refused: number of requests without the right password.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    refused: int = 0


@contextmanager
def forward_proxy(names: Mapping[str, str], password: str = "") -> Iterator[ForwardProxy]:
    """Serve from threads.

    Args:
        names: addresses of the hosts that it reaches.
        password: of the user `worker`; empty: anybody may use it.
    """
    proxy = ForwardProxy()
    secret = base64.b64encode(f"worker:{password}".encode())

    def serve(client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (received := client.recv(4096)):
                    return
                head += received
            if password and b"basic " + secret.lower() not in head.lower():
                proxy.refused += 1
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            address = target if method == "CONNECT" else urlsplit(target).netloc
            proxy.asked.append(address)
            host, _, port = address.rpartition(":")
            if host not in names:
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection((names[host], int(port))) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:  # one host for each connection, as only one is ever asked for here
                    server.sendall(head.replace(f"http://{address}".encode(), b"", 1))
                back = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
                back.start()
                _pass_on(client, server)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        user = f"worker:{password}@" if password else ""
        proxy.url = f"http://{user}127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65536):
            target.sendall(received)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
