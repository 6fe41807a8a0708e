"""What runs in which dtype.

`mixed` means bf16 autocast for the matrix products of the model's text, and for nothing else: the
likelihood's matrix work. Parameters stay in float32, log densities are summed in float64. A
leapfrog whose force is rounded this way is still deterministic, hence reversible and
volume-preserving, and the accept step with float64 energies keeps the draws exact.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

PrecisionName = Literal["float64", "float32", "mixed"]


@dataclass(frozen=True)
class Precision:
    """The dtypes of a run."""

    name: PrecisionName
    #: Parameters, data and densities per row.
    dtype: torch.dtype
    #: The matrix product of the model's expressions.
    matmul: Callable[[Tensor, Tensor], Tensor]


def _autocast_matmul(a: Tensor, b: Tensor) -> Tensor:
    """Multiply in bf16 (accumulated in float32 by the kernels) and return float32."""
    with torch.autocast(a.device.type, dtype=torch.bfloat16):
        product = torch.matmul(a, b)
    return product.to(torch.float32)


_PRECISIONS = {
    "float64": Precision("float64", torch.float64, torch.matmul),
    "float32": Precision("float32", torch.float32, torch.matmul),
    "mixed": Precision("mixed", torch.float32, _autocast_matmul),
}


def precision(name: PrecisionName) -> Precision:
    """Return the precision of that name."""
    return _PRECISIONS[name]
