"""One ordering gives quantiles, normal scores and scores of the distances from the median."""

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from workers.ranks import Ranks, normal_scores

GENERATOR = np.random.default_rng(11)
SAMPLES = {
    "continuous": GENERATOR.standard_normal((3, 101)),
    "even": GENERATOR.standard_normal((3, 100)),
    "ties": GENERATOR.integers(0, 7, (4, 60)).astype(float),
    "rejections": np.repeat(GENERATOR.standard_normal((2, 40)), GENERATOR.integers(1, 4, 40), 1),
    "two values": GENERATOR.integers(0, 2, (2, 9)).astype(float),
    "constant": np.full((2, 8), 0.1),
    "ties next to those of another entry": np.array([[0.0, 1.0, 1.0], [1.0, 1.0, 2.0], [2.0] * 3]),
    "ends tied": np.array([[1.0, 0.0, 2.0, 2.0], [2.0, 1.0, 1.0, 3.0]]),
}


def expected_scores(values: np.ndarray) -> np.ndarray:
    ranks = rankdata(values, method="average", axis=1)
    return norm.ppf((ranks - 3 / 8) / (values.shape[1] + 1 / 4))


def scores(ranks: Ranks, like: np.ndarray) -> np.ndarray:
    table = normal_scores(ranks.values.shape[1])
    return ranks.scores(table, like.size).reshape(like.shape)


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_scores_are_those_of_mean_ranks(values: np.ndarray) -> None:
    np.testing.assert_array_equal(scores(Ranks.of(values), values), expected_scores(values))


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_folding_orders_the_distances_from_the_median(values: np.ndarray) -> None:
    distances = np.abs(values - np.median(values, axis=1, keepdims=True))
    np.testing.assert_array_equal(
        scores(Ranks.of(values).folded(), values), expected_scores(distances)
    )


@pytest.mark.parametrize("probability", [0.0, 0.05, 0.37, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_quantiles_are_numpy_s_to_the_last_digit(values: np.ndarray, probability: float) -> None:
    expected = np.quantile(values, probability, axis=1)
    np.testing.assert_array_equal(Ranks.of(values).quantile(probability), expected)


@pytest.mark.parametrize("values", SAMPLES.values(), ids=SAMPLES)
def test_medians_are_numpy_s_to_the_last_digit(values: np.ndarray) -> None:
    np.testing.assert_array_equal(Ranks.of(values).median(), np.median(values, axis=1))


def test_draws_left_out_have_no_rank() -> None:
    values = GENERATOR.standard_normal((2, 9))
    ranks = Ranks.of(values)
    kept = ranks.where(np.arange(18) % 9 != 4)
    found = scores(kept, values)
    rest = np.delete(values, 4, axis=1)
    np.testing.assert_array_equal(np.delete(found, 4, axis=1), expected_scores(rest))
    assert (found[:, 4] == 0).all()
