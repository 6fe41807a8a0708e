"""Answers that are good for a while."""

import pytest

from services.gateway.remembered import Remembered


def test_an_answer_is_good_for_a_while_and_a_failure_is_not() -> None:
    now = [0.0]
    remembered: Remembered[int] = Remembered(5.0, lambda: now[0])
    asked = []

    def ask() -> int:
        asked.append(now[0])
        return len(asked)

    def fail() -> int:
        raise OSError("gone")

    assert [remembered.answer(ask), remembered.answer(fail)] == [1, 1]
    now[0] = 5.0
    with pytest.raises(OSError, match="gone"):
        remembered.answer(fail)
    assert remembered.answer(ask) == 2
    now[0] = 9.9
    assert remembered.answer(fail) == 2
    assert asked == [0.0, 5.0]
