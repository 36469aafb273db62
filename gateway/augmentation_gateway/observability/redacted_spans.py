"""Redaction of spans before they leave the process: credentials are removed, wherever an instrumentation put them.

What is recorded of a request is the instrumentations' business and OpenTelemetry's variables': headers that an
administrator names, URLs with the key that a client put into the query, exceptions with their texts. So all text of a
span passes here on its way to the collector.
"""

from collections.abc import Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Status
from opentelemetry.util.types import Attributes, AttributeValue
from typing_extensions import override

from augmentation_api.redaction import quotable

TEXT_LIMIT = 4096
"""Characters per attribute: a traceback is longer, its end is not."""
_CREDENTIALS = ("authorization", "api_key", "api-key", "cookie", "url.query")
"""Parts of the names of secret attributes: headers, and the query, into which some clients put a key."""
_TARGET = "http.target"
"""Path and query in one attribute, by an older convention."""


class RedactedSpans(SpanExporter):
    """Exports spans by another exporter, redacted.

    Args:
        inner: sends them.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._inner.export([_redacted(span) for span in spans])

    @override
    def shutdown(self) -> None:
        self._inner.shutdown()

    @override
    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=quotable(span.name, TEXT_LIMIT),
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_attributes(span.attributes),
        events=[Event(event.name, _attributes(event.attributes), event.timestamp) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, _described(span.status.description)),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _described(description: str | None) -> str | None:
    return None if description is None else quotable(description, TEXT_LIMIT)


def _attributes(attributes: Attributes) -> dict[str, AttributeValue]:
    return {name: _value(name, value) for name, value in (attributes or {}).items()}


def _value(name: str, value: AttributeValue) -> AttributeValue:
    if any(part in name for part in _CREDENTIALS):
        return "***"
    if isinstance(value, str):
        return quotable(value.partition("?")[0] if name == _TARGET else value, TEXT_LIMIT)
    if isinstance(value, Sequence):
        return tuple(quotable(item, TEXT_LIMIT) if isinstance(item, str) else item for item in value)
    return value
