"""What a result records of how it was made, as one document: meta/augmentation.json, and its table of copies in it."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


def provenance_of(result: Path) -> dict[str, Any]:
    """The record in the form of earlier versions, which listed copies as `episodes` (or `blocks`) of the document."""
    document: dict[str, Any] = json.loads((result / "meta/augmentation.json").read_text())
    rows = pq.read_table(result / document.pop("copies")).to_pylist()
    entries: dict[object, dict[str, Any]] = {}
    for row in rows:
        camera = {"pixelHash": row["pixel_hash"]}
        if "path" in row:
            entry = {"path": row["path"], "sourceRows": row["source_rows"], "cameras": {}}
        else:
            camera = {"parameters": json.loads(row["parameters"]), **camera}
            entry = {
                "episodeIndex": row["episode_index"],
                "sourceEpisodeIndex": row["source_episode_index"],
                "copy": row["copy"],
                **({} if row["tasks"] is None else {"tasks": json.loads(row["tasks"])}),
                "cameras": {},
            }
        entries.setdefault(row.get("path", row.get("episode_index")), entry)["cameras"][row["camera"]] = camera
    document["blocks" if "blocks" in document or (rows and "path" in rows[0]) else "episodes"] = list(entries.values())
    return document
