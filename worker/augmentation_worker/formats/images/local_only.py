"""A guard around `datasets`: while it reads a dataset's folder, this process opens no connection and no remote file.

What the library is shown names nothing outside (card_configs.py); this is for the ways in which somebody may find that
to be wrong. fsspec knows local files only, `datasets` takes itself to be offline, and Python refuses the connection
itself, whichever library asks. Threads that ran before (the one that reports to Kubernetes) go on undisturbed.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_LOCAL_PROTOCOLS = frozenset({"file", "local"})
_REFUSED_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.sendto",
        "socket.sendmsg",
        "pickle.find_class",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
    }
)
"""Of sys.audit: connections; and code that a file may hold or name."""


class RemoteAccess(PermissionError):
    """Something asked for what is not a file of the dataset."""


class _Guard:
    """The state of the process: an audit hook cannot be removed, so it looks up whether it applies."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.trusted: frozenset[int] | None = None
        self.is_installed = False

    def hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.trusted is not None and event in _REFUSED_EVENTS and threading.get_ident() not in self.trusted:
            raise RemoteAccess(f"a dataset's files are read without {event} {args[-1] if args else ''!r:.100}")


_guard = _Guard()


@contextmanager
def local_only() -> Iterator[None]:
    """Inside, nothing but local files can be opened by this thread and those that it starts. One at a time."""
    import datasets  # noqa: PLC0415 (seconds, and only image datasets need it)

    # fsspec's attribute of this name is not the module.
    registry = import_module("fsspec.registry")
    with _guard.lock:
        if not _guard.is_installed:
            sys.addaudithook(_guard.hook)
            _guard.is_installed = True
        offline = datasets.config.HF_HUB_OFFLINE
        known = [(entries, dict(entries)) for entries in (registry.known_implementations, registry._registry)]
        for implementations, before in known:
            for protocol in before.keys() - _LOCAL_PROTOCOLS:
                del implementations[protocol]
        datasets.config.HF_HUB_OFFLINE = True
        _guard.trusted = frozenset(thread.ident or 0 for thread in threading.enumerate()) - {threading.get_ident()}
        try:
            yield
        finally:
            _guard.trusted = None
            datasets.config.HF_HUB_OFFLINE = offline
            for implementations, before in known:
                implementations.update(before)
