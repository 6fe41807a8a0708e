import pytest
import torch
from torch import Tensor

from models.compiled import PointFunction, bind, record, record_rows
from models.simplify import mutates


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def normal_log_density(z: Tensor, y: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    def value(row: Tensor) -> Tensor:
        distribution = torch.distributions.Normal(row[0], scale, validate_args=False)
        return distribution.log_prob(y).sum() + row[1:].pow(2).sum()

    slope, at = torch.func.grad_and_value(value)(z)
    return at, slope


Z = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3)
Y, SCALE = tensor(0.5, -1.0, 2.0), tensor(1.5)


def rows(function: PointFunction, z: Tensor, *arguments: Tensor) -> list[Tensor]:
    return [
        torch.stack(part) for part in zip(*(function(row, *arguments) for row in z), strict=True)
    ]


def test_a_recorded_function_gives_what_the_function_gives_row_by_row() -> None:
    replay = bind(record(normal_log_density, Z, [Y, SCALE]), [Y, SCALE])
    for got, expected in zip(
        replay(Z + 0.3), rows(normal_log_density, Z + 0.3, Y, SCALE), strict=True
    ):
        torch.testing.assert_close(got, expected, rtol=1e-14, atol=1e-14)


def test_one_recording_serves_other_data_of_the_same_shape() -> None:
    graph = record(normal_log_density, Z, [Y, SCALE])
    other = [tensor(7.0, 8.0, 9.0), tensor(0.1)]
    replay = bind(graph, other)
    for got, expected in zip(replay(Z), rows(normal_log_density, Z, *other), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-14, atol=1e-14)


def test_what_depends_on_the_data_alone_is_computed_once() -> None:
    def function(z: Tensor, y: Tensor) -> tuple[Tensor]:
        return (z.sum() * torch.linalg.cholesky(y @ y.T + torch.eye(3).double()).logdet(),)

    y = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    graph = record(function, Z, [y])
    bound = bind(graph, [y])
    with torch.profiler.profile() as profile:
        bound(Z)
    assert "aten::linalg_cholesky_ex" not in {event.name for event in profile.events() or []}
    torch.testing.assert_close(bound(Z)[0], torch.stack([function(row, y)[0] for row in Z]))


def test_a_result_that_does_not_depend_on_z_has_a_row_per_chain() -> None:
    def function(z: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return y.sum(), z * 2

    total, double = bind(record(function, Z, [Y]), [Y])(Z)
    torch.testing.assert_close(total, Y.sum().expand(4))
    torch.testing.assert_close(double, Z * 2)


def test_in_place_operations_are_recorded_as_pure_ones() -> None:
    def function(z: Tensor, y: Tensor) -> tuple[Tensor]:
        result = torch.zeros_like(z)
        result[1:] = z[1:] * y[0]
        result.add_(1.0)
        return (result,)

    graph = record(function, Z, [Y])
    assert not mutates(graph)
    got = bind(graph, [Y])(Z)[0]
    torch.testing.assert_close(got, torch.stack([function(row, Y)[0] for row in Z]))


def test_a_branch_on_a_value_is_refused_not_baked_in() -> None:
    def function(z: Tensor) -> tuple[Tensor]:
        return (z.sum() if bool(z[0] > 0) else z.prod(),)

    with pytest.raises(RuntimeError):
        record(function, Z, [])
    with pytest.raises(RuntimeError):
        record_rows(function, Z, [])


def test_rows_are_recorded_one_at_a_time_when_asked() -> None:
    replay = bind(record_rows(normal_log_density, Z, [Y, SCALE]), [Y, SCALE])
    value, gradient = replay(Z[2])
    expected = normal_log_density(Z[2], Y, SCALE)
    torch.testing.assert_close(value, expected[0])
    torch.testing.assert_close(gradient, expected[1])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_dtype_is_kept(dtype: torch.dtype) -> None:
    arguments = [Y.to(dtype), SCALE.to(dtype)]
    replay = bind(record(normal_log_density, Z.to(dtype), arguments), arguments)
    assert [part.dtype for part in replay(Z.to(dtype))] == [dtype, dtype]
