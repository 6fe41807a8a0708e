"""Counts in the database: added up, whoever adds."""

import threading

from workers.measures import LOST, RUN, Tally
from workers.store.store import Store


def test_counts_of_all_are_added(store: Store) -> None:
    for _ in range(2):
        tally = Tally()
        tally.count(LOST, 2, cause="worker")
        tally.observe(RUN, 0.07, engine="vi")
        store.upkeep.tally(tally.take())
    store.upkeep.tally({})
    assert store.upkeep.measures() == {
        ("credence_leases_lost", '{"cause":"worker"}', ""): 4.0,
        ("credence_job_run_seconds", '{"engine":"vi"}', "0.1"): 2.0,
        ("credence_job_run_seconds", '{"engine":"vi"}', "sum"): 0.14,
    }


def test_those_who_add_at_the_same_time_lose_nothing(store: Store) -> None:
    def add() -> None:
        for _ in range(10):
            tally = Tally()
            tally.count(LOST, cause="worker")
            tally.count(LOST, cause="silent")
            store.upkeep.tally(tally.take())

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(store.upkeep.measures().values()) == {40.0}
