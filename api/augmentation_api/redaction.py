"""Redaction of secrets in text, in whatever encoding a library put them into its message.

A library that refuses a header quotes its repr; a proxy echoes the request as JSON; a URL holds a secret
percent-encoded, and a log line truncates it. So the search is for every run of FRAGMENT characters of a secret, in each
of those forms and regardless of case. Anything with the shape of a credential is redacted too, known or not.
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
"""Length of the runs that are redacted, in characters; shorter ones match ordinary text."""
SHORTEST_SECRET: Final = 4
"""Minimum length of a secret. Shorter ones match words; up to FRAGMENT, only whole words are redacted."""
LONG: Final = 16
"""Length from which a secret occurs in no file by accident."""
BLOT: Final = "***"
_LOWER = str.maketrans({chr(code): chr(code + 32) for code in range(ord("A"), ord("Z") + 1)})
"""Lower-cases ASCII only, so that a text keeps its length."""
_AZURE_CONTAINER: Final = r"abfss?://[a-z0-9-]{3,63}@[a-z0-9]{3,24}\.dfs\.core\.windows\.net(?![\w@-]|\.\w)"
"""A dataset's name, in which nothing is secret: the URL of a container of Azure Blob Storage."""
# The text may be an attacker's: no pattern may start at many places and scan far from each (ReDoS).
_CREDENTIALS: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), BLOT),
    # With a digit: otherwise it may be a word.
    (re.compile(r"(?i)\b(bearer|basic)(?:\s+|%20|\+)(?=[^\s\d]{0,200}\d)[A-Za-z0-9._~+/=%-]{8,}"), rf"\1 {BLOT}"),
    # JSON Web Tokens (Kubernetes' service account tokens among them), Hugging Face tokens, keys of the gateway.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?"), BLOT),
    (re.compile(r"\bhf_[A-Za-z0-9]{30,}"), BLOT),
    # Of the length of a key and with an upper-case letter: datasets may be called aug_so101_pick_place.
    (re.compile(r"\baug_(?=[a-z0-9_-]{0,40}[A-Z])[A-Za-z0-9_-]{36,}"), BLOT),
    # User information and query of a URL; the query of a signed URL holds its signature. Azure writes containers so.
    (re.compile(rf"(?i)\b(?!{_AZURE_CONTAINER})([a-z][a-z0-9+.-]{{0,30}}://)[^\s/?#'\"<>\\]*@"), rf"\1{BLOT}@"),
    (
        re.compile(r"(?i)\b(https?://[^\s?#'\"<>\\]*)(\?[^\s'\"<>\\]*)?"),
        lambda url: f"{url[1]}?{BLOT}" if url[2] else url[0],
    ),
)


class Redactor:
    """Removes known secrets from text.

    Args:
        secrets: the secrets to remove.
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
        self._fragments = {length: frozenset(of_length) for length, of_length in fragments.items()}

    def text(self, text: str) -> str:
        """Redact text for people: fragments of secrets, and anything with the shape of a credential."""
        text = self._without_fragments(text)
        if self._short is not None:
            text = self._short.sub(BLOT, text)
        for shape, instead in _CREDENTIALS:
            text = shape.sub(instead, text)
        return text

    def line(self, text: str, limit: int) -> str:
        """Redact, escape and truncate text for quotation in a message: one line of at most `limit` characters."""
        # Text far beyond the limit is not scanned; a fragment of a secret at the limit is still recognized.
        return printable(self.text(text[: 4 * limit]), limit)

    def value(self, text: str) -> str:
        """Redact a value that programs read: whole secrets only."""
        for secret in self._whole:
            text = text.replace(secret, BLOT)
        return text

    def holds_secret(self, content: bytes) -> bool:
        """Whether the content of a file contains one of the longer secrets verbatim."""
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
    """Redact anything with the shape of a credential; line breaks stay. For callers that know no secret."""
    return _SHAPES.text(text)


def quotable(text: str, limit: int) -> str:
    """Redact, escape and truncate untrusted text for quotation: one line of at most `limit` characters."""
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
    """The encoded forms of a secret, each with the number of characters that encode FRAGMENT of its own."""
    seen = {secret}
    for escaped in (secret, repr(secret)[1:-1], _as_json(secret), _as_json(repr(secret)[1:-1])):
        seen |= {escaped, html.escape(escaped), _as_json(escaped), repr(escaped)[1:-1]}
        # Of a repr within a repr: the outer one escapes the quotes that the inner one left as they are.
        seen.add(repr(repr(escaped))[2:-2])
        seen |= {quote(escaped, safe="", errors="replace"), quote(escaped, errors="replace")}
        seen.add(quote_plus(escaped, errors="replace"))
    seen |= {secret.encode(errors="replace").decode("latin-1"), json.dumps(secret, ensure_ascii=False)[1:-1]}
    for form in seen:
        yield form, FRAGMENT
    content = secret.encode(errors="replace")
    # A prefix ("Bearer ", "user:") shifts a secret by 0, 1 or 2 bytes within the groups of three of base64.
    for before in range(3):
        # The first and last groups mix the secret with its neighbours.
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
