"""Orders: the same for the same seed, of every engine, each to a known end."""

from collections import Counter

import pytest

from tests.chaos.workload import RECIPES, orders, references
from workers.jobs import JobState
from workers.request import JobRequest


def test_a_seed_makes_the_same_orders_again() -> None:
    assert orders(1, 100) == orders(1, 100)
    assert orders(1, 100) != orders(2, 100)
    assert [order.key for order in orders(1, 2, prefix="x")] == ["x-0", "x-1"]


def test_every_engine_is_asked_for_and_some_are_cancelled_or_expire() -> None:
    made = orders(1, 100)
    counts = Counter(order.recipe.name for order in made)
    assert all(counts[recipe.name] >= 5 for recipe in RECIPES)
    ends = Counter(order.recipe.end for order in made)
    assert ends[JobState.CANCELLED] >= 10
    assert ends[JobState.EXPIRED] >= 5
    kinds = {recipe.engine["kind"] for recipe in RECIPES}
    assert kinds == {"mle", "laplace", "pathfinder", "vi", "hmc", "nuts", "chees"}
    assert len({order.key for order in made}) == 100
    for order in made:
        assert (order.cancel_after is not None) is (order.recipe.end is JobState.CANCELLED)


def test_what_has_an_answer_is_referred_to_once() -> None:
    made = orders(1, 100)
    asked = references(made)
    assert len({order.what for order in asked}) == len(asked) == 2 * len(RECIPES)
    assert {order.what for order in asked} == {
        order.what for order in made if order.recipe.end is JobState.SUCCEEDED
    }


@pytest.mark.parametrize("order", references(orders(1, 100)) + orders(1, 8), ids=lambda o: o.key)
def test_the_service_would_take_it(order: object) -> None:
    recipe = order.recipe  # type: ignore[attr-defined]
    model, data = recipe.subject
    JobRequest.model_validate(
        {
            "model": model,
            "data": data,
            "engine": recipe.engine,
            "tier": recipe.tier,
            "seed": order.seed,  # type: ignore[attr-defined]
            "limits": recipe.limits,
        }
    )
