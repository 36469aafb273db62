"""The hub token: what a Secret has to hold so that it may be sent to a hub at all.

A Secret is named by whoever writes a job, who need not be able to read it. One that is no token (the key of a
certificate, a kubeconfig) is neither sent anywhere nor quoted.
"""

import re
from pathlib import Path
from typing import Final

from augmentation_api import FailureReason
from augmentation_worker import secrecy
from augmentation_worker.failure import WorkerFailure

MOST_CHARACTERS: Final = 512
_TOKEN: Final = re.compile(rb"[\x21-\x7e]{1,%d}" % MOST_CHARACTERS)
_MOST_READ: Final = 65_536


def read_token(file: Path, secret: str) -> str | None:
    """The token in a mounted file; None if there is no such file, or nothing in it.

    `secret` is the Secret's `name/key`, for messages. Raises WorkerFailure(CREDENTIALS_INVALID), with no word of what
    the file holds.
    """
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_READ).strip()
    except FileNotFoundError:
        return None
    except OSError:
        raise _unusable(secret, "cannot be read") from None
    if not content:
        return None
    check_token(content, secret)
    token = content.decode("ascii")
    secrecy.keep(token)
    return token


def check_token(content: bytes, secret: str) -> None:
    """Refuse what no hub gives out as a token. Raises WorkerFailure(CREDENTIALS_INVALID)."""
    if _TOKEN.fullmatch(content) is None:
        raise _unusable(
            secret, f"is no hub token: it has more than {MOST_CHARACTERS} characters, a space, a line break or others"
        )


def _unusable(secret: str, finding: str) -> WorkerFailure:
    name, _, key = secret.partition("/")
    which = f"the key {key} of the Secret {name}" if key else "the file of the hub token"
    return WorkerFailure(
        FailureReason.CREDENTIALS_INVALID,
        f"{which} {finding}: put the token, and nothing else, there, or name another Secret in "
        "spec.credentialsSecretRef",
    )
