"""Calls that wait together are carried out together, and each hears of its own alone."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from workers.store.group import Group

#: Calls at a time.
CALLERS = 12


class Carrier:
    """Doubles numbers, slowly the first time; refuses some, and breaks down on order."""

    def __init__(self, refused: Sequence[int] = (), broken: bool = False) -> None:
        self.refused, self.broken = refused, broken
        self.batches: list[list[int]] = []
        self.open = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.open.wait()
        if self.broken:
            raise TimeoutError
        if bad := [item for item in items if item in self.refused]:
            raise ValueError(bad[0])
        return [2 * item for item in items]


def run(group: Group[int, int], carrier: Carrier) -> list[int | Exception]:
    """Call from many threads: all wait while the first is carried out."""

    def call(number: int) -> int | Exception:
        try:
            return group.call(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = [pool.submit(call, number) for number in range(CALLERS)]
        end = time.monotonic() + 30
        while len(group._waiting) < CALLERS - 1:
            assert time.monotonic() < end
            time.sleep(0.001)
        carrier.open.set()
        return [answer.result(30) for answer in answers]


def test_who_calls_alone_is_carried_out_alone() -> None:
    carrier = Carrier()
    carrier.open.set()
    group = Group[int, int](carrier)
    assert [group.call(n) for n in (3, 4)] == [6, 8]
    assert carrier.batches == [[3], [4]]


def test_who_waits_is_carried_out_together() -> None:
    carrier = Carrier()
    group = Group[int, int](carrier)
    assert run(group, carrier) == [2 * n for n in range(CALLERS)]
    assert [len(batch) for batch in carrier.batches] == [1, CALLERS - 1]


def test_a_batch_has_a_limit_and_nobody_is_left_waiting() -> None:
    carrier = Carrier()
    group = Group[int, int](carrier, most=4)
    assert run(group, carrier) == [2 * n for n in range(CALLERS)]
    assert [len(batch) for batch in carrier.batches] == [1, 4, 4, 3]
    assert group.call(50) == 100


def test_one_that_is_refused_harms_no_other() -> None:
    carrier = Carrier(refused=[3, 7])
    answers = run(Group[int, int](carrier), carrier)
    for number, answer in enumerate(answers):
        if number in (3, 7):
            assert isinstance(answer, ValueError)
            assert answer.args == (number,)
        else:
            assert answer == 2 * number


def test_what_would_have_met_all_is_not_tried_again() -> None:
    carrier = Carrier(broken=True)
    group = Group[int, int](carrier, common=(TimeoutError,))
    answers = run(group, carrier)
    assert all(isinstance(answer, TimeoutError) for answer in answers)
    assert len(carrier.batches) == 2
    carrier.broken = False
    assert group.call(1) == 2


def test_an_error_is_its_callers() -> None:
    carrier = Carrier(refused=[1])
    carrier.open.set()
    group = Group[int, int](carrier)
    with pytest.raises(ValueError, match="1"):
        group.call(1)
    assert group.call(2) == 4
