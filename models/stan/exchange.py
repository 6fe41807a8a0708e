"""The compiled tier of a Stan program: native code here that asks native code there.

Whole trajectories run in our runtime, in C++; for a gradient it asks the program's own process by
shared memory, with no Python on either side (`exchange.cpp`). Linux alone has what this needs.
"""

import ctypes
import sys
from pathlib import Path

import torch

import models.native
from models.native.handle import DensityHandle, DensityStruct
from models.native.values import UnsupportedError
from models.toolchain import build, is_built, load

_SOURCE = Path(__file__).with_name("exchange.cpp")
_INCLUDES = (Path(models.native.__path__[0], "density.h"),)
#: Chains of a block, by the type of their positions: those of `density.h`.
LANES = {torch.float64: 8, torch.float32: 16}


class ExchangeProgram:
    """The code that both processes load. It is the same for every program.

    Raises:
        UnsupportedError: this machine's system cannot run it.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise UnsupportedError("the exchange with the process of a Stan program")
        self._text = _SOURCE.read_text()

    def ready(self, cache_dir: Path) -> bool:
        """Return whether `build` would find its work done.

        Raises:
            ToolchainError: there is no compiler.
        """
        return is_built(self._text, name="exchange", includes=_INCLUDES, cache_dir=cache_dir)

    def build(self, cache_dir: Path) -> Path:
        """Return the shared object, compiled or found.

        Raises:
            ToolchainError: there is no compiler, or it failed.
        """
        return build(self._text, name="exchange", includes=_INCLUDES, cache_dir=cache_dir)


class _Exchange(ctypes.Structure):
    """`Exchange` of `exchange.cpp`."""

    _fields_ = (
        ("dim", ctypes.c_int64),
        ("slots", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("base", ctypes.c_void_p),
        ("channel", ctypes.c_int64),
        ("closed", ctypes.c_uint32),
        ("inside", ctypes.c_uint32),
        ("crowded", ctypes.c_uint32),
    )


class Exchange:
    """Our side of it.

    Args:
        library: the shared object's path.
        dim: `D`.
        dtype: of positions and gradients.
        slots: how many may ask at a time.
    """

    def __init__(self, library: Path, dim: int, dtype: torch.dtype, slots: int) -> None:
        self._library = load(library)
        for name in ("both", "force"):
            getattr(self._library, f"credence_exchange_{name}").restype = ctypes.c_void_p
        self._library.credence_exchange_stride.restype = ctypes.c_int64
        self._dim, self._dtype, self._slots = dim, dtype, slots
        self._exchange: _Exchange | None = None
        self.lanes = LANES[dtype]
        size = ctypes.c_int64
        #: Bytes of a slot, and of the memory that both processes see.
        self.stride: int = self._library.credence_exchange_stride(size(dim), size(self.lanes))
        self.bytes = self.stride * slots

    @property
    def closed(self) -> bool:
        """Whether the other process was found to have ended."""
        return self._exchange is not None and bool(self._exchange.closed)

    def handle(self, base: int, channel: int, owner: object) -> DensityHandle:
        """Return the density.

        Args:
            base: where the shared memory lies.
            channel: descriptor of a socket whose other end closes with the other process.
            owner: keeps both alive.
        """
        self._exchange = _Exchange(self._dim, self._slots, self.stride, base, channel)
        real = self._dtype.itemsize
        self._density = DensityStruct(
            dim=self._dim,
            lanes=self.lanes,
            real_bytes=real,
            scratch_bytes=64,
            arrays=ctypes.addressof(self._exchange),
            both=self._library.credence_exchange_both(ctypes.c_int64(real)),
            force=self._library.credence_exchange_force(ctypes.c_int64(real)),
        )
        return DensityHandle(
            ctypes.addressof(self._density),
            self._dim,
            self.lanes,
            self._dtype,
            self._slots,
            (self, owner),
        )
