"""The contract of presence, on every database."""

from tests.workers.store.conftest import TurnedClock
from workers.store.presence import Presence
from workers.store.store import Store


def test_the_latest_word_of_each_dispatcher_counts(store: Store) -> None:
    assert store.present(15) == Presence(0, 0)
    store.announce("a:1", 0)
    store.announce("a:1", 2)
    store.announce("b:2", 1)
    assert store.present(15) == Presence(2, 3)
    store.announce("b:2", 1, gpus=1)
    assert store.present(15) == Presence(2, 3, gpus=1)


def test_who_falls_silent_is_absent_until_it_speaks_again(store: Store, clock: TurnedClock) -> None:
    store.announce("a:1", 2)
    clock.turn(16)
    assert store.present(15) == Presence(0, 0)
    store.announce("a:1", 2)
    assert store.present(15) == Presence(1, 2)


def test_who_ends_takes_its_leave(store: Store) -> None:
    store.announce("a:1", 2)
    store.announce("b:2", 1)
    store.withdraw("a:1")
    assert store.present(15) == Presence(1, 1)


def test_troubles_are_told_while_they_last(store: Store) -> None:
    store.announce("a:1", 2)
    store.announce("b:2", 0, "refused: n2")
    assert store.present(15) == Presence(2, 2, ("refused: n2",))
    store.announce("b:2", 1)
    assert store.present(15) == Presence(2, 3)
