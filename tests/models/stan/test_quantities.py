"""From flat columns to arrays."""

import numpy as np
import pytest

from models.errors import UnavailableError
from models.stan.quantities import quantities, sizes


def test_the_first_index_runs_fastest() -> None:
    scalar, matrix = quantities(["mu", *(f"m.{i}.{j}" for j in (1, 2, 3) for i in (1, 2))])
    assert (scalar.name, scalar.shape, scalar.columns.tolist()) == ("mu", (), 0)
    assert (matrix.name, matrix.shape) == ("m", (2, 3))
    np.testing.assert_array_equal(matrix.columns, [[1, 3, 5], [2, 4, 6]])


def test_no_columns_are_no_quantities() -> None:
    assert quantities([]) == ()


@pytest.mark.parametrize("name", ["z.real", "t:1", "t.1:2"])
def test_parts_of_other_types_are_refused(name: str) -> None:
    with pytest.raises(UnavailableError, match="complex or tuple"):
        quantities(["a", name])


def test_coordinates_are_counted_by_parameter() -> None:
    assert sizes(["mu", "p.1", "p.2", "q.1.1"]) == {"mu": (0, 1), "p": (1, 2), "q": (3, 1)}
