"""Arrays come back from JSON bit for bit."""

import json

import numpy as np
import pytest

from services.gateway.packed import pack, unpack


@pytest.mark.parametrize(
    "array",
    [
        np.array(0.1),
        np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324]),
        np.arange(6.0).reshape(2, 3).T,
        np.empty((0, 3)),
    ],
)
def test_shape_and_bits_are_kept(array: np.ndarray) -> None:
    found = unpack(json.loads(json.dumps(pack(array))))
    assert found.shape == array.shape
    assert found.dtype == np.float64
    assert found.tobytes() == np.ascontiguousarray(array).tobytes()


def test_integers_become_reals() -> None:
    assert unpack(pack(np.array([1, 2]))).tolist() == [1.0, 2.0]
