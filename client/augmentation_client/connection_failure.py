"""Reasons why the gateway gave no answer, in our own words: those of the HTTP library may quote the API key."""

import socket
import ssl
from collections.abc import Iterator

import httpx

from augmentation_client.errors import ApiError

_BY_KIND: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, "no connection was made in time"),
    (httpx.TimeoutException, "no answer came in time"),
    (httpx.UnsupportedProtocol, "the address begins with neither http:// nor https://"),
    (httpx.ProxyError, "the proxy in between refuses"),
    (httpx.LocalProtocolError, "the request cannot be sent: the key or the address holds what HTTP does not allow"),
    (httpx.RemoteProtocolError, "the connection broke off, or it does not speak HTTP"),
    (httpx.ConnectError, "it refuses connections or cannot be reached"),
    (httpx.NetworkError, "the connection broke off"),
    (httpx.TooManyRedirects, "it redirects without end"),
    (httpx.DecodingError, "its answer cannot be decompressed"),
    (httpx.InvalidURL, "its address is not a valid URL"),
)


def describe(error: Exception) -> str:
    """Describe an error without the text of the HTTP library."""
    if isinstance(error, ApiError):
        return str(error)
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = getattr(cause, "verify_message", "") or "it cannot be verified"
            return f"its TLS certificate is not accepted: {why}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({cause.reason or 'without a reason'})"
        if isinstance(cause, socket.gaierror):
            return "its name cannot be resolved"
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
    return next((words for kind, words in _BY_KIND if isinstance(error, kind)), type(error).__name__)


def is_transient(error: BaseException) -> bool:
    """Whether the same request may get an answer later: not if address, key or certificate are wrong."""
    if not isinstance(error, httpx.TransportError):
        return False
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return False
    return not any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _chain(error))


def was_sent(error: BaseException) -> bool:
    """Whether the request may have reached the gateway; without a connection it has not."""
    return not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)


def no_answer(url: httpx.URL, error: Exception | None) -> str:
    """Message for a gateway that gave no answer. The address is shown without user and password."""
    why = describe(error) if error is not None else "no request was sent"
    return f"{url.scheme}://{url.netloc.decode()} does not answer: {why}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
