"""Differences of functions with many results."""

import torch
from torch import Tensor

from models.derivatives.differences import slopes

AT = torch.tensor([0.3, -20.0, 0.0], dtype=torch.float64)


def results(points: Tensor) -> Tensor:
    x, y, z = points.unbind(1)
    return torch.stack([x.exp() * y, (x * z).sin() + y**2], 1)


def test_slopes_are_those_of_the_closed_form_and_know_their_error() -> None:
    found = slopes(results, AT)
    x, y, _ = AT
    zero = torch.zeros(()).double()
    wanted = torch.stack(
        [torch.stack([x.exp() * y, zero]), torch.stack([x.exp(), 2 * y]), torch.stack([zero, x])]
    )
    torch.testing.assert_close(found.value, wanted, rtol=1e-10, atol=1e-10)
    assert found.error.shape == (3, 2)
    assert ((found.value - wanted).abs() <= found.error).all()
    assert float(found.error.max()) < 1e-6


def test_where_a_function_ends_only_its_own_entries_have_no_slope() -> None:
    def ending(points: Tensor) -> Tensor:
        # Not defined on either side of 0.
        return torch.stack([points[:, 0].where(points[:, 0] == 0, torch.nan), points[:, 1]], 1)

    found = slopes(ending, torch.tensor([0.0, 2.0], dtype=torch.float64))
    assert found.value.isnan().tolist() == [[True, False], [False, False]]
    assert found.error.isfinite().tolist() == [[False, True], [True, True]]


def test_of_no_entries_there_are_none() -> None:
    found = slopes(lambda points: points.new_zeros(len(points), 2), torch.zeros(0).double())
    assert found.value.shape == (0, 2)
