"""A way to the API server that can be cut: TCP is passed on, TLS and all, until `cut` breaks every connection."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class FlakyProxy:
    """Listens on a port of its own and passes what comes to another one.

    Attributes:
        port: where it listens.
        cuts: how many connections were broken.
    """

    def __init__(self, port_behind: int) -> None:
        self._behind = port_behind
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection there is."""
        with self._lock:
            cut, self._open = self._open, set()
        for each in cut:
            self.cuts += 1
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Take no more connections, and break those there are."""
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._behind))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._open |= {client, server}
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def cut_every(proxy: FlakyProxy, seconds: float) -> Iterator[None]:
    """Cut again and again while the block runs."""
    over = threading.Event()

    def cut() -> None:
        while not over.wait(seconds):
            proxy.cut()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        yield
    finally:
        over.set()
        cutting.join()
