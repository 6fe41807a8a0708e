"""A model given its discrete latents is the model at their values."""

import pytest
import torch

from models.density import Target
from tests.models.test_blankets import model, points


@pytest.mark.parametrize("name", ["rows"])
def test_the_density_given_values_is_the_joint_one(name: str) -> None:
    density = model(name)
    z = points(density, 1)
    continuous = [not p.discrete for p in density.parameters for _ in range(p.size)]
    keep = torch.tensor(continuous)
    given = density.given(z[0, ~keep].double())
    assert [p.name for p in given.parameters] == ["rate"]
    assert not any(p.discrete for p in given.parameters)
    torch.testing.assert_close(given.value(z[:, keep]), density.value(z))
    _, slope = density.value_and_grad(z)
    torch.testing.assert_close(given.value_and_grad(z[:, keep])[1], slope[:, keep])
    assert given.hessian(z[:, keep], Target.POSTERIOR).shape == (1, 1, 1)


def test_other_values_make_another_density() -> None:
    density = model("rows")
    first, second = torch.zeros(11).double(), torch.zeros(11).double()
    second[0] = 3.0
    z = torch.zeros(1, 1).double()
    assert density.given(first) is density.given(first.clone())
    assert float(density.given(first).value(z)) != float(density.given(second).value(z))
