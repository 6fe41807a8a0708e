"""What the runtime's tests start from: metrics of every kind, points, momenta."""

from typing import NamedTuple

import torch
from torch import Tensor

from models.native.handle import DensityHandle
from workers.engines.kernels.initial import Point
from workers.engines.kernels.metric import Metric
from workers.engines.native.runtime import Runtime

KINDS = ("diagonal", "dense", "low_rank")


def generator(seed: int = 8) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 8, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64).to(dtype)


def metric(kind: str, dim: int, dtype: torch.dtype = torch.float64) -> Metric:
    """Return some metric of a kind: nothing special about its numbers."""
    scale = normal(dim, seed=1).mul(0.3).exp()
    if kind == "diagonal":
        return Metric(scale.to(dtype))
    if kind == "dense":
        root = normal(dim, dim, seed=2).mul(0.2).tril(-1) + torch.diag(scale)
        return Metric(torch.ones(dim, dtype=dtype), root=root.to(dtype))
    rank = min(3, dim)
    vectors = torch.linalg.qr(normal(dim, rank, seed=3))[0]
    stretch = torch.tensor([1.5, -0.5, 0.25], dtype=dtype)[:rank]
    return Metric(scale.to(dtype), vectors=vectors.to(dtype), stretch=stretch)


def point(runtime: Runtime, density: DensityHandle, z: Tensor) -> Point:
    """Return positions, `C x D`, with what the density says of them."""
    return Point(z, *runtime.evaluate(density, z))


class Fixed(NamedTuple):
    """The per-chain numbers of a transition of fixed length."""

    step_size: Tensor
    leaps: Tensor
    log_u: Tensor


def fixed(chains: int, step_size: float, leaps: int, u: float = 0.5) -> Fixed:
    """Return the same numbers for every chain."""
    size = torch.full((chains,), step_size, dtype=torch.float64)
    return Fixed(size, torch.full((chains,), leaps), torch.full_like(size, u).log())
