"""The columns of an image dataset, as `datasets` describes them in a parquet file: read within limits."""

from typing import Any

import pyarrow as pa

from augmentation_worker.bounded.documents import read_json_object
from augmentation_worker.bounded.unreadable import Unreadable

_METADATA_KEY = b"huggingface"
_MOST_BYTES = 16 * 2**20
"""The names of a million classes."""


def features_of(schema: pa.Schema) -> Any:
    """The features that a parquet file's schema stands for.

    Raises:
        Unreadable: what the schema says of itself cannot be read, or names a type that `datasets` does not have.
    """
    import datasets  # noqa: PLC0415 (seconds, and only image datasets need it)

    said = (schema.metadata or {}).get(_METADATA_KEY)
    if said is not None:
        try:
            document = read_json_object(said, most_bytes=_MOST_BYTES)
        except Unreadable as error:
            raise Unreadable(f"has features in its schema, of which the text {error.finding}") from error
        _check_types(document, frozenset(datasets.features.features._FEATURE_TYPES))
    try:
        return datasets.Features.from_arrow_schema(schema)
    except Exception as error:  # whatever it raises, it is of this schema
        raise Unreadable(f"has columns that are not understood: {' '.join(str(error).split())[:200]}") from error


def _check_types(said: object, known: frozenset[str]) -> None:
    """`datasets` looks for the name of a type among everything that its module knows."""
    if isinstance(said, list):
        for item in said:
            _check_types(item, known)
    elif isinstance(said, dict):
        kind = said.get("_type")
        if isinstance(kind, str) and kind not in known:
            raise Unreadable(f"has a column of the type {kind!r}, which the datasets library does not have")
        for item in said.values():
            _check_types(item, known)
