"""What a compiled density is to those who call it: an address, and what fits there."""

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class DensityHandle:
    """A compiled density of one model with its data: a `CredenceDensity` (see `density.h`)."""

    #: Where the struct lies.
    address: int
    #: `D`.
    dim: int
    #: `W`, the chains of one block.
    lanes: int
    #: Of positions and gradients; log densities are float64 always.
    dtype: torch.dtype
    #: How many may work on one call.
    threads: int = 1
    #: Keeps alive what the address leads to: the library, the struct and the arrays of data.
    owner: object = field(default=None, repr=False, compare=False)
