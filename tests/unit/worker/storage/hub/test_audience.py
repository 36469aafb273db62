"""A result has no more readers than its source, unless the job says so outright."""

import pytest

from augmentation_worker.storage.hub.audience import Audience, audience_of, private_when_created, refusal

PRIVATE, APPROVED, REGISTERED, PUBLIC = Audience


@pytest.mark.parametrize(
    ("private", "gated", "readers"),
    [
        (True, False, PRIVATE),
        (True, "auto", PRIVATE),
        (False, "manual", APPROVED),
        (False, "auto", REGISTERED),
        (False, "a mode of tomorrow", APPROVED),
        (False, False, PUBLIC),
        (False, None, PUBLIC),
    ],
)
def test_readers_follow_from_private_and_gated(private: bool, gated: str | bool | None, readers: Audience) -> None:
    assert audience_of(private, gated, unknown=PUBLIC) is readers


@pytest.mark.parametrize("unknown", list(Audience))
def test_unknown_readers_are_assumed_to_be_the_safe_ones(unknown: Audience) -> None:
    assert audience_of(None, None, unknown=unknown) is unknown


@pytest.mark.parametrize("source", [PRIVATE, APPROVED, REGISTERED])
def test_result_of_a_source_that_is_not_public_is_created_private(source: Audience) -> None:
    assert private_when_created(None, source) is True


def test_result_of_a_public_source_follows_its_namespace() -> None:
    assert private_when_created(None, PUBLIC) is None


@pytest.mark.parametrize("source", list(Audience))
@pytest.mark.parametrize("asked", [True, False])
def test_private_of_the_job_takes_precedence(asked: bool, source: Audience) -> None:
    assert private_when_created(asked, source) is asked


@pytest.mark.parametrize("source", list(Audience))
@pytest.mark.parametrize("output", list(Audience))
def test_more_readers_than_the_source_are_refused_unless_the_job_allows_it(source: Audience, output: Audience) -> None:
    problem = refusal(None, source, output)
    assert (problem is not None) == (output > source)
    assert refusal(False, source, output) is None


@pytest.mark.parametrize("output", [APPROVED, REGISTERED, PUBLIC])
def test_a_job_that_asks_for_private_publishes_nowhere_else(output: Audience) -> None:
    problem = refusal(True, PUBLIC, output)
    assert problem is not None
    assert "spec.output.hub.private is true" in problem
    assert refusal(True, PUBLIC, PRIVATE) is None


def test_a_refusal_names_both_fixes() -> None:
    problem = refusal(None, PRIVATE, PUBLIC)
    assert problem is not None
    assert "spec.output.hub.repoID" in problem
    assert "set spec.output.hub.private to false" in problem
