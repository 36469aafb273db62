"""Credentials for a store: the files of a mounted Secret, or what the cloud or the user's shell gives the process."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from augmentation_api import FailureReason
from augmentation_api.worker_contract import GCS_KEYS, STORE_KEYS, StoreAccess
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure

_MOST_READ: Final = 65_536
_REREAD_AFTER: Final = timedelta(minutes=1)
"""The kubelet replaces a Secret's files within about that time after the Secret changed."""
_AZURE_KEYS: Final = frozenset({"AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"})
_AZURE_APPLICATION: Final = ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
_NOT_SECRET: Final = frozenset({"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AWS_ACCESS_KEY_ID"})
_OF_THE_SHELL: Final = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    "gcs": ("GOOGLE_SERVICE_ACCOUNT_KEY",),
    "azure": ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_SECRET"),
}
_DOCUMENTS: Final = frozenset({"GOOGLE_SERVICE_ACCOUNT_KEY", "AZURE_CLIENT_SECRET"})
"""Which may have any characters."""
_OF_AMAZON: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
"""One of them says that credentials were meant for this process. Without any, the role of the machine would be taken,
which is that of its owner, not of the job."""


@dataclass(frozen=True)
class Credentials:
    """How requests to one store are signed.

    Attributes:
        access: whose.
        environment: of the pod.
    """

    access: StoreAccess
    environment: Mapping[str, str]

    def keep_secret(self) -> None:
        """Register all of them, so that no message holds one. Raises WorkerFailure(CREDENTIALS_INVALID)."""
        if self.access.identity == "secret":
            self._read()
        else:
            _keep({name: self.environment.get(name, "") for name in _OF_THE_SHELL[self.access.kind]})

    def options(self) -> dict[str, Any]:
        """What obstore's store is made with. Raises WorkerFailure(CREDENTIALS_INVALID)."""
        if self.access.identity == "anonymous":
            return {"config": {"skip_signature": True}}
        if self.access.identity == "workload":
            self._check_identity()
            return {}
        files = self._read()
        if self.access.kind == "gcs":
            return {"config": {"service_account_key": files[GCS_KEYS[0]]}}
        if self.access.kind == "azure" and not files.keys() & _AZURE_KEYS:
            names = zip(("tenant_id", "client_id", "client_secret"), _AZURE_APPLICATION, strict=True)
            return {"config": {**{option: files[name] for option, name in names}, "credential_type": "client_secret"}}
        return {"credential_provider": self._provider()}

    def _provider(self) -> Callable[[], dict[str, Any]]:
        """Reads the files again from time to time, so that keys that are rotated work in a pod that runs."""

        def provide() -> dict[str, Any]:
            files, expires = self._read(), datetime.now(UTC) + _REREAD_AFTER
            if self.access.kind == "s3":
                return {
                    "access_key_id": files["AWS_ACCESS_KEY_ID"],
                    "secret_access_key": files["AWS_SECRET_ACCESS_KEY"],
                    "token": files.get("AWS_SESSION_TOKEN"),
                    "expires_at": expires,
                }
            if key := files.get("AZURE_STORAGE_ACCOUNT_KEY"):
                return {"access_key": key, "expires_at": expires}
            return {"sas_token": files["AZURE_STORAGE_SAS_TOKEN"].removeprefix("?"), "expires_at": expires}

        return provide

    def _read(self) -> dict[str, str]:
        """The Secret's files by their keys, complete."""
        folder = Path(self.access.credentials_folder or "")
        files = {}
        for key in STORE_KEYS[self.access.kind]:
            try:
                with (folder / key).open("rb") as file:
                    text = file.read(_MOST_READ + 1).decode().strip()
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError):
                raise self._unusable(f"has a key {key} that cannot be read as text") from None
            if key.endswith(".json"):
                self._check_service_account(key, text)
            elif len(text) > _MOST_READ or any(not " " < letter <= "~" for letter in text):
                raise self._unusable(f"has a key {key} with spaces, line breaks or other characters of no such key")
            if text:
                files[key] = text
        _keep(files)
        if lacking := _lacking(self.access.kind, files):
            raise self._unusable(f"has no {lacking}")
        return files

    def _check_service_account(self, key: str, text: str) -> None:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict) or not isinstance(document.get("private_key"), str):
            raise self._unusable(f"has a key {key} that is no key of a service account in JSON")
        secrecy.keep(document["private_key"])

    def _check_identity(self) -> None:
        for name in _OF_THE_SHELL[self.access.kind]:
            value = self.environment.get(name, "")
            if name not in _DOCUMENTS and any(not " " < letter <= "~" for letter in value):
                raise WorkerFailure(
                    FailureReason.CREDENTIALS_INVALID,
                    f"${name}, for {self.access.url}, has spaces, line breaks or other characters of no such key: set "
                    "it again without them",
                )
        if self.access.kind == "s3" and not any(self.environment.get(name) for name in _OF_AMAZON):
            how = (
                "set $AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY (`aws configure export-credentials --format env` "
                "prints those of a profile), or $AWS_SKIP_SIGNATURE to true for a public bucket"
                if self.access.named_by == "command"
                else "name a Secret with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in credentialsSecretRef, annotate "
                "the ServiceAccount of the class with a role, or set anonymous to true for a public bucket"
            )
            raise WorkerFailure(
                FailureReason.CREDENTIALS_INVALID, f"nothing says as whom to ask for {self.access.url}: {how}"
            )

    def _unusable(self, finding: str) -> WorkerFailure:
        return WorkerFailure(
            FailureReason.CREDENTIALS_INVALID,
            f"the Secret {self.access.secret or '(of the store)'} for {self.access.url} {finding}: correct it, or name "
            "another one in credentialsSecretRef",
        )


def _lacking(kind: str, files: Mapping[str, str]) -> str | None:
    if kind == "s3":
        return next((key for key in STORE_KEYS[kind][:2] if key not in files), None)
    if kind == "gcs":
        return None if GCS_KEYS[0] in files else GCS_KEYS[0]
    if files.keys() & _AZURE_KEYS or all(key in files for key in _AZURE_APPLICATION):
        return None
    return "AZURE_STORAGE_ACCOUNT_KEY, no AZURE_STORAGE_SAS_TOKEN and not all of " + ", ".join(_AZURE_APPLICATION)


def _keep(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if name in _NOT_SECRET:
            continue
        secrecy.keep(value)
        if name == "AZURE_STORAGE_SAS_TOKEN":
            secrecy.keep(*parse_qs(value.removeprefix("?")).get("sig", []))
