"""The cache under lists, watch events and responses to the gateway's own writes, in any order."""

from augmentation_gateway.cache.object_cache import ObjectCache
from augmentation_gateway.cache.records import JobRecord
from tests.unit.gateway.job_objects import bookmark, event, job_object, listing


def job_cache() -> ObjectCache[JobRecord]:
    return ObjectCache(JobRecord.read)


def state_of(cache: ObjectCache[JobRecord], uid: str) -> str | None:
    record = cache.get(uid)
    return None if record is None else record.state


def running(uid: str, version: int) -> dict[str, object]:
    return job_object(uid, version, status={"state": "running"})


def test_list_fills_cache_and_marks_it_synced() -> None:
    cache = job_cache()
    assert not cache.synced
    cache.replace(listing(job_object("a", 5), job_object("b", 7), version=9))
    assert cache.synced
    assert {record.uid for record in cache.records()} == {"a", "b"}


def test_changes_are_applied_and_return_resume_version() -> None:
    cache = job_cache()
    cache.replace(listing(job_object("a", 5), version=9))
    assert cache.apply(event("MODIFIED", running("a", 10))) == 10
    assert state_of(cache, "a") == "running"
    assert cache.apply(event("ADDED", job_object("b", 11))) == 11
    assert cache.apply(bookmark(20)) == 20
    assert cache.apply(event("DELETED", job_object("b", 21))) == 21
    assert cache.get("b") is None


def test_older_version_never_replaces_newer_one() -> None:
    cache = job_cache()
    cache.replace(listing(version=1))
    cache.insert(running("a", 10))
    cache.apply(event("ADDED", job_object("a", 8)))
    assert state_of(cache, "a") == "running"
    cache.insert(job_object("a", 9))
    assert state_of(cache, "a") == "running"
    cache.replace(listing(job_object("a", 8), version=9))
    assert state_of(cache, "a") == "running"


def test_list_removes_deleted_objects_but_keeps_newer_writes() -> None:
    cache = job_cache()
    cache.replace(listing(job_object("gone", 5), version=6))
    cache.insert(job_object("just written", 12))
    cache.replace(listing(version=10))
    assert cache.get("gone") is None
    assert cache.get("just written") is not None


def test_write_before_first_list_is_readable_and_kept() -> None:
    cache = job_cache()
    cache.insert(job_object("a", 12))
    assert cache.get("a") is not None
    cache.replace(listing(version=10))
    assert cache.get("a") is not None


def test_object_deleted_before_create_response_stays_deleted() -> None:
    cache = job_cache()
    cache.replace(listing(version=1))
    cache.apply(event("ADDED", job_object("a", 5)))
    cache.apply(event("DELETED", job_object("a", 6)))
    cache.insert(job_object("a", 5))
    assert cache.get("a") is None


def test_lower_versions_of_restored_cluster_are_accepted() -> None:
    cache = job_cache()
    cache.replace(listing(job_object("lost", 90), running("a", 95), version=100))
    cache.replace(listing(job_object("a", 40), version=50))
    assert cache.get("lost") is None
    assert state_of(cache, "a") == "queued"
    assert cache.apply(event("MODIFIED", running("a", 51))) == 51
    assert state_of(cache, "a") == "running"


def test_unchanged_object_keeps_its_encoded_view() -> None:
    cache = job_cache()
    cache.replace(listing(job_object("a", 5), version=9))
    before = cache.get("a")
    cache.replace(listing(job_object("a", 5), version=19))
    assert cache.get("a") is before


def test_unreadable_object_does_not_stop_others() -> None:
    def read(raw: dict[str, object]) -> str:
        if raw["kind"] != "AugmentationJob":
            raise ValueError("not a job")
        return "read"

    cache = ObjectCache(read)
    cache.replace(listing({**job_object("a", 5), "kind": "Other"}, job_object("b", 6), version=9))
    assert cache.get("a") is None
    assert cache.get("b") == "read"


def test_managed_fields_are_dropped() -> None:
    cache = job_cache()
    cache.insert(job_object("a", 5))
    record = cache.get("a")
    assert record is not None
    assert "managedFields" not in record.raw["metadata"]
