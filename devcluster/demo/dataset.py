"""The sample dataset on the hub, and a result as it is downloaded: just enough of LeRobot v3.0 to look at it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi
from PIL import Image

from devcluster.settings import CHECKOUT

SAMPLE = CHECKOUT / "tests" / "fixtures" / "pusht_v30"
FORMAT_TAG = "v3.0"


def upload_sample(api: HfApi, repo_id: str) -> str:
    """Publish the sample dataset with its version tag, unless it is there. Gives its commit."""
    api.create_repo(repo_id, repo_type="dataset", exist_ok=True)
    tags = {tag.name: tag.target_commit for tag in api.list_repo_refs(repo_id, repo_type="dataset").tags}
    if FORMAT_TAG in tags:  # the tag came last, so the rest is there
        return tags[FORMAT_TAG]
    commit = api.upload_folder(
        repo_id=repo_id, repo_type="dataset", folder_path=SAMPLE, commit_message="PushT, recorded with LeRobot"
    )
    api.create_tag(repo_id, repo_type="dataset", tag=FORMAT_TAG)
    return str(commit.oid)


@dataclass(frozen=True)
class Result:
    """A LeRobot v3.0 dataset in a folder."""

    folder: Path

    @property
    def info(self) -> dict[str, Any]:
        """meta/info.json."""
        return dict(json.loads((self.folder / "meta" / "info.json").read_text()))

    @property
    def cameras(self) -> list[str]:
        """Camera keys."""
        return [key for key, feature in self.info["features"].items() if feature["dtype"] == "video"]

    def episodes(self) -> list[dict[str, Any]]:
        """Rows of the episode table, in order."""
        files = sorted((self.folder / "meta" / "episodes").rglob("*.parquet"))
        columns = [name for name in pq.read_schema(files[0]).names if not name.startswith("stats/")]
        rows: list[dict[str, Any]] = pa.concat_tables(
            [pq.read_table(file, columns=columns) for file in files]
        ).to_pylist()
        return rows

    def frame(self, episode: dict[str, Any], camera: str, at: float) -> Image.Image:
        """The frame of an episode shown `at` seconds after its start."""
        path = self.info["video_path"].format(
            video_key=camera,
            chunk_index=episode[f"videos/{camera}/chunk_index"],
            file_index=episode[f"videos/{camera}/file_index"],
        )
        return next(_frames_from(self.folder / path, episode[f"videos/{camera}/from_timestamp"] + at))


def _frames_from(path: Path, timestamp: float) -> Iterator[Image.Image]:
    half_a_frame = 1e-4
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        time_base = stream.time_base or Fraction(1, 90000)
        container.seek(int(timestamp / time_base), stream=stream, backward=True)
        for frame in container.decode(stream):
            if frame.time is not None and frame.time >= timestamp - half_a_frame:
                yield frame.to_image()
