"""What runs in which dtype.

`mixed` means autocast for the matrix products of the model's text, and for nothing else: the
likelihood's matrix work. Parameters stay in float32, log densities are summed in float64. A
leapfrog whose force is rounded this way is still deterministic, hence reversible and
volume-preserving, and the accept step with float64 energies keeps the draws exact.

Forces are rounded to bf16, which has float32's range. A stochastic ascent may ask for fp16 instead,
whose range is narrow: then the log density is scaled before it is differentiated, and the gradient
scaled back (`TracedDensity.rough`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

PrecisionName = Literal["float64", "float32", "mixed"]
#: A type of products that are rounded.
LowName = Literal["bfloat16", "float16"]
Product = Callable[[Tensor, Tensor], Tensor]

_TYPES: dict[LowName, torch.dtype] = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """The dtypes of a run."""

    name: PrecisionName
    #: Parameters, data and densities per row.
    dtype: torch.dtype
    #: The matrix product of the model's expressions.
    matmul: Product


def rounded_product(low: LowName) -> Product:
    """Return the product that multiplies in `low`, summed in float32, and returns float32."""
    dtype = _TYPES[low]

    def product(a: Tensor, b: Tensor) -> Tensor:
        with torch.autocast(a.device.type, dtype=dtype):
            result = torch.matmul(a, b)
        return result.to(torch.float32)

    return product


def native_low(device: torch.device) -> LowName:
    """Return the type that a device rounds products to: bf16, or fp16 on cards that lack it."""
    if device.type != "cuda":
        return "bfloat16"
    with torch.cuda.device(device):
        has = torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if has else "float16"


_PRECISIONS = {
    "float64": Precision("float64", torch.float64, torch.matmul),
    "float32": Precision("float32", torch.float32, torch.matmul),
    "mixed": Precision("mixed", torch.float32, rounded_product("bfloat16")),
}


def precision(name: PrecisionName) -> Precision:
    """Return the precision of that name."""
    return _PRECISIONS[name]
