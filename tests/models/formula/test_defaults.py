"""The scales that default priors take from the data."""

import numpy as np
import pytest

from models.formula.defaults import BLOCK, REACH, Scales

SCALES = Scales(loc=0.0, spread=2.0, deviation=3.0)


def test_a_slopes_scale_is_the_columns_standard_deviation() -> None:
    draw = np.random.default_rng(2)
    values = draw.normal(1e6, [1e-3, 1.0, 50.0], size=(3 * BLOCK + 17, 3))
    np.testing.assert_allclose(SCALES.slopes(values), REACH * 2 / values.std(0), rtol=1e-9)
    assert SCALES.intercept == REACH * 2


@pytest.mark.parametrize(("constant", "size"), [(1.0, 1.0), (-0.1, 0.1), (0.0, 1.0)])
def test_a_constant_column_counts_by_its_size(constant: float, size: float) -> None:
    found = SCALES.slopes(np.full((10, 1), constant))
    np.testing.assert_allclose(found, REACH * 2 / size)
