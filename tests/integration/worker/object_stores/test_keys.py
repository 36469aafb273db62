"""Keys as other programs write them: spaces, brackets, percent signs and letters of all languages."""

from pathlib import Path

from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.storage.object_store.output import ObjectStoreOutput
from augmentation_worker.storage.object_store.source import ObjectStoreSource
from tests.integration.worker.jobs import UID
from tests.integration.worker.object_stores.conftest import BUCKET, client_of, keys_of
from tests.integration.worker.object_stores.store_servers import StoreServer

NAMES = ("a b.png", "cam[0].png", "100%.png", "a%20b.png", "~x#1?.png", "größe-図.png", "a+b&c=d.png", "{x}^|*.png")


def test_files_with_any_name_are_read_and_written_under_it(store: StoreServer, tmp_path: Path, place: str) -> None:
    paths = [DatasetPath(f"images/{name}") for name in NAMES]
    for path in paths:
        if store.kind == "s3":  # as another program writes it
            store.s3("PUT", f"/{BUCKET}/{place}/{path}", {}, path.encode())
        else:
            client_of(store, place).put(f"{place}/{path}", path.encode())
    source = ObjectStoreSource(client_of(store, place, side="source"), tmp_path)
    assert sorted(source.paths) == sorted(paths)
    output = ObjectStoreOutput(client_of(store, f"{place}-result"), UID)
    stored = [output.put(path, source.open(path)) for path in paths]
    output.commit("made", checked="", stored=stored, written={DatasetPath("meta/augmentation.json"): b"{}"})
    assert sorted(keys_of(store, f"{place}-result")) == sorted([*paths, "meta/augmentation.json"])
    for path in paths:
        assert output.read(path) == path.encode()
        if store.kind == "s3":
            assert store.s3("GET", f"/{BUCKET}/{place}-result/{path}", {}) == path.encode()
