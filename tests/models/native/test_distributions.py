"""Every distribution and every support on the compiled tier, beside the interpreted one."""

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.supports import transform_to, unconstrained_shape
from tests.models.distribution_cases import CASES, SUPPORTS, Case
from tests.models.native.trials import DTYPES, Compiled, Trial, check, expected, ordinary
from tests.models.test_bijections import shape_of

TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-4}


def distribution(case: Case) -> Trial:
    """The log density of the parameters and the value, one after another; of a count, as data."""
    real = {name: torch.tensor(value, dtype=torch.float64) for name, value in case.real().items()}
    value = case.at(torch.float64)

    def function(z: Tensor, count: Tensor) -> Tensor:
        sizes = [max(1, part.numel()) for part in (*real.values(), value)]
        *parts, last = torch.split(z, sizes)
        arguments = {
            name: part.reshape(literal.shape)
            for (name, literal), part in zip(real.items(), parts, strict=True)
        }
        made = case.build(z.dtype, **arguments)
        at = count if made.support.is_discrete else last.reshape(count.shape)
        return made.log_prob(at)

    return Trial(function, (value,), _start(case).numel())


def _start(case: Case) -> Tensor:
    parts = [torch.tensor(value, dtype=torch.float64) for value in case.real().values()]
    return torch.cat([part.reshape(-1) for part in (*parts, case.at(torch.float64))])


def points(case: Case, dtype: torch.dtype) -> Tensor:
    """The case's own point, and others near it."""
    moved = 1 + 0.01 * torch.arange(3, dtype=torch.float64)[:, None]
    return (_start(case) * moved).to(dtype)


def bijection(name: str) -> Trial:
    """The constrained value and the log determinant."""
    shape = unconstrained_shape(SUPPORTS[name], shape_of(name))

    def function(z: Tensor) -> Tensor:
        transform, x = transform_to(SUPPORTS[name]), z.reshape(shape)
        y = transform(x)
        return torch.cat([y.reshape(-1), transform.log_abs_det_jacobian(x, y).reshape(-1)])

    return Trial(function, (), math.prod(shape))


DISTRIBUTIONS = {str(case): case for case in CASES}


@pytest.fixture(scope="module")
def compiled(native_cache: Path) -> Mapping[torch.dtype, Compiled]:
    trials = {
        **{name: distribution(case) for name, case in DISTRIBUTIONS.items()},
        **{f"support {name}": bijection(name) for name in SUPPORTS},
    }
    units = {dtype: Compiled(trials, dtype, native_cache, False) for dtype in DTYPES}
    with ThreadPoolExecutor(len(units)) as pool:
        list(pool.map(Compiled.build, units.values()))
    return units


each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=str)


@pytest.mark.slow
@each_dtype
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_log_densities_and_gradients_are_those_of_the_interpreted_tier(
    compiled: Mapping[torch.dtype, Compiled], name: str, dtype: torch.dtype
) -> None:
    case, tolerance = DISTRIBUTIONS[name], TOLERANCE[dtype]
    rows = points(case, dtype)
    check(compiled[dtype], name, distribution(case), rows, rtol=tolerance, atol=tolerance)


@pytest.mark.slow
@each_dtype
@pytest.mark.parametrize("name", SUPPORTS)
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_bijections_are_those_of_the_interpreted_tier(
    compiled: Mapping[torch.dtype, Compiled], name: str, dtype: torch.dtype, spread: float
) -> None:
    one = bijection(name)
    rows = spread * ordinary(dtype, 5, one.size)
    tolerance = TOLERANCE[dtype]
    results = zip(compiled[dtype](f"support {name}", rows), expected(one, rows), strict=True)
    for got, wanted in results:
        # Far out, what is left of numbers next to 1 or beside 0 is rounding.
        loose = tolerance if spread == 1.0 else 10 * tolerance
        torch.testing.assert_close(got, wanted, rtol=loose, atol=loose, equal_nan=True)
