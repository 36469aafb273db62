"""Signatures of notifications, by Standard Webhooks 1.0 (https://www.standardwebhooks.com), symmetric: HMAC-SHA256."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Final

_PREFIX: Final = "whsec_"
_LEAST_KEY_BYTES: Final = 24
"""The specification asks for 24 to 64 random bytes."""


class UnusableKey(ValueError):
    """A text that holds no key; what is wrong, without the text."""


def read_keys(text: str) -> tuple[bytes, ...]:
    """The keys of a Secret: `whsec_` and base64; several, apart by white space, while one replaces another.

    Raises UnusableKey.
    """
    keys = []
    for word in text.split():
        if not word.startswith(_PREFIX):
            raise UnusableKey(f"a key has to begin with {_PREFIX}")
        try:
            key = base64.b64decode(word.removeprefix(_PREFIX), validate=True)
        except binascii.Error as error:
            raise UnusableKey(f"what follows {_PREFIX} has to be base64") from error
        if len(key) < _LEAST_KEY_BYTES:
            raise UnusableKey(f"a key has to have {_LEAST_KEY_BYTES} bytes at least, and has {len(key)}")
        keys.append(key)
    if not keys:
        raise UnusableKey("it is empty")
    return tuple(keys)


def signed_headers(event_id: str, at: datetime, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers by which a receiver tells that a body is the operator's, and is not an old one sent again."""
    timestamp = str(int(at.timestamp()))
    content = b".".join((event_id.encode(), timestamp.encode(), body))
    signatures = (base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in keys)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
