"""Writes of Google's XML API, which obstore sends, as those of its JSON API, which is what fake-gcs-server understands.

Reads, lists and deletions go through as they are. Preconditions go along as parameters.
Uploads in parts, which fake-gcs-server does not have, are collected here and sent on as one.
"""

import json
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, quote, unquote, urlsplit
from uuid import uuid4
from xml.sax.saxutils import escape

from tests.integration.worker.object_stores.store_proxy import Answered, Asked, Send

_CONDITION = "x-goog-if-generation-match"
_COPIED = "x-goog-copy-source"


@dataclass
class XmlWrites:
    """What translates for one server.

    Attributes:
        parts: of the uploads that are under way, by upload and number.
    """

    parts: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def __call__(self, asked: Asked, send: Send) -> Answered:
        """Answer a request, by what `send` answers."""
        parts = urlsplit(asked.target)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        bucket, _, key = parts.path.removeprefix("/").partition("/")
        name = quote(unquote(key), safe="")
        if asked.method == "PUT" and _COPIED in asked.headers:
            source_bucket, _, source = asked.headers[_COPIED].removeprefix("/").partition("/")
            copied = f"/storage/v1/b/{source_bucket}/o/{quote(unquote(source), safe='')}"
            return send(Asked("POST", f"{copied}/copyTo/b/{bucket}/o/{name}", _json(b"{}"), b"{}"))
        if "uploads" in query or "uploadId" in query:
            return self._in_parts(asked, query, bucket, name, send)
        if asked.method == "PUT":
            return _upload(bucket, name, asked.body, asked.headers.get(_CONDITION), send)
        # By its own name: it takes others for those of buckets.
        return send(replace(asked, headers={name: value for name, value in asked.headers.items() if name != "host"}))

    def _in_parts(self, asked: Asked, query: dict[str, str], bucket: str, name: str, send: Send) -> Answered:
        if "uploads" in query:
            upload = uuid4().hex
            self.parts[upload] = {}
            return Answered(200, [], _xml("InitiateMultipartUploadResult", UploadId=upload))
        upload = query["uploadId"]
        if asked.method == "PUT":
            self.parts[upload][int(query["partNumber"])] = asked.body
            return Answered(200, [("ETag", f'"{query["partNumber"]}"')], b"")
        content = self.parts.pop(upload)
        if asked.method == "DELETE":
            return Answered(204, [], b"")
        answer = _upload(bucket, name, b"".join(content[number] for number in sorted(content)), None, send)
        tag = dict(answer.headers).get("ETag", "")
        return Answered(answer.status, answer.headers, _xml("CompleteMultipartUploadResult", ETag=tag))


def _upload(bucket: str, name: str, content: bytes, condition: str | None, send: Send) -> Answered:
    target = f"/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
    if condition is not None:
        target += f"&ifGenerationMatch={condition}"
    headers = {"content-type": "application/octet-stream", "content-length": str(len(content))}
    answer = send(Asked("POST", target, headers, content))
    if answer.status != 200:
        return answer
    made = json.loads(answer.content)
    return Answered(200, [("ETag", f'"{made["etag"]}"'), ("x-goog-generation", str(made["generation"]))], b"")


def _json(content: bytes) -> dict[str, str]:
    return {"content-type": "application/json", "content-length": str(len(content))}


def _xml(name: str, **fields: str) -> bytes:
    inner = "".join(f"<{field}>{escape(value)}</{field}>" for field, value in fields.items())
    return f"<{name}><Bucket>b</Bucket><Key>k</Key>{inner}</{name}>".encode()
