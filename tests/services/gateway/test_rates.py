"""Token buckets: a burst at once, then as many as flow in."""

import pytest

from services.gateway import rates as module
from services.gateway.rates import Rates


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_flow() -> None:
    clock = Clock()
    rates = Rates(per_second=2.0, burst=3, clock=clock)
    assert [rates.take("a") for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    assert rates.take("b") == 0.0, "each has its own"
    clock.now += 0.5
    assert rates.take("a") == 0.0
    assert rates.take("a") == 0.5
    clock.now += 0.25
    assert rates.take("a") == 0.25
    clock.now += 1000.0
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


@pytest.mark.parametrize("per_second", [0.5, 7.0, 50.0])
def test_in_the_long_run_no_more_than_the_rate(per_second: float) -> None:
    clock = Clock()
    rates = Rates(per_second, burst=10, clock=clock)
    passed = 0
    for _ in range(20_000):
        passed += rates.take("a") == 0.0
        clock.now += 0.01
    assert passed == pytest.approx(10 + per_second * 200, abs=1)


def test_no_limit() -> None:
    rates = Rates(per_second=0, burst=1, clock=Clock())
    assert {rates.take("a") for _ in range(1000)} == {0.0}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    rates = Rates(1.0, 1, Clock())
    for name in range(50):
        rates.take(str(name))
    assert len(rates._buckets) == 5
