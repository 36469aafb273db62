"""A TCP proxy to the API server, for TLS too, whose connections can be broken with `cut`."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator


class FlakyProxy:
    """Forwards TCP connections to another port.

    Args:
        port_behind: the other port.
        bound: a socket with the address where to listen; None: anywhere.

    Attributes:
        port: where it listens.
        cuts: number of broken connections.
    """

    def __init__(self, port_behind: int, bound: socket.socket | None = None) -> None:
        self._behind = port_behind
        self._listening = bound or socket.create_server(("127.0.0.1", 0))
        self._listening.listen()
        self.port: int = self._listening.getsockname()[1]
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every open connection."""
        with self._lock:
            cut, self._open = self._open, set()
        for each in cut:
            self.cuts += 1
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def close(self) -> None:
        """Accept no more connections and break the open ones."""
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
def cut_every(proxy: FlakyProxy, seconds: float, done: Callable[[], int]) -> Iterator[None]:
    """Break all connections periodically while the block runs, if since the last time more was `done`.

    On a machine that takes longer for a request than from one cut to the next, none would ever succeed.
    """
    over = threading.Event()

    def cut() -> None:
        before = -1
        while not over.wait(seconds):
            if (now := done()) > before:
                before = now
                proxy.cut()

    cutting = threading.Thread(target=cut)
    cutting.start()
    try:
        yield
    finally:
        over.set()
        cutting.join()
