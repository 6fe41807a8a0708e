"""What a compiled density is to those who call it: an address, and what fits there."""

import ctypes
from dataclasses import dataclass, field

import torch


class DensityStruct(ctypes.Structure):
    """`CredenceDensity` of `density.h`: what native code is handed of a density."""

    _fields_ = (
        ("dim", ctypes.c_int64),
        ("lanes", ctypes.c_int64),
        ("real_bytes", ctypes.c_int64),
        ("scratch_bytes", ctypes.c_int64),
        ("arrays", ctypes.c_void_p),
        ("both", ctypes.c_void_p),
        ("force", ctypes.c_void_p),
    )


@dataclass(frozen=True)
class DensityHandle:
    """A compiled density of one model with its data: a `DensityStruct`."""

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
