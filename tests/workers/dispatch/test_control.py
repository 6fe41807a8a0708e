"""A run's control: why to stop, and a commit that ends in a confirmation or a stop."""

import threading
import time
from collections.abc import Callable

import pytest

from tests.workers.dispatch.house import PLAN
from workers.dispatch import control as module
from workers.dispatch.control import RunControl
from workers.plan import Plan
from workers.sink import StopReason


class Desk:
    """Where plans are proposed; answers each as the test says."""

    def __init__(
        self, answer: Callable[[RunControl, int], None], max_seconds: float | None = None
    ) -> None:
        self.plans: list[Plan] = []
        self.control = RunControl(max_seconds, self.propose)
        self._answer = answer

    def propose(self, plan: Plan) -> int:
        self.plans.append(plan)
        number = len(self.plans)
        threading.Thread(target=self._answer, args=(self.control, number)).start()
        return number


def ignore(control: RunControl, number: int) -> None:
    """Answer nothing."""


def test_the_first_reason_to_stop_stands() -> None:
    control = Desk(ignore).control
    assert control.stop() is None
    control.ask(StopReason.CANCELLED)
    control.ask(StopReason.DEADLINE)
    assert control.stop() is StopReason.CANCELLED


def test_the_deadline_is_a_reason_once_it_has_passed() -> None:
    assert Desk(ignore, 3600.0).control.stop() is None
    assert Desk(ignore, 0.0).control.stop() is StopReason.DEADLINE


def test_a_commit_waits_for_its_confirmation() -> None:
    confirmed: list[int] = []

    def late(control: RunControl, number: int) -> None:
        control.confirm(number - 1)
        time.sleep(0.1)
        confirmed.append(number)
        control.confirm(number)

    desk = Desk(late)
    assert desk.control.commit(PLAN)
    assert confirmed == [1]
    assert desk.control.commit(PLAN.model_copy(update={"compiled_from": 9}))
    assert confirmed == [1, 2]
    assert [plan.compiled_from for plan in desk.plans] == [None, 9]


def test_a_confirmation_may_come_before_anybody_waits() -> None:
    desk = Desk(ignore)
    desk.control.confirm(1)
    assert desk.control.commit(PLAN)


@pytest.mark.parametrize("seconds", [None, 3600.0])
def test_a_cancel_ends_the_waiting(seconds: float | None) -> None:
    desk = Desk(lambda control, _: control.ask(StopReason.CANCELLED), seconds)
    began = time.monotonic()
    assert not desk.control.commit(PLAN)
    assert time.monotonic() - began < 2.0


def test_the_deadline_ends_the_waiting() -> None:
    desk = Desk(ignore, 0.1)
    began = time.monotonic()
    assert not desk.control.commit(PLAN)
    assert 0.05 < time.monotonic() - began < 2.0
    assert desk.control.stop() is StopReason.DEADLINE


def test_a_run_that_is_to_stop_proposes_nothing() -> None:
    desk = Desk(ignore)
    desk.control.ask(StopReason.CANCELLED)
    assert not desk.control.commit(PLAN)
    assert desk.plans == []


def test_what_got_lost_is_proposed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEAT_SECONDS", 0.01)
    desk = Desk(lambda control, number: control.confirm(number) if number == 3 else None)
    assert desk.control.commit(PLAN)
    assert len(desk.plans) >= 3
    assert set(map(Plan.model_dump_json, desk.plans)) == {PLAN.model_dump_json()}
