"""KubeApi over the official client's connection to an API server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from kubernetes.aio import config
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from typing_extensions import override

from augmentation_api.redaction import Redactor
from augmentation_kube import connection_failure
from augmentation_kube.api import Json, KubeApi
from augmentation_kube.errors import KubeError, KubeUnavailable
from augmentation_kube.outbound import proxy_of
from augmentation_kube.paths import Resource, object_path

REQUEST_TIMEOUT_SECONDS = 30.0
_JSON = "application/json"
_CALLS = {
    "get": ("GET", _JSON),
    "list": ("GET", _JSON),
    "create": ("POST", _JSON),
    "apply": ("PATCH", "application/apply-patch+yaml"),
    "patch": ("PATCH", "application/merge-patch+json"),
    "delete": ("DELETE", _JSON),
}
"""HTTP method of each verb, and the content type of what is sent."""

OnCall = Callable[[str, str], None]
"""Called after each request with the verb (get, list, create, apply, patch, delete) and the resource, `jobs/status`."""


@asynccontextmanager
async def connect(
    kubeconfig: str | None = None, on_call: OnCall = lambda verb, resource: None
) -> AsyncIterator[KubeApi]:
    """A KubeApi for the cluster this process is in, else for the one that `kubeconfig` or $KUBECONFIG names.

    `on_call` is called after each request.

    Raises:
        kubernetes.aio.config.ConfigException: there is neither.
    """
    configuration = Configuration()
    in_cluster = False
    if kubeconfig is None:
        try:
            config.load_incluster_config(client_configuration=configuration)
            in_cluster = True  # where proxies of the environment are for what is outside
        except config.ConfigException:
            await config.load_kube_config(client_configuration=configuration)
    else:
        await config.load_kube_config(config_file=kubeconfig, client_configuration=configuration)
    # Otherwise environment and netrc are read again for each request, in a thread.
    configuration.client_session_kwargs = {"trust_env": False}
    if not in_cluster:
        configuration.proxy = configuration.proxy or proxy_of(configuration.host)
    async with ApiClient(configuration) as client:
        yield KubeClient(client, on_call)


class KubeClient(KubeApi):
    """The API server that an ApiClient is configured for."""

    def __init__(self, client: ApiClient, on_call: OnCall) -> None:
        self._client = client
        self._on_call = on_call

    @override
    async def _send(
        self,
        verb: str,
        resource: Resource,
        namespace: str | None,
        name: str | None = None,
        subresource: str | None = None,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Json:
        method, content_type = _CALLS[verb]
        path = object_path(resource, namespace, name, subresource)
        try:
            response = await self._request(method, path, query or {}, body, content_type)
            answer: Json = orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            why = connection_failure.describe(error)
            raise KubeUnavailable(f"the answer of the Kubernetes API broke off: {why}") from error
        finally:
            plural = resource.value.plural
            self._on_call(verb, f"{plural}/{subresource}" if subresource else plural)
        return answer

    @override
    async def _watch(
        self, resource: Resource, namespace: str | None, query: Mapping[str, str], opened: Callable[[], None]
    ) -> AsyncGenerator[Json, None]:
        timeout = int(query["timeoutSeconds"]) + 30
        response = await self._request("GET", object_path(resource, namespace), query, timeout=timeout)
        opened()
        try:
            async for line in response.content:
                if not line.endswith(b"\n"):
                    raise KubeUnavailable("the watch broke off in the middle of an event")
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    status = event["object"]
                    raise KubeError(status.get("code", 500), status.get("reason", ""), status.get("message", ""))
                yield event
        except (aiohttp.ClientError, TimeoutError) as error:
            raise KubeUnavailable(f"the watch broke off: {connection_failure.describe(error)}") from error
        finally:
            response.close()

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        content_type: str = _JSON,
        timeout: float = REQUEST_TIMEOUT_SECONDS,
    ) -> aiohttp.ClientResponse:
        """Send one request without reading the body of the answer. Raises KubeError for a status of 400 and above."""
        # The client's own request path serializes models value by value: our bodies are plain JSON already.
        headers = {"Accept": _JSON, "Content-Type": content_type, **self._client.default_headers}
        await self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self._client.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            answer = await self._client.rest_client.request(
                method, url, headers, body, _request_timeout=aiohttp.ClientTimeout(total=timeout)
            )
            response: aiohttp.ClientResponse = answer.response
            if response.status >= 400:
                raise KubeError.from_answer(response.status, await response.read(), Redactor(_credentials(headers)))
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            why = connection_failure.describe(error)
            raise KubeUnavailable(f"the Kubernetes API could not be reached: {why}") from error
        return response


def _credentials(headers: Mapping[str, str]) -> list[str]:
    """The tokens by which this program authenticates."""
    return [value.split(" ", 1)[-1] for name, value in headers.items() if name.lower() == "authorization" and value]
