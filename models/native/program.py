"""A model's density as native code: generated once per graph and shapes, bound to each data set."""

import copy
import ctypes
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule

from models.native.handle import DensityHandle, DensityStruct
from models.native.partition import partition
from models.native.source import HEADERS, Function, Source, generate
from models.native.values import Known
from models.toolchain import build, is_built, load, multiplies_pairs

#: The headers of generated code.
INCLUDES = tuple(HEADERS / name for name in ("blocks.h", "vector.h"))


_NOTHING = torch.empty(0)
#: Seconds of a call from which on further ones start threads.
SLOW = 1e-3


class NativeProgram:
    """Generated code, compiled on demand; one program serves every data set of the same shapes.

    Args:
        gradient: recorded function `(z, *data) -> log density, gradient` of one point `z`: `D`;
            the gradient alone is what moves a chain in mid-trajectory.
        values: recorded function `(z, *data) -> M` numbers.
        arguments: data.
        dim: `D`.
        width: `M`.
        dtype: of the run.

    Raises:
        UnsupportedError: the graph has an operation that is not lowered.
    """

    def __init__(
        self,
        gradient: GraphModule,
        values: GraphModule,
        arguments: Sequence[Tensor],
        dim: int,
        width: int,
        dtype: torch.dtype,
    ) -> None:
        density, reported = partition(gradient, arguments), partition(values, arguments)
        functions = [
            Function("both", density.main, ("double", "real")),
            Function("force", _last_output(density.main), ("real",)),
            Function("values", reported.main, ("real",)),
        ]
        source = generate(functions, dim, width, dtype, pairs=multiplies_pairs())
        self.statements = source.statements
        self.text = source.text
        self.dim, self.width, self.dtype = dim, width, dtype
        self._source = source
        self._prologues = [density.prologue, density.prologue, reported.prologue]
        self._library: ctypes.CDLL | None = None
        self._lock = threading.Lock()

    @property
    def built(self) -> bool:
        """Whether the code is compiled and loaded."""
        return self._library is not None

    def ready(self, cache_dir: Path) -> bool:
        """Return whether `build` would find its work done.

        Raises:
            ToolchainError: there is no compiler.
        """
        name, includes = "density", INCLUDES
        return self.built or is_built(self.text, name=name, includes=includes, cache_dir=cache_dir)

    def build(self, cache_dir: Path) -> None:
        """Compile, or find what was compiled before.

        Raises:
            ToolchainError: there is no compiler, or it failed.
        """
        with self._lock:
            if self._library is None:
                path = build(self.text, name="density", includes=INCLUDES, cache_dir=cache_dir)
                self._library = load(path)

    def bind(self, arguments: Sequence[Tensor], threads: int = 1) -> "NativeDensity":
        """Return the density of one data set, whose calls may use so many threads.

        Raises:
            IndexError: an index of the data is out of range.
        """
        assert self._library is not None
        results = [prologue(*arguments) for prologue in self._prologues]
        return NativeDensity(self, self._library, bound(self._source, results), threads)


