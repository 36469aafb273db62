"""Errors of requests to the Kubernetes API."""

import json
from typing import Any, Final

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
        namespace_terminates: whether an object was refused because its namespace is being deleted.
    """

    def __init__(self, status: int, reason: str, message: str, *, namespace_terminates: bool = False) -> None:
        self.status = status
        self.namespace_terminates = namespace_terminates
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
            reason, message = (known.text(str(answer.get(field, ""))) for field in ("reason", "message"))
            return cls(status, reason, message, namespace_terminates=_names_a_terminating_namespace(answer))
        except (ValueError, AttributeError):
            return cls(status, "", known.text(body[:1000].decode(errors="replace"))[:200])

    @property
    def is_transient(self) -> bool:
        """Whether the same request may succeed later: the server is overloaded or restarting."""
        return self.status == 429 or self.status >= 500


def _names_a_terminating_namespace(answer: dict[str, Any]) -> bool:
    """Whether a metav1.Status has the cause NamespaceTerminating (core/v1 NamespaceTerminatingCause)."""
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    return isinstance(causes, list) and any(
        isinstance(cause, dict) and cause.get("reason") == "NamespaceTerminating" for cause in causes
    )


class KubeUnavailable(Exception):
    """The API server could not be reached or did not answer in time."""
