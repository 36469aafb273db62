"""OpenTelemetry traces: spans, redaction, and no cost without a collector."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.types import Receive, Scope, Send

from augmentation_gateway.observability.tracing import SERVICE_NAME, tracing


class StandInCollector(ThreadingHTTPServer):
    """Takes OTLP over HTTP, as any collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.requests: list[ExportTraceServiceRequest] = []

    @property
    def spans(self) -> list[Span]:
        resources = [resource for request in self.requests for resource in request.resource_spans]
        return [span for resource in resources for scope in resource.scope_spans for span in scope.spans]


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:

        body = self.rfile.read(int(self.headers["content-length"]))
        body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
        assert isinstance(self.server, StandInCollector)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInCollector]:
    with StandInCollector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", SERVICE_NAME)
        yield server
        server.shutdown()


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def test_every_request_is_span_without_key(collector: StandInCollector) -> None:
    with tracing() as trace:
        transport = httpx.ASGITransport(trace(answer))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            await client.get("/v1/augmentation", headers={"x-api-key": "aug_secret", "authorization": "Bearer secret"})
            await client.get("/healthz")
    (span,) = collector.spans
    assert span.kind == Span.SPAN_KIND_SERVER
    attributes = {item.key: str(item.value) for item in span.attributes}
    assert "/v1/augmentation" in str(attributes)
    assert "secret" not in str(collector.requests)
    (resource,) = (item.resource for request in collector.requests for item in request.resource_spans)
    names = {item.key: item.value.string_value for item in resource.attributes}
    assert names["service.name"] == SERVICE_NAME


async def fail(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("Illegal header value b'Bearer Zq7RvX2mWc9TjLp4'")


async def test_credentials_are_redacted_from_spans(
    collector: StandInCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Log level of an administrator who debugs a problem.
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    secret = "Zq7RvX2mWc9TjLp4"
    with tracing() as trace:
        transport = httpx.ASGITransport(trace(fail), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            headers = {"x-api-key": secret, "authorization": f"Bearer {secret}", "cookie": f"key={secret}"}
            await client.get(f"/v1/augmentation/{secret[:2]}?key={secret}&token=aug_{secret}", headers=headers)
    (span,) = collector.spans
    attributes = {item.key: str(item.value) for item in span.attributes}
    assert any("x_api_key" in name for name in attributes), "the headers are not recorded: the test shows nothing"
    assert span.events[0].name == "exception"
    assert "Illegal header value" in str(span.events)
    assert not [part for at in range(9) if (part := secret[at : at + 8]) in str(collector.requests)]


def test_opentelemetry_is_not_loaded_without_collector() -> None:
    program = (
        "import sys; from augmentation_gateway.observability.tracing import tracing\n"
        "with tracing() as trace: assert trace(len) is len\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry')]"
    )
    assert subprocess.run([sys.executable, "-c", program], env={}, check=False).returncode == 0
