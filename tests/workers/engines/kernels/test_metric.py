"""The map from whitened to unconstrained coordinates, in its three shapes."""

import pytest
import torch

from workers.engines.kernels.metric import Metric, unit

DIM = 5


def source() -> torch.Generator:
    return torch.Generator().manual_seed(4)


def metrics() -> dict[str, Metric]:
    normal = torch.randn(DIM, DIM, generator=source(), dtype=torch.float64)
    scale = torch.logspace(-2, 2, DIM, dtype=torch.float64)
    root = torch.linalg.cholesky(normal @ normal.T + torch.eye(DIM))
    vectors = torch.linalg.qr(normal)[0][:, :2]
    stretch = torch.tensor([3.0, -0.8], dtype=torch.float64)
    return {
        "diagonal": Metric(scale),
        "dense": Metric(torch.ones_like(scale), root=root),
        "low_rank": Metric(scale, vectors=vectors, stretch=stretch),
    }


def points(seed: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(7, DIM, generator=source, dtype=torch.float64)


@pytest.mark.parametrize("kind", ["diagonal", "dense", "low_rank"])
def test_pull_is_the_adjoint_of_move(kind: str) -> None:
    metric, p, g = metrics()[kind], points(1), points(2)
    torch.testing.assert_close((metric.move(p) * g).sum(1), (p * metric.pull(g)).sum(1))


@pytest.mark.parametrize("kind", ["diagonal", "dense", "low_rank"])
def test_whiten_is_the_inverse_of_move(kind: str) -> None:
    metric, p = metrics()[kind], points(1)
    torch.testing.assert_close(metric.whiten(metric.move(p)), p)


@pytest.mark.parametrize("kind", ["diagonal", "dense", "low_rank"])
def test_deviations_are_those_of_the_covariance(kind: str) -> None:
    metric = metrics()[kind]
    a = metric.move(torch.eye(DIM, dtype=torch.float64)).T
    torch.testing.assert_close(metric.deviations(), (a @ a.T).diagonal().sqrt())


def test_the_unit_metric_moves_nothing() -> None:
    metric, p = unit(DIM, torch.float64, torch.device("cpu")), points(1)
    assert metric.diagonal
    for map_ in (metric.move, metric.pull, metric.whiten):
        assert bool((map_(p) == p).all())
