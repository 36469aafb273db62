"""Why a request got no answer, in our own words: never in those of the HTTP library.

Its exceptions quote what was to be sent: a header that cannot be sent is shown whole, a redirect that is followed no
further brings the request with all its headers along, a proxy's refusal its password. What they were raised from says
enough: the error of the socket, of the name look-up or of TLS.
"""

import os
import socket
import ssl
from collections.abc import Iterator
from typing import Final

_BY_KIND: Final[tuple[tuple[str, str], ...]] = (
    ("TooManyRedirects", "it redirects from one address to the next without end"),
    ("InvalidURL", "it redirects to something that is no address"),
    ("RedirectClientError", "it redirects to something that is no address"),
    ("UnsupportedProtocol", "it redirects to an address that is neither http nor https"),
    ("NonHttpUrl", "it redirects to an address that is neither http nor https"),
    ("LocalProtocolError", "the request cannot be sent: a header or the address holds what HTTP does not allow"),
    ("InvalidHeader", "the request cannot be sent: a header holds what HTTP does not allow"),
    ("RemoteProtocolError", "it broke off, or does not speak HTTP"),
    ("BadHttpMessage", "its answer is no HTTP"),
    ("ProxyError", "the proxy in between refuses"),
    ("ProxyConnectionError", "the proxy in between cannot be connected to"),
    ("DecodingError", "its answer cannot be decompressed"),
    ("ContentTypeError", "its answer is of another kind than asked for"),
    ("ConnectTimeout", "no connection was made in time"),
    ("ConnectionTimeout", "no connection was made in time"),
    ("PoolTimeout", "too many requests are under way"),
    ("Timeout", "it did not answer in time"),
    ("ServerDisconnected", "the connection broke off"),
    ("PayloadError", "the connection broke off in the middle of an answer"),
    ("IncompleteRead", "the connection broke off in the middle of an answer"),
    ("ReadError", "the connection broke off"),
    ("WriteError", "the connection broke off"),
    ("CloseError", "the connection broke off"),
    ("ConnectionReset", "the connection broke off"),
    ("ConnectError", "it cannot be connected to"),
    ("ClientConnectorError", "it cannot be connected to"),
)
"""By a part of the name of the exception's class or of those it is derived from; the first that fits counts."""

_BY_SYSTEM_ERROR: Final[tuple[tuple[tuple[type[OSError], ...], str], ...]] = (
    ((socket.gaierror,), "its name cannot be resolved"),
    ((ConnectionRefusedError,), "the connection was refused"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "the connection broke off"),
)


def describe(error: BaseException) -> str:
    """What was wrong, in a clause about the server: `the connection was refused`. No text of `error` is in it."""
    for cause in _chain(error):
        if (clause := _of_system(cause)) is not None:
            return clause
    names = [kind.__name__ for kind in type(error).__mro__]
    for part, words in _BY_KIND:
        if any(part in name for name in names):
            return words
    return f"the request failed ({names[0]})"


def untrusted_certificate(error: BaseException) -> str | None:
    """Why the server's certificate is not accepted, in OpenSSL's words; None where that is not what was wrong."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return getattr(cause, "verify_message", None) or "it cannot be verified"
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, the deepest last, each once."""
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        below = (current.__cause__, current.__context__, getattr(current, "os_error", None))
        waiting += [error for error in below if isinstance(error, BaseException)]


def _of_system(error: BaseException) -> str | None:
    """What the operating system or OpenSSL says; None where the error is neither's."""
    if isinstance(error, ssl.SSLCertVerificationError):
        # aiohttp's class of this kind has none of the attributes; the one that it was raised from does.
        message = getattr(error, "verify_message", None)
        return None if message is None else f"its TLS certificate is not accepted: {message or 'it cannot be verified'}"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'without a reason'})"
    for kinds, words in _BY_SYSTEM_ERROR:
        if isinstance(error, kinds):
            return words
    # Not of classes that a library derives from it, whose errno may be of its own making.
    return os.strerror(error.errno) if type(error) is OSError and error.errno is not None else None
