"""Which leases a dispatcher believes to have run out, by a clock that the test turns."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.dispatch.trust import Trust

LEASE = 15.0


class Clocks:
    """The dispatcher's own clock, and the database's, which may jump."""

    def __init__(self) -> None:
        self.here = 100.0
        self.there = datetime(2026, 1, 1, tzinfo=UTC)

    def turn(self, seconds: float, jump: float = 0.0) -> datetime:
        self.here += seconds
        self.there += timedelta(seconds=seconds + jump)
        return self.there


def test_leases_are_trusted_from_the_start_and_while_clocks_agree() -> None:
    clocks = Clocks()
    trust = Trust(LEASE, lambda: clocks.here)
    assert trust.holds(clocks.there)
    for _ in range(5):
        assert trust.holds(clocks.turn(1.0, jump=0.5))
    assert trust.holds(clocks.turn(3600.0)), "a pause of this process is no jump"


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 6.0])
def test_after_a_jump_they_are_not_for_as_long_as_a_beat_takes(jump: float) -> None:
    clocks = Clocks()
    trust = Trust(LEASE, lambda: clocks.here)
    trust.holds(clocks.there)
    assert not trust.holds(clocks.turn(1.0, jump))
    assert not trust.holds(clocks.turn(LEASE / 3 + 1.0)), "some may not have beaten theirs yet"
    assert trust.holds(clocks.turn(LEASE / 2))


def test_after_a_database_was_away_they_are_not_either() -> None:
    clocks = Clocks()
    trust = Trust(LEASE, lambda: clocks.here)
    trust.doubt()
    assert not trust.holds(clocks.turn(LEASE / 3))
    assert trust.holds(clocks.turn(LEASE / 2))
