"""What a program says of one point, held against the densities that are made of it."""

import torch
from torch import Tensor

from models.density import Target
from models.points import Points
from models.traced import TracedDensity
from tests.models.test_traced import DATA, SCHOOLS, density


def of(model: TracedDensity) -> tuple[Points, tuple[Tensor, ...]]:
    return model._points, model._arguments


def test_the_summands_add_up_to_the_log_density() -> None:
    model = density(SCHOOLS, DATA)
    points, arguments = of(model)
    z = torch.linspace(-0.5, 0.5, model.dim, dtype=torch.float64)
    (value,) = points.value(Target.POSTERIOR)(z, *arguments)
    torch.testing.assert_close(points.summands(z, arguments).sum(), value)
    torch.testing.assert_close(model.value(z[None])[0], value)


def test_the_gradient_of_a_weighted_log_density_is_that_of_its_parts() -> None:
    points, arguments = of(density(SCHOOLS, DATA))
    z = torch.linspace(-0.5, 0.5, points.layout.dim, dtype=torch.float64)
    found = {
        weight: points.weighted(Target.POSTERIOR)(z, torch.tensor(weight).double(), *arguments)[1]
        for weight in (0.0, 1.0, 3.0)
    }
    whole = points.gradient(Target.POSTERIOR)(z, *arguments)[1]
    torch.testing.assert_close(found[1.0], whole)
    torch.testing.assert_close(found[3.0] - found[0.0], 3.0 * (found[1.0] - found[0.0]))


def test_an_unrounded_twin_reads_the_same_program() -> None:
    points, arguments = of(density(SCHOOLS, DATA))
    twin = points.unrounded()
    assert (twin.rounded, twin.names, twin.static) == (False, points.names, points.static)
    assert twin.data(arguments).keys() == points.data(arguments).keys()
