"""What `auto` picks, and the sentences that say why."""

import pytest
import torch
from pydantic import ValidationError

from tests.workers.densities import GaussianDensity
from workers import choice
from workers.choice import DEAR, MANY, AutoOptions, choose, gradient_seconds
from workers.engines.chees import CheesOptions
from workers.goal import Goal


def density(dim: int) -> GaussianDensity:
    return GaussianDensity(torch.zeros(dim), torch.eye(dim))


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch):
    def at(seconds: float) -> None:
        monkeypatch.setattr(choice, "gradient_seconds", lambda density, chains: seconds)

    return at


@pytest.mark.parametrize(
    ("dim", "metric"), [(1, "dense"), (64, "dense"), (65, "low_rank"), (200, "low_rank")]
)
def test_the_metric_by_dimension(timed, dim: int, metric: str) -> None:
    timed(1e-4)
    options, _ = choose(AutoOptions(), density(dim), 1)
    assert isinstance(options, CheesOptions)
    assert options.metric == metric


@pytest.mark.parametrize("tier", ["interpreted", "compiled"])
@pytest.mark.parametrize(("share", "chains"), [(0.01, 64), (1.0, 64), (1.01, 32), (100.0, 32)])
def test_the_chains_by_the_price_of_a_gradient(timed, tier: str, share: float, chains: int) -> None:
    timed(share * DEAR[tier])
    target = density(3)
    target.tier = tier
    options, _ = choose(AutoOptions(), target, 1)
    assert options.chains == chains
    assert chains % options.starts == 0
    assert options.starts == 8


def test_the_goal_is_handed_on() -> None:
    goal = Goal(ess_bulk=123, r_hat=None)
    options, _ = choose(AutoOptions(until=goal), density(2), 1)
    assert options.until == goal
    assert choose(AutoOptions(), density(2), 1)[0].until == Goal()


def test_what_is_picked_can_be_posted_again() -> None:
    options, _ = choose(AutoOptions(), density(2), 1)
    assert CheesOptions.model_validate(options.model_dump(mode="json")) == options


@pytest.mark.parametrize(
    ("seconds", "dim", "sentences"),
    [
        (
            0.0005,
            64,
            [
                "64 chains of chees: one gradient of 64 chains took 500 us "
                "(interpreted, 1 thread), at most 20000.",
                "A dense metric: the model has 64 dimensions, at most 64.",
            ],
        ),
        (
            0.05,
            65,
            [
                "32 chains of chees: one gradient of 64 chains took 50000 us "
                "(interpreted, 1 thread), more than 20000.",
                "A low-rank metric: the model has 65 dimensions, more than 64.",
            ],
        ),
    ],
)
def test_it_says_why(timed, seconds: float, dim: int, sentences: list[str]) -> None:
    timed(seconds)
    _, why = choose(AutoOptions(), density(dim), 1)
    assert why == sentences


def test_the_gradient_of_all_chains_is_what_is_timed() -> None:
    seen = []
    target = density(4)
    real = target.value_and_grad

    def counted(z: torch.Tensor, *rest: object):
        seen.append(z.shape)
        return real(z, *rest)

    target.value_and_grad = counted  # type: ignore[method-assign]
    assert 0 < gradient_seconds(target, MANY) < 1
    assert seen == [(MANY, 4)] * 3


@pytest.mark.parametrize("posted", [{"until": None}, {"chains": 4}, {"until": {"ess_bulk": -1}}])
def test_options_that_are_refused(posted: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AutoOptions.model_validate(posted)