class NativeDensity:
    """A program with its data."""

    def __init__(
        self, program: NativeProgram, library: ctypes.CDLL, arrays: list[Tensor], threads: int
    ) -> None:
        self._threads = threads
        #: The least seconds that a block has taken: one slow call alone may be a busy machine's.
        self._block_seconds = 0.0
        self._program, self._library, self._arrays = program, library, arrays
        self._table = (ctypes.c_void_p * max(1, len(arrays)))(*(a.data_ptr() for a in arrays))
        self._struct = DensityStruct(
            dim=program.dim,
            lanes=library.credence_lanes(),
            real_bytes=program.dtype.itemsize,
            scratch_bytes=library.credence_scratch(),
            arrays=ctypes.addressof(self._table),
            both=_address(library, "both"),
            force=_address(library, "force"),
        )
        library.credence_evaluate.argtypes = [
            ctypes.c_void_p,
            ctypes.c_int64,
            *[ctypes.c_void_p] * 4,
        ]
        library.credence_values.argtypes = [ctypes.c_void_p, ctypes.c_int64, *[ctypes.c_void_p] * 3]
        library.credence_row_scratch.restype = ctypes.c_int64
        self._scratch_bytes = library.credence_row_scratch()
        self.handle = DensityHandle(
            ctypes.addressof(self._struct),
            program.dim,
            self._struct.lanes,
            program.dtype,
            threads,
            self,
        )

    def value_and_grad(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return log densities, `C` in float64, and gradients, `C x D`, at `z`: `C x D`."""
        z = z.detach().contiguous()
        value = torch.empty(len(z), dtype=torch.float64)
        gradient = torch.empty_like(z)
        began = time.perf_counter()
        blocks = -(-len(z) // self._struct.lanes)
        parts = min(self._threads, blocks) if blocks * self._block_seconds > SLOW else 1
        rows = -(-blocks // parts) * self._struct.lanes

        def evaluate(part: int) -> None:
            span = slice(part * rows, (part + 1) * rows)
            scratch = self._scratch()
            self._library.credence_evaluate(
                ctypes.addressof(self._table),
                len(z[span]),
                z[span].data_ptr(),
                value[span].data_ptr(),
                gradient[span].data_ptr(),
                scratch.data_ptr(),
            )

        # Rows are independent: how they are shared out changes no bit.
        others = [threading.Thread(target=evaluate, args=(part,)) for part in range(1, parts)]
        for other in others:
            other.start()
        evaluate(0)
        for other in others:
            other.join()
        if blocks:
            seconds = (time.perf_counter() - began) * parts / blocks
            self._block_seconds = min(seconds, self._block_seconds or seconds)
        return value, gradient

    def values(self, z: Tensor) -> Tensor:
        """Return what is reported, `C x M`, at `z`: `C x D`."""
        z = z.detach().contiguous()
        out = torch.empty(len(z), self._program.width, dtype=z.dtype)
        scratch = self._scratch()
        self._library.credence_values(
            ctypes.addressof(self._table),
            len(z),
            z.data_ptr(),
            out.data_ptr(),
            scratch.data_ptr(),
        )
        return out

    def _scratch(self) -> Tensor:
        """Return the workspace of one call: callers on several threads may share a density."""
        return torch.empty(self._scratch_bytes, dtype=torch.uint8)


def _address(library: ctypes.CDLL, name: str) -> int:
    function: Callable[..., object] = getattr(library, name)
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    assert address is not None
    return address


def bound(source: Source, results: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    """Return the arrays that code reads, from what the prologue of each function returns.

    Raises:
        IndexError: an index of the data is out of range: the code would read whatever lies there.
    """
    named = [{f"data_{i}": tensor for i, tensor in enumerate(r)} for r in results]
    arrays = [
        _array(known, named[owner]) if source.used is None or n in source.used else _NOTHING
        for n, (known, owner) in enumerate(zip(source.arrays, source.owners, strict=True))
    ]
    for index in source.indices:
        array = arrays[index.array]
        if array.numel() and not -index.size <= int(array.min()) <= int(array.max()) < index.size:
            raise IndexError(f"an index is out of range of {index.size}")
    return arrays


def _array(known: Known, results: dict[str, Tensor]) -> Tensor:
    """Return an array laid out as the code expects it."""
    if known.recipe is None:
        return known.tensor
    tensor = known.recipe.make(results)
    if tensor.stride() == known.strides:
        return tensor
    laid = torch.empty_strided(known.shape, known.strides, dtype=tensor.dtype)
    # What is expanded is written once.
    once = tuple(slice(0, 1) if s == 0 else slice(None) for s in known.strides)
    laid[once].copy_(tensor[once])
    return laid


def _last_output(module: GraphModule) -> GraphModule:
    """Return the graph that computes the last output alone."""
    lone = copy.copy(module)
    graph = copy.deepcopy(module.graph)
    (end,) = (node for node in graph.nodes if node.op == "output")
    end.args = ((end.args[0][-1],),)
    graph.eliminate_dead_code()
    return GraphModule(lone, graph)
