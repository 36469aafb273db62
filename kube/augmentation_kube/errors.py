"""What can go wrong with a request to the Kubernetes API."""

import json


class KubeError(Exception):
    """The API server answered with an error status.

    Attributes:
        status: HTTP status code.
        reason: CamelCase reason of the answer, e.g. AlreadyExists.
        message: the server's own sentence.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{message} ({status} {reason})")
        self.status = status
        self.reason = reason
        self.message = message

    @classmethod
    def from_answer(cls, status: int, body: bytes) -> "KubeError":
        """Read a metav1.Status; an answer that is none (a proxy's, say) is quoted."""
        try:
            answer = json.loads(body)
            return cls(status, str(answer.get("reason", "")), str(answer.get("message", "")))
        except (ValueError, AttributeError):
            return cls(status, "", body[:200].decode(errors="replace"))

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later: the server is overloaded or restarting."""
        return self.status == 429 or self.status >= 500


class KubeUnavailable(Exception):
    """The API server could not be reached or did not answer in time."""
