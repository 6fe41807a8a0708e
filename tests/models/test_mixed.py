"""Continuous coordinates and discrete values side by side."""

import torch

from models.mixed import MixedDensity, mixed_of
from tests.models.test_blankets import model, points
from tests.models.test_traced import DATA, SCHOOLS, density


def test_parts_are_put_together_where_they_belong() -> None:
    whole = model("rows")
    mixed = MixedDensity(whole)
    z, values = mixed.initial(torch.Generator().manual_seed(3), 5)
    assert mixed.dim == 1
    torch.testing.assert_close(mixed.join(z, values), points(whole, 5))
    told = mixed.tell(z, values, 2)
    torch.testing.assert_close(told.log_density, whole.value(points(whole, 5)))
    terms, gradient = whole.scored(points(whole, 5))
    torch.testing.assert_close(told.gradient, gradient[:, :1])
    torch.testing.assert_close(told.own, whole.blankets.sums(terms))


def test_a_model_of_continuous_unknowns_is_not_mixed() -> None:
    assert mixed_of(density(SCHOOLS, DATA)) is None
    assert mixed_of(model("rows")) is not None
