"""The API keys in force, from any source: those of its last valid document, or none if there is none."""

import logging
from abc import ABC, abstractmethod

from augmentation_gateway.credentials.keys import KeyRing, KeysDocument

_log = logging.getLogger(__name__)


class KeysInForce(ABC):
    """The keys that the gateway looks up.

    Attributes:
        ring: the keys in force.
        synced: whether the keys have been read once; before that, a key that is not found may still be valid.
        broken: whether the last document could not be read, so that the keys of the one before are in force.

    Args:
        source: what the keys are read from, for the log.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._last_error = ""
        self.ring = KeyRing()
        self.synced = False
        self.broken = False

    @abstractmethod
    async def follow(self) -> None:
        """Follow the source until cancelled."""

    def _replace(self, document: KeysDocument) -> None:
        """Put these keys in force."""
        self.ring, self.synced, self.broken, self._last_error = KeyRing(document.keys), True, False, ""
        _log.info("keys read", extra={"fields": {"source": self._source, "keys": len(self.ring)}})

    def _clear(self, why: str) -> None:
        """Put no key in force: deleting the keys revokes them all."""
        self.ring, self.synced, self.broken = KeyRing(), True, False
        self._report("there are no API keys: every request with one is answered 401", why)

    def _keep(self, why: str) -> None:
        """Keep the keys, as the document is broken: an error in it must not lock everybody out, nor go unnoticed."""
        self.synced = self.broken = True
        self._report("the API keys cannot be read; those read before stay in force", why)

    def _report(self, message: str, why: str) -> None:
        if why != self._last_error:
            # Logged once, not at every check.
            self._last_error = why
            _log.error(
                message, extra={"fields": {"source": self._source, "error": why, "keys_in_force": len(self.ring)}}
            )
