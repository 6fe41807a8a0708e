"""Tallies: counts and histograms, taken and given back."""

import threading

import pytest

from workers.measures import DIVERGENCES, LOST, MEASURES, RUN, Tally


def test_counts_add_up_by_labels() -> None:
    tally = Tally()
    tally.count(LOST, cause="worker")
    tally.count(LOST, cause="worker")
    tally.count(LOST, 3, cause="silent")
    assert tally.take() == {
        ("credence_leases_lost", '{"cause":"worker"}', ""): 2.0,
        ("credence_leases_lost", '{"cause":"silent"}', ""): 3.0,
    }
    assert tally.take() == {}


def test_a_value_falls_into_the_first_bucket_that_holds_it() -> None:
    tally = Tally()
    for value in (0.05, 0.06, 1e9):
        tally.observe(RUN, value, engine="nuts")
    labels = '{"engine":"nuts"}'
    found = tally.take()
    assert found.pop((RUN.name, labels, "sum")) == pytest.approx(1e9 + 0.11)
    assert found == {
        (RUN.name, labels, "0.05"): 1.0,
        (RUN.name, labels, "0.1"): 1.0,
        (RUN.name, labels, "+Inf"): 1.0,
    }


def test_what_could_not_be_stored_is_counted_again() -> None:
    tally = Tally()
    tally.count(DIVERGENCES, 2, engine="nuts")
    taken = tally.take()
    tally.count(DIVERGENCES, 5, engine="nuts")
    tally.give_back(taken)
    assert list(tally.take().values()) == [7.0]


def test_labels_are_the_measures_own() -> None:
    with pytest.raises(ValueError, match="credence_divergences has the labels"):
        Tally().count(DIVERGENCES, job="j")


def test_threads_lose_nothing() -> None:
    tally = Tally()

    def count() -> None:
        for _ in range(1000):
            tally.count(LOST, cause="worker")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(tally.take().values()) == 4000


def test_names_and_labels_fit_their_columns() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    for measure in MEASURES:
        assert len(measure.name) <= 64
        assert list(measure.buckets) == sorted(set(measure.buckets))
