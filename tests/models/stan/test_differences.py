"""Derivatives by differences."""

import numpy as np

from models.stan.differences import jacobian


def test_they_are_exact_to_ten_digits() -> None:
    z = np.array([0.3, -2.0, 3.0])

    def function(points: np.ndarray) -> np.ndarray:
        return np.stack([np.exp(points[:, 0]) * points[:, 1], np.sin(points[:, 2])], axis=1)

    wanted = [[-2 * np.exp(0.3), np.exp(0.3), 0.0], [0.0, 0.0, np.cos(3.0)]]
    np.testing.assert_allclose(jacobian(function, z), wanted, rtol=1e-10, atol=1e-11)


def test_where_the_function_ends_there_is_none() -> None:
    def function(points: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.log(points)

    found = jacobian(function, np.array([1e-9, 2.0]))
    assert np.isnan(found[0, 0])
    assert abs(found[1, 1] - 0.5) < 1e-10
