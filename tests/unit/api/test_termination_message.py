"""The last words of a worker pod fit into what the kubelet reads of them."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from augmentation_api import FailureReason
from augmentation_api.worker_contract import TERMINATION_MESSAGE_LIMIT, TerminationMessage


def encoded(message: str) -> str:
    return TerminationMessage(reason=FailureReason.SOURCE_INVALID, message=message).encode()


def test_a_short_message_is_kept_as_it_is() -> None:
    assert json.loads(encoded("meta/info.json is missing")) == {
        "reason": "SourceInvalid",
        "message": "meta/info.json is missing",
    }


@pytest.mark.parametrize("character", ["x", "é", "日", "🤖", "\n", '"', "\\", "\x00"])
def test_a_long_message_is_cut_to_the_limit_whatever_it_is_written_in(character: str) -> None:
    text = encoded(character * 10_000)
    assert len(text.encode()) <= TERMINATION_MESSAGE_LIMIT
    assert set(json.loads(text)["message"]) == {character}


@pytest.mark.parametrize("character", ["x", "é", "日", "🤖"])
def test_a_long_message_loses_its_end_and_little_more_than_it_must(character: str) -> None:
    text = encoded("begins here " + character * 10_000)
    assert json.loads(text)["message"].startswith("begins here ")
    assert len(text.encode()) > TERMINATION_MESSAGE_LIMIT * 0.9


@given(st.text(max_size=6000))
@example("x" * (TERMINATION_MESSAGE_LIMIT - len('{"reason":"SourceInvalid","message":""}')))
@example("x" * (TERMINATION_MESSAGE_LIMIT - len('{"reason":"SourceInvalid","message":""}') + 1))
def test_encoded_message_is_read_back_as_a_prefix_of_the_original(message: str) -> None:
    text = encoded(message)
    read = TerminationMessage.model_validate_json(text)
    assert len(text.encode()) <= TERMINATION_MESSAGE_LIMIT
    assert message.startswith(read.message)
    assert read.reason == FailureReason.SOURCE_INVALID
