"""Sums over the terms that an entry takes part in."""

import math

import pytest
import torch
from torch import Tensor

from models.blankets import Blankets, blankets_of
from models.dependence import MANY, NONE
from models.traced import TracedDensity
from tests.workers.engines.posted import posted

LIMITS = torch.full((3,), math.inf, dtype=torch.float64)
#: Four terms; an unknown of two entries, and one of one.
LABELS = {0: torch.tensor([1, 2, MANY, NONE]), 1: torch.tensor([NONE, 1, NONE, 1])}


def made() -> Blankets:
    return blankets_of(LABELS, 4, [2, 1], LIMITS)


def test_sums_are_of_own_terms() -> None:
    terms = torch.tensor([[1.0, 10.0, 100.0, 1000.0], [2.0, 0.0, -math.inf, 5.0]]).double()
    expected = [[101.0, 110.0, 1010.0], [-math.inf, -math.inf, 5.0]]
    assert made().sums(terms).tolist() == expected


def test_entries_that_share_no_term_move_together() -> None:
    assert [group.tolist() for group in made().apart()] == [[2], [0], [1]]
    alone = blankets_of({1: LABELS[1]}, 4, [2, 1], LIMITS)
    assert [group.tolist() for group in alone.apart()] == [[2], [0, 1]]


ROWS = """
def model(y, group):
    rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
    with pyro.plate("group", 3):
        level = pyro.sample("level", dist.Poisson(rate))
    with pyro.plate("row", len(y)):
        n = pyro.sample("n", dist.Poisson(3.0))
        kind = pyro.sample("kind", dist.Binomial(torch.arange(4.0), 0.5))
        pyro.sample("y", dist.Normal(level[group] + n - kind, 1.0), obs=y)
"""
TOTAL = """
def model(y):
    with pyro.plate("row", 3):
        n = pyro.sample("n", dist.Poisson(3.0))
    pyro.sample("y", dist.Normal(n.sum(), 1.0), obs=y)
"""
CROSSED = """
def model(y):
    rows, columns = pyro.plate("row", 2, dim=-2), pyro.plate("column", 3, dim=-1)
    with rows:
        a = pyro.sample("a", dist.Bernoulli(0.3))
    with columns:
        b = pyro.sample("b", dist.Categorical(torch.tensor([0.2, 0.3, 0.5])))
    with rows, columns:
        pyro.sample("y", dist.Normal(a * b, 1.0), obs=y)
"""
EVENT = """
def model(y):
    k = pyro.sample("k", dist.Bernoulli(torch.tensor([0.2, 0.6])).to_event(1))
    pyro.sample("y", dist.Normal(k[0] - k[1], 1.0), obs=y)
"""
MODELS = {
    "rows": (ROWS, {"y": [1.0, 4.0, 2.0, 3.0], "group": [0, 2, 2, 1]}),
    "a total": (TOTAL, {"y": 7.0}),
    "crossed": (CROSSED, {"y": [[1.0, 0.0, 2.0], [0.5, 1.0, 1.5]]}),
    "an event": (EVENT, {"y": 0.3}),
}


def model(name: str) -> TracedDensity:
    source, data = MODELS[name]
    return posted(source, data)


def points(density: TracedDensity, count: int) -> Tensor:
    return density.initial(torch.Generator().manual_seed(3), count)


@pytest.mark.parametrize("name", MODELS)
def test_what_an_entry_does_not_take_part_in_it_does_not_change(name: str) -> None:
    density = model(name)
    places = [
        n for p in density.parameters if p.discrete for n in range(p.offset, p.offset + p.size)
    ]
    z = points(density, 5)
    before = density.scored(z)[0]
    for entry, place in enumerate(places):
        moved = z.clone()
        moved[:, place] = 1.0 - moved[:, place].clamp(max=1.0)
        after = density.scored(moved)[0]
        rest = (after - before).sum(1)
        own = density.blankets.sums(after) - density.blankets.sums(before)
        torch.testing.assert_close(own[:, entry], rest, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_terms_add_up_to_the_log_density(name: str) -> None:
    density = model(name)
    z = points(density, 5)
    terms, gradient = density.scored(z)
    value, slope = density.value_and_grad(z)
    torch.testing.assert_close(terms.sum(1), value)
    torch.testing.assert_close(gradient, slope, equal_nan=True)


def test_rows_are_apart() -> None:
    density = model("rows")
    found = density.blankets
    assert [len(site) for site in found.sites] == [3, 4, 4]
    assert all(len(shared) == 0 for shared in found.shared)
    # Of a group's level: its prior, and the rows of the group.
    count = torch.bincount(found.entries, minlength=11)
    assert count.tolist() == [2, 2, 3, *[2] * 4, *[2] * 4]
    limits = [math.inf] * 7 + [0.0, 1.0, 2.0, 3.0]
    assert found.limits.tolist() == limits


def test_what_all_enter_together_is_everybody_s() -> None:
    (shared,) = model("a total").blankets.shared
    assert len(shared) == 1
    assert [len(group) for group in model("a total").blankets.apart()] == [1, 1, 1]


def test_limits_that_hang_on_unknowns_are_open() -> None:
    source = """
def model(y, m):
    n = pyro.sample("n", dist.Poisson(4.0))
    k = pyro.sample("k", dist.Binomial(n, 0.5))
    j = pyro.sample("j", dist.Binomial(m, 0.5))
    pyro.sample("y", dist.Normal(k + j, 1.0), obs=y)
"""
    density = posted(source, {"y": 2.0, "m": 5.0})
    assert density.blankets.limits.tolist() == [math.inf, math.inf, 5.0]
