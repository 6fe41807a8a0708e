"""What is ordered from the service: jobs of every engine, each short, and each to a known end."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workers.jobs import JobState


def _predictors(rows: int, columns: int) -> list[list[float]]:
    return [
        [round(math.sin(1 + 3 * b + 7 * k * k), 6) for k in range(columns)] for b in range(rows)
    ]


SCHOOLS = (
    {"language": "catalog", "name": "eight_schools"},
    {"y": [28, 8, -3, 7, -1, 1, 18, 12], "sigma": [15, 10, 16, 11, 9, 11, 10, 18]},
)
_X = _predictors(200, 4)
LOGISTIC = (
    {"language": "catalog", "name": "logistic_regression"},
    {"x": _X, "y": [int(row[0] - row[1] + math.sin(5 * b) > 0) for b, row in enumerate(_X)]},
)


@dataclass(frozen=True)
class Recipe:
    """A model, data and an engine."""

    name: str
    subject: tuple[Mapping[str, Any], Mapping[str, Any]]
    engine: Mapping[str, Any]
    #: Explicit, so that what is drawn does not hang on when a compiler was done.
    tier: str = "interpreted"
    #: How such a job ends if nobody cancels it.
    end: JobState = JobState.SUCCEEDED
    draws: bool = True
    limits: Mapping[str, float] = field(default_factory=dict)


#: A few seconds of work each.
RECIPES = (
    Recipe("mle", LOGISTIC, {"kind": "mle", "restarts": 32}, draws=False),
    Recipe("laplace", LOGISTIC, {"kind": "laplace", "draws": 4000}),
    Recipe("pathfinder", SCHOOLS, {"kind": "pathfinder", "draws": 2000, "paths": 8}),
    Recipe("vi", SCHOOLS, {"kind": "vi", "draws": 2000, "guide": "full_rank"}),
    Recipe("hmc", SCHOOLS, {"kind": "hmc", "chains": 4, "warmup": 150, "draws": 800}),
    Recipe(
        "nuts", SCHOOLS,
        {"kind": "nuts", "chains": 4, "warmup": 150, "draws": 400, "max_tree_depth": 5},
    ),
    Recipe(
        "nuts, compiled", LOGISTIC,
        {"kind": "nuts", "chains": 4, "warmup": 500, "draws": 20_000}, "compiled",
    ),
    Recipe("chees", SCHOOLS, {"kind": "chees", "chains": 16, "warmup": 60, "draws": 400}),
)  # fmt: skip

_ENDLESS = {"kind": "nuts", "chains": 2, "warmup": 50, "draws": 1_000_000, "max_tree_depth": 4}
#: To be cancelled, and to run out of time.
CANCELLED = Recipe("cancelled", SCHOOLS, _ENDLESS, end=JobState.CANCELLED)
EXPIRED = Recipe("expired", SCHOOLS, _ENDLESS, end=JobState.EXPIRED, limits={"max_seconds": 4.0})
#: Of so many orders one is cancelled, and of so many one runs out of time.
_CANCELS, _EXPIRES = 8, 16
#: Seconds after which an order is cancelled, at the most.
PATIENCE = 8.0
#: Every recipe is ordered with these seeds, so that few references serve many orders.
SEEDS = (11, 12)


@dataclass(frozen=True)
class Order:
    """One job to be submitted."""

    #: Its idempotency key, and its label.
    key: str
    recipe: Recipe
    seed: int
    #: Seconds after its acknowledgement.
    cancel_after: float | None = None

    @property
    def what(self) -> str:
        """What is asked for; equal orders have equal answers."""
        return f"{self.recipe.name} of seed {self.seed}"


def orders(
    seed: int, count: int, recipes: Sequence[Recipe] = RECIPES, prefix: str = "order"
) -> list[Order]:
    """Return so many orders, mixed by a seed."""
    chance = random.Random(seed)
    dishes = _dishes(chance, recipes)
    found = []
    for number in range(count):
        key = f"{prefix}-{number}"
        if number % _CANCELS == _CANCELS - 1:
            found.append(Order(key, CANCELLED, number, chance.uniform(0.0, PATIENCE)))
        elif number % _EXPIRES == _EXPIRES // 2:
            found.append(Order(key, EXPIRED, number))
        else:
            found.append(Order(key, *next(dishes)))
    return found


def _dishes(chance: random.Random, recipes: Sequence[Recipe]) -> Iterator[tuple[Recipe, int]]:
    """Yield every recipe with every seed, in an order that changes from round to round."""
    card = [(recipe, seed) for recipe in recipes for seed in SEEDS]
    while True:
        chance.shuffle(card)
        yield from card


def references(asked: Sequence[Order]) -> list[Order]:
    """Return an order for everything that is asked for and has an answer, each once."""
    distinct = {order.what: order for order in asked if order.recipe.end is JobState.SUCCEEDED}
    return [
        Order(f"reference-{order.key}", order.recipe, order.seed) for order in distinct.values()
    ]
