"""A shard's records: held by its manifest, moved to documents when they are many, and missed when they are lost."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from augmentation_worker.cluster.manifest import LocalManifests
from augmentation_worker.dataset_path import DatasetPath
from augmentation_worker.formats import documents
from augmentation_worker.formats.documents import Documents
from augmentation_worker.formats.entries import Document, ShardEntries, UnitEntry, originals_key
from augmentation_worker.formats.images.records import BlockRecord, block_key
from augmentation_worker.formats.port import Shard, Unit
from augmentation_worker.formats.records import BlobRecord, FilesRecord, ShardRecords, unusable_of
from augmentation_worker.formats.spooled_records import spooled
from augmentation_worker.storage.folder.output import FolderOutput
from augmentation_worker.storage.port import StoredFile

CARRIED = (DatasetPath("a.mp4"), DatasetPath("b.mp4"))
ORIGINALS = originals_key(0)
BLOCKS = 4
KEYS = [block_key(number) for number in range(BLOCKS)]


class Killed(BaseException):
    """The pod is gone."""


@dataclass
class Place:
    """A folder in which a shard stores four blocks and two files of the source, and its manifest."""

    root: Path
    output: FolderOutput
    written: list[str] = field(default_factory=list)
    fetched: list[StoredFile] = field(default_factory=list)
    writes_left: int = 1000
    shard = Shard(
        3,
        tuple(Unit(key, f"block {n}", BlockRecord, (range(9 * n, 9 * n + 9),)) for n, key in enumerate(KEYS)),
        CARRIED,
        makes_preview=False,
        task="",
        product="",
    )

    def put(self, path: str, text: str) -> StoredFile:
        self._write(path)
        (self.root / "file").write_text(text)
        return self.output.put(DatasetPath(path), self.root / "file")

    def file(self, path: str) -> BlobRecord:
        return BlobRecord.of(self.put(path, path))

    def block(self, number: int) -> BlockRecord:
        bad = unusable_of({9 * number: "cut short"}) if number == 1 else {}
        return BlockRecord(file=self.file(f"block-{number}"), rows=9, pixel_hash={"image": "x"}, unusable=bad)

    def records(self) -> Iterator[tuple[str, FilesRecord | BlockRecord]]:
        """What the shard makes, in order."""
        yield ORIGINALS, FilesRecord(files=tuple(self.file(path) for path in CARRIED))
        for number, key in enumerate(KEYS):
            yield key, self.block(number)

    @property
    def documents(self) -> Documents:
        return Documents(self.output, self.root / "scratch")

    @property
    def manifests(self) -> LocalManifests:
        return LocalManifests(self.root / "manifests")

    def read(self) -> ShardEntries:
        return ShardEntries.read(self.shard, self.manifests.read(3))

    def run(self) -> ShardEntries:
        """A pod of the shard, as the augment phase runs it."""
        entries = self.documents.still_stored(self.shard, self.read())
        for key, record in self.records():
            if key not in entries.all:
                added = self.documents.add(entries, key, record)
                self._write("manifest")
                self.manifests.record(3, {name: each.encode() for name, each in added.items()})
                entries = entries.updated(added)
        return entries

    def lose(self, path: str) -> None:
        (staging,) = self.root.glob(".result.augmenting-*")
        (staging / path).unlink()

    def _write(self, what: str) -> None:
        if self.writes_left == 0:
            raise Killed
        self.writes_left -= 1
        self.written.append(what)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    output = FolderOutput(tmp_path / "result", "result", "0f2c9f8e-6a51-4f0e-9d54-2f6a1f6a9f11")
    place, fetch = Place(tmp_path, output), output.fetch

    def counted(file: StoredFile, target: Path) -> None:
        place.fetched.append(file)
        fetch(file, target)

    monkeypatch.setattr(output, "fetch", counted)
    monkeypatch.setattr(documents, "MOST_HELD_BYTES", 500)  # two records
    return place


def whole(place: Place) -> dict[str, object]:
    return dict(place.records())


def test_records_are_moved_to_a_document_when_they_are_many(place: Place) -> None:
    entries = place.run()
    assert place.read() == entries
    in_documents = [key for key, entry in entries.all.items() if isinstance(entry, UnitEntry)]
    assert (in_documents, len(entries.documents)) == (KEYS[:2], 1), "of the others the manifest has the records"
    assert place.documents.read(place.shard, entries) == whole(place)
    assert place.fetched == [document.stored for document in entries.documents]
    assert entries.missing(place.shard) == []


def test_a_record_too_large_for_a_manifest_is_a_document(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_HELD_BYTES", 0)
    entries = place.run()
    assert len(entries.documents) == 1 + BLOCKS
    assert place.documents.read(place.shard, entries) == whole(place)


def test_a_shard_that_is_killed_before_any_of_its_writes_ends_up_with_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "MOST_HELD_BYTES", 500)

    def place_in(folder: str) -> Place:
        (tmp_path / folder).mkdir()
        output = FolderOutput(tmp_path / folder / "result", "result", "0f2c9f8e-6a51-4f0e-9d54-2f6a1f6a9f11")
        place, put = Place(tmp_path / folder, output), output.put

        def document(path: DatasetPath, content: Path) -> StoredFile:
            if path.startswith("augmentation-records/"):
                place._write("document")
            return put(path, content)

        monkeypatch.setattr(output, "put", document)
        return place

    undisturbed = place_in("undisturbed")
    expected = undisturbed.documents.read(undisturbed.shard, undisturbed.run())
    writes = undisturbed.written
    assert writes.count("document") == 1
    for first in range(len(writes)):
        for second in (1, 4):
            place = place_in(f"killed-{first}-{second}")
            for writes_left in (first, second):
                place.writes_left = writes_left
                with pytest.raises(Killed):
                    place.run()
                recorded = place.read()
                at_hand = place.documents.read(place.shard, recorded)
                assert at_hand == {key: expected[key] for key in recorded.all}, "what is recorded is stored"
            place.writes_left = 1000
            assert place.documents.read(place.shard, place.run()) == expected


def _lost(place: Place, entries: ShardEntries) -> ShardEntries:
    place.lose(entries.documents[0].stored.path)
    return entries


def _overwritten(place: Place, entries: ShardEntries) -> ShardEntries:
    (staging,) = place.root.glob(".result.augmenting-*")
    path = staging / entries.documents[0].stored.path
    path.write_bytes(path.read_bytes().replace(b'"rows":9', b'"rows":8'))
    return entries


def _of_another_shard(place: Place, entries: ShardEntries) -> ShardEntries:
    text = f"{KEYS[2]} {place.block(2).encode()}\n"
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    document = Document(sha256=sha256, size=len(text))
    place.put(document.stored.path, text)
    changed = {
        key: entry.model_copy(update={"document": document})
        for key, entry in entries.all.items()
        if not isinstance(entry, BlockRecord | FilesRecord)
    }
    return entries.updated(changed)


@pytest.mark.parametrize("damage", [_lost, _overwritten, _of_another_shard])
def test_a_document_that_is_not_what_its_entries_say_is_lost(
    place: Place, damage: Callable[[Place, ShardEntries], ShardEntries]
) -> None:
    damaged = damage(place, place.run())
    read = place.documents.read(place.shard, damaged)
    assert read == {key: record for key, record in whole(place).items() if key in KEYS[2:]}
    left = damaged.only(read).missing(place.shard)
    assert left == ["block 0 (shard 3)", "block 1 (shard 3)", "a.mp4 (shard 3)", "b.mp4 (shard 3)"]


@pytest.mark.parametrize(
    "line",
    [
        lambda place: f"{KEYS[1]} {place.block(1).model_copy(update={'unusable': {}}).encode()}",
        lambda place: f"{KEYS[1]} {{}}",
        lambda place: f"{ORIGINALS} {FilesRecord(files=(place.file('a.mp4'), place.file('README.md'))).encode()}",
    ],
)
def test_a_record_that_is_not_what_its_entry_says_is_lost(place: Place, line: Callable[[Place], str]) -> None:
    entries, text = place.run(), line(place)
    key = text.partition(" ")[0]
    document = Document(sha256=hashlib.sha256(text.encode()).hexdigest(), size=len(text))
    place.put(document.stored.path, text)
    changed = entries.updated({key: entries.all[key].model_copy(update={"document": document})})
    assert place.documents.read(place.shard, changed).keys() == whole(place).keys() - {key}


def test_a_shard_in_between_looks_for_its_documents_and_reads_none(place: Place) -> None:
    entries = place.run()
    unfinished = entries.only({ORIGINALS, *KEYS[:3]})
    assert place.documents.still_stored(place.shard, unfinished) == unfinished
    place.lose(entries.documents[0].stored.path)
    assert list(place.documents.still_stored(place.shard, unfinished).all) == [KEYS[2]]
    assert place.fetched == []


@pytest.mark.parametrize(("path", "left"), [("block-1", KEYS[1]), ("block-3", KEYS[3]), ("a.mp4", ORIGINALS)])
def test_a_finished_shard_looks_for_all_its_files(place: Place, path: str, left: str) -> None:
    entries = place.run()
    assert place.documents.still_stored(place.shard, entries) == entries
    place.lose(path)
    assert place.documents.still_stored(place.shard, entries).all.keys() == entries.all.keys() - {left}
    assert place.documents.read(place.shard, place.run()) == whole(place)


def test_spooled_records_read_back_exactly_and_one_shard_at_a_time(place: Place) -> None:
    records = ShardRecords.of(place.documents.read(place.shard, place.run()), None)
    assert (len(records.units), len(records.originals)) == (BLOCKS, len(CARRIED))
    empty = ShardRecords({}, preview=place.file("preview.png"))
    spool = spooled(place.root / "spool", iter([records, empty, records]))
    assert (len(spool), list(spool), spool[-1], spool[1:]) == (3, [records, empty, records], records, [empty, records])
    assert spool[0] is spool[0]
    with pytest.raises(IndexError):
        spool[3]
