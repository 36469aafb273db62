"""The preview (before and after) of a result, proxied from the hub for the page, which may load no other origin.

It is the only file of a dataset that passes through the gateway. It is requested from the hub of the administrator's
class, never from an address in a job's status, which the job's own pods write; without a token, as the gateway has
none; and its size is limited.
"""

import asyncio
import re
from urllib.parse import quote

import aiohttp
from fastapi import Response
from starlette.types import Receive, Scope, Send
from yarl import URL

from augmentation_api.spec import REPO_ID_PATTERN
from augmentation_api.status import OutputStatus
from augmentation_api.worker_contract import RESULT_PREVIEW
from augmentation_gateway.jobs.hub_destinations import ElsewhereError, HubDestinations
from augmentation_gateway.problem import Problem
from augmentation_kube.outbound import proxy_of, tls_context

MOST_BYTES = 8 * 1024 * 1024
TIMEOUT_SECONDS = 10.0
SLICE_BYTES = 64 * 1024
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PNG = b"\x89PNG\r\n\x1a\n"
_REVISION = re.compile(r"[0-9A-Za-z._-]{1,255}")


class SlicedResponse(Response):
    """A response sent slice by slice, as its client reads: it ends when nearly all of it was read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        slices = memoryview(self.body)
        for start in range(0, len(slices), SLICE_BYTES):
            part = slices[start : start + SLICE_BYTES]
            await send({"type": "http.response.body", "body": bytes(part), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def preview_url(output: OutputStatus, hub_endpoint: str) -> str | None:
    """The preview's URL for pods of this cluster; None where the result is not on a hub."""
    dataset_id, revision = output.dataset_id or "", output.revision or ""
    if not output.url or not re.fullmatch(REPO_ID_PATTERN, dataset_id) or not _REVISION.fullmatch(revision):
        return None
    return f"{hub_endpoint.rstrip('/')}/datasets/{dataset_id}/resolve/{quote(revision, safe='')}/{RESULT_PREVIEW}"


async def fetch_preview(address: str) -> bytes:
    """The PNG at a URL. Raises Problem 404 where the hub denies it, 502 where it cannot be fetched."""
    destinations, url = HubDestinations(address), URL(address)
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=destinations, ssl=tls_context())) as session,
        ):
            for _ in range(MOST_REDIRECTS + 1):
                async with session.get(url, allow_redirects=False, proxy=proxy_of(str(url))) as answer:
                    if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                        return await _preview_in(answer)
                    url = await destinations.follow(url, answer.headers["Location"])
    except ElsewhereError as error:
        raise Problem(
            502,
            "The hub redirects to an address that is less public than its own, which the gateway does not follow",
            "open the preview at the hub",
        ) from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise Problem(
            502,
            "The gateway does not trust the hub's certificate, and fetches no preview from it",
            "open it at the hub, or have the administrator set caBundle of the Helm chart",
        ) from error
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise Problem(
            502,
            "The gateway cannot reach the hub for the preview",
            "open it at the hub, or have the administrator allow egress from the gateway's pods to the hub",
        ) from error
    raise Problem(502, f"The hub redirects more than {MOST_REDIRECTS} times for the preview", "open it at the hub")


async def _preview_in(answer: aiohttp.ClientResponse) -> bytes:
    if answer.status in (401, 403, 404):
        raise Problem(
            404,
            "The preview is not public at the hub, as the dataset is private or was deleted",
            "open meta/augmentation.png at the hub",
        )
    if answer.status != 200:
        raise Problem(502, f"The hub answered {answer.status} for the preview", "try again, or open it there")
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MOST_BYTES:
            raise Problem(502, f"The preview is larger than {MOST_BYTES // 1024**2} MiB", "open it at the hub")
    if not body.startswith(_PNG):
        raise Problem(502, "The hub's meta/augmentation.png is no PNG image", "open the dataset at the hub")
    return bytes(body)
