"""Taking secrets out of text, whatever form a library gave them before it put them into its message.

A library that refuses a header shows its repr; a proxy answers with the request in JSON; a URL holds it percent-encoded
and a log line cuts it in half. So not the secret is looked for but every run of FRAGMENT of its characters, in each of
those forms and regardless of case. What has the shape of a credential goes too, known or not.
"""

import base64
import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from augmentation_api.printable import printable

FRAGMENT: Final = 8
"""Characters of a secret in a row that may not be seen; no fewer can be told from ordinary text."""
SHORTEST_SECRET: Final = 4
"""Shorter ones are not looked for: they are words. From here to FRAGMENT they are, where they stand alone."""
LONG: Final = 16
"""From here on a secret is in no file by accident."""
BLOT: Final = "***"
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
"""ASCII alone, so that a text keeps its length."""
# Whoever chooses the text must not make the search long: no shape may begin in many places and look far from each.
_CREDENTIALS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), BLOT),
    # With a digit: else it is a word.
    (re.compile(r"(?i)\b(bearer|basic)(?:\s+|%20|\+)(?=[^\s\d]{0,200}\d)[A-Za-z0-9._~+/=%-]{8,}"), rf"\1 {BLOT}"),
    # JSON Web Tokens, among them Kubernetes' identity tokens; tokens of the public hub; keys of the gateway.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), BLOT),
    (re.compile(r"\bhf_[A-Za-z0-9]{30,}"), BLOT),
    # As long as a key is, and in both cases: people call datasets aug_so101_pick_place, too.
    (re.compile(r"\baug_(?=[a-z0-9_-]{0,40}[A-Z])[A-Za-z0-9_-]{36,}"), BLOT),
    # Of a URL: who asks, and the query, which is where a signed one holds its signature.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,30}://)[^\s/?#'\"<>\\]*@"), rf"\1{BLOT}@"),
    (
        re.compile(r"(?i)\b(https?://[^\s?#'\"<>\\]*)(\?[^\s'\"<>\\]*)?"),
        lambda url: f"{url[1]}?{BLOT}" if url[2] else url[0],
    ),
)


class Redactor:
    """Knows some secrets, and blots them out of text.

    Args:
        secrets: to be kept.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
        self._whole = tuple(secret for secret in known if len(secret) >= FRAGMENT)
        short = [re.escape(secret) for secret in known if len(secret) < FRAGMENT]
        self._short = re.compile(rf"(?<![\w-])({'|'.join(short)})(?![\w-])") if short else None
        fragments: defaultdict[int, set[str]] = defaultdict(set)
        for secret in self._whole:
            for form, length in _forms(secret):
                lowered = form.translate(_LOWER)
                fragments[length].update(lowered[at : at + length] for at in range(len(lowered) - length + 1))
        self._fragments = {length: frozenset(found) for length, found in fragments.items()}

    def text(self, text: str) -> str:
        """Words for people: without any fragment of a secret, nor anything that has the shape of one."""
        text = self._without_fragments(text)
        if self._short is not None:
            text = self._short.sub(BLOT, text)
        for shape, instead in _CREDENTIALS:
            text = shape.sub(instead, text)
        return text

    def line(self, text: str, limit: int) -> str:
        """Words as a message may quote them: at most `limit` printable characters on one line, without secrets."""
        # What is far beyond the limit is not looked at; a fragment of a secret at the cut is still known for one.
        return printable(self.text(text[: 4 * limit]), limit)

    def value(self, text: str) -> str:
        """A name or number that programs read: without a whole secret, else as it is."""
        for secret in self._whole:
            text = text.replace(secret, BLOT)
        return text

    def holds_secret(self, content: bytes) -> bool:
        """Whether a file's content has one of the secrets in it, as it is. Ones that may be words do not count."""
        long = (secret for secret in self._whole if len(secret) >= LONG)
        return any(secret.encode(errors="surrogatepass") in content for secret in long)

    def _without_fragments(self, text: str) -> str:
        lowered = text.translate(_LOWER)
        hidden = bytearray(len(text))
        for length, fragments in self._fragments.items():
            for at in range(len(lowered) - length + 1):
                if lowered[at : at + length] in fragments:
                    hidden[at : at + length] = b"\1" * length
        if not any(hidden):
            return text
        return "".join(_blotted(text, hidden))


_SHAPES: Final = Redactor()


def without_credentials(text: str) -> str:
    """`text` without what has the shape of a credential; its lines stay. For whoever knows of no secret."""
    return _SHAPES.text(text)


def quotable(text: str, limit: int) -> str:
    """What somebody else says as it may be quoted: at most `limit` printable characters on one line, no credential."""
    return _SHAPES.line(text, limit)


def _blotted(text: str, hidden: bytearray) -> Iterator[str]:
    at = 0
    while at < len(text):
        end = at
        while end < len(text) and hidden[end] == hidden[at]:
            end += 1
        yield BLOT if hidden[at] else text[at:end]
        at = end


def _forms(secret: str) -> Iterator[tuple[str, int]]:
    """The forms of a secret, and how many of their characters show FRAGMENT of its own."""
    seen = {secret}
    for escaped in (secret, repr(secret)[1:-1], _as_json(secret), _as_json(repr(secret)[1:-1])):
        seen |= {escaped, html.escape(escaped), _as_json(escaped), repr(escaped)[1:-1]}
        seen |= {quote(escaped, safe="", errors="replace"), quote(escaped, errors="replace")}
        seen.add(quote_plus(escaped, errors="replace"))
    seen |= {secret.encode(errors="replace").decode("latin-1"), json.dumps(secret, ensure_ascii=False)[1:-1]}
    for form in seen:
        yield form, FRAGMENT
    content = secret.encode(errors="replace")
    # Whatever stands before it ("Bearer ", "user:") moves a secret by 0, 1 or 2 of the bytes that base64 takes as one.
    for before in range(3):
        # The first and last groups mix the secret with its surroundings.
        aligned = content[(3 - before) % 3 :]
        aligned = aligned[: len(aligned) // 3 * 3]
        yield base64.b64encode(aligned).decode(), FRAGMENT
        yield base64.urlsafe_b64encode(aligned).decode(), FRAGMENT
    for prefix in ("", "\\x", "%"):
        yield "".join(f"{prefix}{byte:02x}" for byte in content), FRAGMENT * (2 + len(prefix))
    for pattern in ("\\u{:04x}", "&#{};", "&#x{:x};"):
        spelled = "".join(pattern.format(ord(character)) for character in secret)
        yield spelled, len(spelled) * FRAGMENT // len(secret)


def _as_json(text: str) -> str:
    return json.dumps(text)[1:-1]
