"""The API keys in force, whatever they are read from: those of the last good document, or none where there is none."""

import logging
from abc import ABC, abstractmethod

from augmentation_gateway.credentials.keys import KeyRing, KeysDocument

logger = logging.getLogger(__name__)


class KeysInForce(ABC):
    """Where the gateway looks keys up.

    Attributes:
        ring: the keys in force.
        synced: whether it is known which keys there are; before that, a key that is not found may still be good.
        broken: whether the last document could not be read, so that the keys of the one before are in force.

    Args:
        source: what the keys are read from, for the log.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._complaint = ""
        self.ring = KeyRing()
        self.synced = False
        self.broken = False

    @abstractmethod
    async def follow(self) -> None:
        """Keep up with the source until cancelled."""

    def _take(self, document: KeysDocument) -> None:
        """These keys are in force from now on."""
        self.ring, self.synced, self.broken, self._complaint = KeyRing(document.keys), True, False, ""
        logger.info("keys read", extra={"fields": {"source": self._source, "keys": len(self.ring)}})

    def _take_none(self, why: str) -> None:
        """No key is in force from now on: whoever deletes the keys revokes them all."""
        self.ring, self.synced, self.broken = KeyRing(), True, False
        self._complain("there are no API keys: every request with one is answered 401", why)

    def _keep(self, why: str) -> None:
        """The document is broken: a mistake in it must not lock everybody out, nor go unseen."""
        self.synced = self.broken = True
        self._complain("the API keys cannot be read; those read before stay in force", why)

    def _complain(self, message: str, why: str) -> None:
        if why != self._complaint:
            # Logged once, not at every look.
            self._complaint = why
            logger.error(
                message, extra={"fields": {"source": self._source, "error": why, "keys_in_force": len(self.ring)}}
            )
