"""Errors of requests to the Kubernetes API."""

import json
from typing import Final

from augmentation_api.redaction import Redactor, quotable

MESSAGE_LIMIT: Final = 4096
_REASON_LIMIT: Final = 256
_NOTHING_KNOWN: Final = Redactor()


class KubeError(Exception):
    """The API server answered with an error status.

    Attributes:
        status: HTTP status code.
        reason: CamelCase reason of the answer, e.g. AlreadyExists.
        message: the server's own sentence: printable, of bounded length, and nothing with the shape of a credential.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        self.status = status
        self.reason = quotable(reason, _REASON_LIMIT)
        self.message = quotable(message, MESSAGE_LIMIT)
        super().__init__(f"{self.message} ({status} {self.reason})")

    @classmethod
    def from_answer(cls, status: int, body: bytes, known: Redactor = _NOTHING_KNOWN) -> "KubeError":
        """Read a metav1.Status; any other answer (a proxy's, which may quote the request) is quoted in part.

        Args:
            status: of the answer.
            body: of the answer.
            known: redacts the credentials of the request.
        """
        try:
            answer = json.loads(body)
            return cls(status, known.text(str(answer.get("reason", ""))), known.text(str(answer.get("message", ""))))
        except (ValueError, AttributeError):
            return cls(status, "", known.text(body[:1000].decode(errors="replace"))[:200])

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later: the server is overloaded or restarting."""
        return self.status == 429 or self.status >= 500


class KubeUnavailable(Exception):
    """The API server could not be reached or did not answer in time."""
