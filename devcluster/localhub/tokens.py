"""Who a token stands for. A token belongs to one user, whose name is also the one namespace they may write to."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Role = Literal["read", "write"]


@dataclass(frozen=True)
class Identity:
    """A user, as seen through one of their tokens."""

    name: str
    role: Role


class Tokens:
    """The known tokens, kept as hashes: neither a repr, a log line nor a traceback can show one."""

    def __init__(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Take (user name, token, role) triples; raises ValueError, which never quotes a token."""
        self._identities: dict[str, Identity] = {}
        for number, (name, token, role) in enumerate(entries, start=1):
            if not name or not token or role not in ("read", "write"):
                raise ValueError(f"token entry {number}: want a name, a token and the role 'read' or 'write'")
            self._identities[_digest(token)] = Identity(name, cast(Role, role))
        if not self._identities:
            raise ValueError("no tokens: nobody could write to this hub")

    @classmethod
    def from_text(cls, text: str) -> "Tokens":
        """Read `name:token:role` entries separated by commas, as in `LOCALHUB_TOKENS`."""
        entries = []
        for number, entry in enumerate((part.strip() for part in text.split(",") if part.strip()), start=1):
            fields = entry.split(":")
            if len(fields) != 3:
                raise ValueError(f"token entry {number}: want name:token:role")
            entries.append((fields[0], fields[1], fields[2]))
        return cls(entries)

    @classmethod
    def from_file(cls, path: Path) -> "Tokens":
        """Read a JSON list of `{"name": …, "token": …, "role": "read" | "write"}`."""
        users = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(users, list) or not all(isinstance(user, dict) for user in users):
            raise ValueError(f"{path}: want a JSON list of objects with name, token and role")
        return cls((str(user.get("name", "")), str(user.get("token", "")), str(user.get("role", ""))) for user in users)

    def identify(self, token: str) -> Identity | None:
        """The user of a token, or None for an unknown one."""
        return self._identities.get(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
