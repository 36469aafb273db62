"""The secrets of this process, and the one function that every message passes so that it holds none of them.

Whoever reads a secret registers it here. Failures (WorkerFailure), the status (Reporter), stdout, stderr and the log
(console.py) go through here whatever they are made of, so that no code in between has to think of it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from augmentation_api.printable import printable
from augmentation_api.redaction import Redactor

MESSAGE_LIMIT: Final = 4096
"""Most characters of a message or an error, as the CRD allows."""
IDENTITY_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""By which Kubernetes knows the pod."""
_SECRET_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Not read by this program, but there on many machines, and a library may read them."""
_PROSE = frozenset({"message", "error", "data"})
"""Fields of the status for people; all others are names and numbers that programs read back."""
_secrets: frozenset[str] = frozenset()
_redactor = Redactor()


def keep(*secrets: str | None) -> None:
    """Keep these out of every message from here on. None and empty ones are no secrets."""
    global _secrets, _redactor
    known = _secrets | {secret for secret in secrets if secret}
    if known != _secrets:
        _secrets, _redactor = known, Redactor(known)


def keep_surroundings(environment: Mapping[str, str]) -> None:
    """Register the secrets that are there without being asked for: the pod's identity, a user's own hub token."""
    keep(*(environment.get(name) for name in _SECRET_VARIABLES))
    try:
        keep(IDENTITY_TOKEN.read_text().strip())
    except (OSError, UnicodeDecodeError):
        return


def forget() -> None:
    """Know no secrets any more (tests)."""
    global _secrets, _redactor
    _secrets, _redactor = frozenset(), Redactor()


def redacted(text: str) -> str:
    """`text` without secrets; its lines stay."""
    return _redactor.text(text)


def fit(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """`text` as a message may be: without secrets, printable, on one line, of at most `limit` characters."""
    return _redactor.line(text, limit)


def fit_status(status: Mapping[str, object]) -> dict[str, object]:
    """A status without secrets and control characters in any of its texts."""
    return {_name(key): _fit_value(value, is_prose=key in _PROSE) for key, value in status.items()}


def holds_secret(content: bytes) -> bool:
    """Whether a file's content holds one of the secrets."""
    return _redactor.holds_secret(content)


def _fit_value(value: object, *, is_prose: bool) -> object:
    if isinstance(value, str):
        return fit(value) if is_prose else _name(value)
    if isinstance(value, Mapping):
        return {_name(str(key)): _fit_value(item, is_prose=is_prose or key in _PROSE) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_fit_value(item, is_prose=is_prose) for item in value]
    return value


def _name(text: str) -> str:
    return printable(_redactor.value(text))
