"""Divergence and curl of fields whose derivatives are known."""

import torch

from models.derivatives.field import field
from models.derivatives.reverse import jacobian


def test_a_rotation_turns_and_does_not_spread() -> None:
    spin = torch.tensor([0.3, -1.0, 2.0]).double()
    at = torch.tensor([1.0, 2.0, 3.0]).double()

    def rotation(x: torch.Tensor) -> torch.Tensor:
        return torch.linalg.cross(spin, x)

    found = field(rotation(at), jacobian(rotation, at), slice(0, 3))
    assert found.divergence is not None
    assert found.curl is not None
    torch.testing.assert_close(found.divergence, torch.zeros(()).double())
    torch.testing.assert_close(found.curl, 2 * spin)


def test_a_source_spreads_and_does_not_turn() -> None:
    at = torch.tensor([1.0, 2.0, 3.0, 9.0]).double()

    def source(x: torch.Tensor) -> torch.Tensor:
        return x[:3] ** 2 * x[3]

    found = field(source(at), jacobian(source, at), slice(0, 3))
    assert found.divergence is not None
    assert found.curl is not None
    torch.testing.assert_close(found.divergence, 2 * 9.0 * at[:3].sum())
    torch.testing.assert_close(found.curl, torch.zeros(3).double())
    torch.testing.assert_close(found.jacobian[:, 3], at[:3] ** 2)


def test_without_a_space_there_is_the_jacobian_alone() -> None:
    at = torch.tensor([1.0, 2.0]).double()
    found = field(at**3, jacobian(lambda x: x**3, at), None)
    assert found.divergence is None
    assert found.curl is None
    torch.testing.assert_close(found.jacobian, torch.diag(3 * at**2))


def test_in_two_dimensions_there_is_no_curl() -> None:
    at = torch.tensor([1.0, 2.0]).double()
    found = field(at**3, jacobian(lambda x: x**3, at), slice(0, 2))
    assert found.divergence is not None
    torch.testing.assert_close(found.divergence, (3 * at**2).sum())
    assert found.curl is None
