import pytest
import torch
from torch import Tensor
from torch.func import grad_and_value, jacrev, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from models import bijections
from models.supports import transform_to, unconstrained_shape
from models.validity import inside
from tests.models.distribution_cases import SUPPORTS

ORDER = 4
MATRICES = {"lower_cholesky", "corr_cholesky", "positive_definite", "corr_matrix"}
VECTORS = {"simplex", "ordered_vector", "positive_ordered_vector"}
each_support = pytest.mark.parametrize("name", SUPPORTS)


def shape_of(name: str) -> tuple[int, ...]:
    if name in MATRICES:
        return (ORDER, ORDER)
    return (ORDER,) if name in VECTORS else ()


def points(
    name: str, count: int, dtype: torch.dtype = torch.float64, spread: float = 1.5
) -> Tensor:
    shape = unconstrained_shape(SUPPORTS[name], shape_of(name))
    generator = torch.Generator().manual_seed(7)
    return spread * torch.randn((count, *shape), dtype=dtype, generator=generator)


def independent_coordinates(name: str, y: Tensor) -> Tensor:
    """The entries of one value that determine the rest."""
    if name == "simplex":
        return y[:-1]
    if name in MATRICES:
        diagonal = -1 if name.startswith("corr") else 0
        rows, columns = torch.tril_indices(ORDER, ORDER, diagonal)
        return y[rows, columns]
    return y.reshape(-1)


@each_support
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_values_lie_in_the_support_in_the_dtype(name: str, dtype: torch.dtype) -> None:
    transform = transform_to(SUPPORTS[name])
    x = points(name, 50, dtype)
    y = transform(x)
    assert y.dtype == dtype
    assert y.shape == (50, *shape_of(name))
    tolerant = inside(SUPPORTS[name], y) if dtype == torch.float64 else torch.isfinite(y)
    assert tolerant.all()
    assert transform.inv(y).dtype == dtype
    assert transform.log_abs_det_jacobian(x, y).dtype == dtype


@each_support
def test_the_inverse_gives_the_point_back(name: str) -> None:
    transform = transform_to(SUPPORTS[name])
    x = points(name, 50)
    torch.testing.assert_close(transform.inv(transform(x)), x, rtol=1e-9, atol=1e-9)


@each_support
def test_the_log_determinant_is_that_of_the_jacobian(name: str) -> None:
    """Against finite differences in as many coordinates as the support has dimensions."""
    transform = transform_to(SUPPORTS[name])
    for x in points(name, 5):
        flat, step = x.reshape(-1), 1e-6
        columns = []
        for k in range(flat.numel()):
            moved = torch.zeros_like(flat)
            moved[k] = step
            ahead = transform((flat + moved).reshape(x.shape))
            behind = transform((flat - moved).reshape(x.shape))
            columns.append(independent_coordinates(name, (ahead - behind) / (2 * step)))
        numeric = torch.linalg.slogdet(torch.stack(columns, dim=-1)).logabsdet
        exact = transform.log_abs_det_jacobian(x, transform(x))
        torch.testing.assert_close(exact.sum(), numeric, rtol=1e-6, atol=1e-6)


@each_support
def test_values_and_gradients_agree_under_vmap_and_in_a_loop(name: str) -> None:
    transform = transform_to(SUPPORTS[name])

    def energy(x: Tensor) -> Tensor:
        y = transform(x)
        return (y * y).sum() + transform.log_abs_det_jacobian(x, y).sum()

    x = points(name, 3)
    batched = vmap(grad_and_value(energy))
    for gradients, values in (batched(x), make_fx(batched)(x)(x)):
        for i in range(3):
            gradient, value = grad_and_value(energy)(x[i])
            torch.testing.assert_close(gradients[i], gradient, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(values[i], value, rtol=1e-12, atol=1e-12)
    assert torch.isfinite(vmap(jacrev(jacrev(energy)))(x)).all()


@each_support
def test_gradients_stay_finite_far_out(name: str) -> None:
    transform = transform_to(SUPPORTS[name])

    def log_det(x: Tensor) -> Tensor:
        return transform.log_abs_det_jacobian(x, transform(x)).sum()

    x = points(name, 20, spread=30.0)
    gradients, values = vmap(grad_and_value(log_det))(x)
    assert torch.isfinite(values).all()
    assert torch.isfinite(gradients).all()


@each_support
def test_shapes_are_known_without_values(name: str) -> None:
    transform = transform_to(SUPPORTS[name])
    unconstrained = unconstrained_shape(SUPPORTS[name], (2, *shape_of(name)))
    assert tuple(transform.forward_shape(torch.Size(unconstrained))) == (2, *shape_of(name))
    assert tuple(transform(torch.zeros(unconstrained)).shape) == (2, *shape_of(name))


@pytest.mark.parametrize("name", ["corr_cholesky", "corr_matrix"])
def test_one_by_one_correlations_have_no_numbers(name: str) -> None:
    transform = transform_to(SUPPORTS[name])
    one = transform(torch.zeros(3, 0))
    torch.testing.assert_close(one, torch.ones(3, 1, 1))
    assert transform.inv(one).shape == (3, 0)


def test_zero_is_the_centre_of_the_simplex() -> None:
    torch.testing.assert_close(bijections.Simplex()(torch.zeros(3)), torch.full((4,), 0.25))


@pytest.mark.parametrize("diagonal", [True, False])
def test_a_number_that_fills_no_triangle_is_refused(diagonal: bool) -> None:
    with pytest.raises(ValueError, match="5 numbers do not fill a triangle"):
        bijections.order_of(5, diagonal)
