"""A metric where the native runtime finds it."""

import ctypes
from dataclasses import dataclass, field

import torch
from torch import Tensor

from workers.engines.kernels.metric import Metric
from workers.engines.native.layout import MetricStruct, address

#: `CredenceMetricKind` of `metric.h`.
_DIAGONAL, _DENSE, _LOW_RANK = range(3)


@dataclass(frozen=True)
class NativeMetric:
    """A metric as the runtime reads it, and the densities that it fits."""

    address: int
    dim: int
    dtype: torch.dtype
    #: Keeps alive what the address leads to.
    owner: object = field(repr=False, compare=False)


def bind(metric: Metric) -> NativeMetric:
    """Return a metric for the runtime: made when a metric is learnt, used for many calls."""
    scale = metric.scale.contiguous()
    dim, dtype = len(scale), scale.dtype
    held: tuple[Tensor, ...] = (scale,)
    if metric.root is not None:
        root = (scale[:, None] * metric.root).contiguous()
        held = (root,)
        struct = MetricStruct(_DENSE, 0, None, address(root, dtype, (dim, dim)))
    elif metric.vectors is not None and metric.stretch is not None:
        vectors, stretch = metric.vectors.contiguous(), metric.stretch.contiguous()
        rank = len(stretch)
        held = (scale, vectors, stretch)
        struct = MetricStruct(
            _LOW_RANK,
            rank,
            address(scale, dtype, (dim,)),
            None,
            address(vectors, dtype, (dim, rank)),
            address(stretch, dtype, (rank,)),
        )
    else:
        struct = MetricStruct(_DIAGONAL, 0, address(scale, dtype, (dim,)))
    return NativeMetric(ctypes.addressof(struct), dim, dtype, (struct, held))
