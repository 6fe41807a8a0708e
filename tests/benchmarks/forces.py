"""Gradients of a batch of chains in three precisions on both tiers: what HMC does most.

Under `mixed` products are rounded in forces alone; where a trajectory ends the log density is asked
for too, and that is exact. So both are measured: the force, and log density with gradient.
"""

import contextlib
import ctypes
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from models.compile import compile_model
from models.data import load_data
from models.definition import parse_definition
from models.native.handle import DensityStruct
from models.precision import PrecisionName
from models.toolchain import default_cache, find_compiler
from models.traced import TracedDensity
from tests.benchmarks import synthetic
from tests.benchmarks.basket import ROWS

#: Seconds after which a call is not repeated again.
ENOUGH = 2.0
PRECISIONS: tuple[PrecisionName, ...] = ("float64", "float32", "mixed")
_ALIGN = 64


@dataclass(frozen=True)
class Force:
    """One measurement, on one thread: seconds of user time per chain."""

    #: Rows and columns.
    size: tuple[int, int]
    tier: str
    precision: str
    chains: int
    force: float
    both: float


def forces(
    sizes: Sequence[tuple[int, int]], chains: Sequence[int], repeats: int = 7
) -> Iterator[Force]:
    """Measure logistic regressions of these rows and columns with so many chains."""
    with _one_thread():
        for rows, columns in sizes:
            data = load_data(synthetic.logistic(rows, columns))
            for tier in ("interpreted", "compiled") if find_compiler() else ("interpreted",):
                for name in PRECISIONS:
                    density = compile_model(
                        parse_definition(ROWS["logistic_10k"].definition()),
                        data,
                        precision_name=name,
                    )
                    if tier == "compiled":
                        density.compile(default_cache())
                    for count in chains:
                        yield _measured((rows, columns), density, name, count, repeats)


def products(size: tuple[int, int], chains: int, repeats: int = 7) -> float:
    """Return the seconds per chain of the two matrix products that a force cannot do without.

    They are torch's, in float32, on one thread: the machine's rate at that shape.
    """
    generator = torch.Generator().manual_seed(1)
    x, beta, residuals = (
        torch.randn(shape, generator=generator)
        for shape in (size, (size[1], chains), (size[0], chains))
    )
    with _one_thread():
        return _seconds(lambda: (x @ beta, x.T @ residuals), repeats) / chains


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _measured(
    size: tuple[int, int], density: TracedDensity, name: PrecisionName, chains: int, repeats: int
) -> Force:
    generator = torch.Generator().manual_seed(1)
    z = 0.1 * torch.randn(chains, density.dim, generator=generator, dtype=density.dtype)
    pulled: Callable[[], object] = lambda: density.force(z)  # noqa: E731
    if density.handle is not None:
        pulled = _native(density, chains)
    force = _seconds(pulled, repeats) / chains
    both = _seconds(lambda: density.value_and_grad(z), repeats) / chains
    return Force(size, density.tier, name, chains, force, both)


def _native(density: TracedDensity, chains: int) -> Callable[[], object]:
    """Return what calls the force of blocks of chains, as a trajectory does."""
    assert density.handle is not None
    native = DensityStruct.from_address(density.handle.address)
    blocks, width = -(-chains // native.lanes), native.dim * native.lanes * native.real_bytes
    room = [
        torch.zeros(n + _ALIGN, dtype=torch.uint8) for n in (width, width, native.scratch_bytes)
    ]
    position, slope, scratch = (r.data_ptr() + -r.data_ptr() % _ALIGN for r in room)
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)(native.force)

    def pull() -> list[torch.Tensor]:
        for _ in range(blocks):
            call(native.arrays, position, slope, scratch)
        return room

    return pull


def _seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the least user time of a call that has been made before."""
    call()
    times: list[float] = []
    while len(times) < repeats and sum(times) < ENOUGH:
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return min(times)
