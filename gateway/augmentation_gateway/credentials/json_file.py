"""JSON files of the administrator, read into models; errors name the file and the field."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from augmentation_api.model import findings_of

Document = TypeVar("Document", bound=BaseModel)


def read_json_file(path: Path, model: type[Document], error: type[Exception]) -> Document:
    """The document in a file.

    Raises:
        error: the file cannot be read or used; the message says where and why, and quotes no value.
    """
    try:
        content = path.read_bytes()
    except OSError as unread:
        raise error(f"{path} cannot be read: {unread.strerror}") from unread
    return read_json(content, str(path), model, error)


def read_json(content: bytes, source: str, model: type[Document], error: type[Exception]) -> Document:
    """The document in some JSON. Raises `error`, as `read_json_file` does; `source` names what it was read from."""
    try:
        return model.model_validate_json(content)
    except ValidationError as unusable:
        raise error(f"{source}: {findings_of(unusable)[0]}") from None
