import math

import pytest

from models.native.operations import number


@pytest.mark.parametrize("value", [0.0, 1.5, 1e300, 5e-324, 0.1, 2.0**60])
def test_numbers_read_back_the_same(value: float) -> None:
    assert float(number(value)) == value
    assert float(number(-value).strip("()")) == -value
    assert math.copysign(1, float(number(-value).strip("()"))) == -1


def test_what_is_not_finite_has_a_name() -> None:
    assert [number(x) for x in (math.nan, math.inf, -math.inf)] == [
        "NAN",
        "INFINITY",
        "(-INFINITY)",
    ]
