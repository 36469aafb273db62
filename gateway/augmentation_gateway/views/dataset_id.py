"""The id of a dataset in requests and answers: `owner/name` on a hub, or the URL of a folder in an object store.

One field for both, as every dialect has one: `dataset_id`, `file_id`, `dataset`.
"""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from augmentation_api.model import findings_of
from augmentation_api.object_store import MAX_STORE_PATH, parse_url, url_without_secrets
from augmentation_api.spec import DATASET_ID_PATTERN, FORMS, REPO_ID_PATTERN

_ROOM_FOR_A_ROOT: Final = 256


def _of_a_store(dataset_id: str) -> str:
    if is_url(dataset_id):
        try:
            parse_url(dataset_id)
        except ValidationError as error:
            raise _unusable(dataset_id, "; ".join(findings_of(error, FORMS))) from None
        except ValueError as error:
            raise _unusable(dataset_id, str(error)) from None
    return dataset_id


def _unusable(dataset_id: str, cause: str) -> PydanticCustomError:
    text = f"{url_without_secrets(dataset_id)[:60]} is no folder in an object store: {cause}"
    return PydanticCustomError("unusable", "{cause}", {"cause": text, "fix": None})


DatasetId = Annotated[
    str,
    StringConstraints(pattern=DATASET_ID_PATTERN, max_length=MAX_STORE_PATH + _ROOM_FOR_A_ROOT),
    AfterValidator(_of_a_store),
]


def is_url(dataset_id: str) -> bool:
    """Whether it is the URL of a folder in an object store."""
    return "://" in dataset_id


def is_dataset_id(text: str) -> bool:
    """Whether a text that others wrote is the id of a dataset."""
    if not is_url(text):
        return re.fullmatch(REPO_ID_PATTERN, text) is not None
    try:
        parse_url(text)
    except ValueError:
        return False
    return True


def place_of(dataset_id: str) -> dict[str, Any]:
    """The source or output of a spec that a dataset id names."""
    if not is_url(dataset_id):
        return {"hub": {"repoID": dataset_id}}
    place = parse_url(dataset_id)
    return {place.KIND: place.as_given()}


def address_of(dataset_id: str | None, hub: str) -> str:
    """The address of a dataset: its page on the hub, or its URL in an object store."""
    return dataset_id if dataset_id is not None and is_url(dataset_id) else f"{hub.rstrip('/')}/datasets/{dataset_id}"
