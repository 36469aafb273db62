"""The keys of a Secret, followed through the Kubernetes API: a change is in force as soon as the API server has it.

A kubelet brings a changed Secret into a pod when it looks at the pod again, up to 90 seconds later. The right that it
takes is to list and watch the one Secret by its name, whose content a mount would put into the same pod.
"""

import base64
import binascii
from typing import Any, Final

from augmentation_gateway.credentials.json_file import read_json
from augmentation_gateway.credentials.keys import KeysDocument
from augmentation_gateway.credentials.keys_file import KeysFileError
from augmentation_gateway.credentials.keys_in_force import KeysInForce
from augmentation_kube import KubeApi, Reflector, Resource

DATA_KEY: Final = "keys.json"
"""Key of the Secret's data with the API keys: the name of the file that it is created from."""


class KeysSecret(KeysInForce):
    """The keys of a Secret: none if it is missing or has no keys.json, those of its last valid version if it is broken.

    Args:
        source: the Kubernetes API.
        namespace, name: of the Secret.
    """

    def __init__(self, source: KubeApi, namespace: str, name: str) -> None:
        super().__init__(f"Secret {namespace}/{name}")
        self._is_there = False
        self._reflector = Reflector(source, Resource.SECRETS, namespace, self, field_selector=f"metadata.name={name}")

    async def follow(self) -> None:
        """Follow the Secret until cancelled. While the API server is unavailable, the keys stay in force."""
        await self._reflector.run()

    def keep(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Keep all of the Secret, as there is one."""
        return raw

    def replace(self, listing: dict[str, Any]) -> None:
        """Take over the list: one Secret, or none."""
        if items := listing["items"]:
            self._read(items[0])
        else:
            self._forget()

    def apply(self, event: dict[str, Any]) -> int:
        """Take over one event of the watch. Returns the version from which the watch can be resumed."""
        raw = event["object"]
        match event["type"]:
            case "ADDED" | "MODIFIED":
                self._read(raw)
            case "DELETED":
                self._forget()
        return int(raw["metadata"]["resourceVersion"])

    def __len__(self) -> int:
        """How many Secrets there are."""
        return int(self._is_there)

    def _forget(self) -> None:
        self._is_there = False
        self._clear(f"{self._source} is not there")

    def _read(self, raw: dict[str, Any]) -> None:
        self._is_there = True
        encoded = (raw.get("data") or {}).get(DATA_KEY)
        if encoded is None:
            self._clear(f"{self._source} has no {DATA_KEY}")
            return
        try:
            content = base64.b64decode(encoded, validate=True)
            document = read_json(content, f"{self._source}, {DATA_KEY}", KeysDocument, KeysFileError)
        except (binascii.Error, KeysFileError) as error:
            self._keep(str(error))
        else:
            self._replace(document)
