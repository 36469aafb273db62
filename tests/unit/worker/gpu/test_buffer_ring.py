"""Buffers between a GPU and encoders: lent to one user at a time, never more of them than allowed."""

import threading
from itertools import count

import pytest

from augmentation_worker.media.video.gpu.buffer_ring import BufferRing, RingExhausted


def test_buffers_are_made_once_and_lent_again() -> None:
    numbers = count()
    ring = BufferRing(2, lambda: next(numbers))
    lent = set()
    for _ in range(10):
        loans = [ring.lend(), ring.lend()]
        lent |= {loan.buffer for loan in loans}
        for loan in loans:
            loan.give_back()
    assert lent == {0, 1}
    assert ring.made == 2


def test_a_buffer_is_made_only_when_all_others_are_lent() -> None:
    ring = BufferRing(5, object)
    for _ in range(3):
        ring.lend().give_back()
    assert ring.made == 1


def test_a_lender_waits_for_a_buffer() -> None:
    ring = BufferRing(1, object)
    loan = ring.lend()
    threading.Timer(0.02, loan.give_back).start()
    assert ring.lend(10).buffer is loan.buffer


def test_a_lender_gives_up_when_none_comes_back() -> None:
    ring = BufferRing(1, object)
    ring.lend()
    with pytest.raises(RingExhausted, match=r"none of 1 buffers was returned within 0\.01 s"):
        ring.lend(0.01)


def test_a_buffer_that_is_returned_twice_is_an_error() -> None:
    loan = BufferRing(1, object).lend()
    loan.give_back()
    with pytest.raises(ValueError, match="more often"):
        loan.give_back()


def test_a_ring_of_no_buffers_is_an_error() -> None:
    with pytest.raises(ValueError, match="not 0"):
        BufferRing(0, object)
