"""One POST of a notification: bounded in time, without redirects, and nothing of the answer but its status is read."""

import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from augmentation_kube.outbound import BundleError, proxy_of, tls_context

TIMEOUT_SECONDS: Final = 15.0
"""Of the whole request. Standard Webhooks recommends 15 to 30 seconds."""


class DeliveryFailed(Exception):
    """The receiver did not accept the event: why, without the URL's path, which may hold a secret.

    Attributes:
        is_final: it asked for no more events.
    """

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


def host_of(url: str) -> str:
    """The part of a URL that may be logged."""
    try:
        return urlsplit(url).netloc
    except ValueError:
        return "notify.url, which is no URL"


async def deliver(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """POST a body, by the proxies and with the authorities of the environment. Raises DeliveryFailed unless a 2xx."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(
                url, data=body, headers=headers, allow_redirects=False, ssl=tls_context(), proxy=proxy_of(url)
            ) as answer,
        ):
            status = answer.status
    except BundleError as error:
        raise DeliveryFailed(str(error)) from error
    except TimeoutError as error:
        raise DeliveryFailed(f"no answer within {TIMEOUT_SECONDS:.0f} s") from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise DeliveryFailed(_untrusted(error.certificate_error)) from error
    except aiohttp.ClientConnectorError as error:
        raise DeliveryFailed(f"it cannot be reached: {error.os_error.strerror or error.os_error}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        # The text of such an error may quote the URL.
        raise DeliveryFailed(f"the connection failed ({type(error).__name__})") from error
    if 300 <= status < 400:
        raise DeliveryFailed(f"it answered {status}, and redirects are not followed: name the final address")
    if not 200 <= status < 300:
        raise DeliveryFailed(f"it answered {status}", is_final=status == 410)


def _untrusted(error: Exception) -> str:
    why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return f"its certificate is not trusted ({why}): name the CA that signed it in caBundle of the Helm chart"
