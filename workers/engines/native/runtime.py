"""The native runtime: whole transitions of all chains in C++, around a compiled density.

Chains are the lanes of vectors (see `models/native/density.h`). A call returns to Python when all
its transitions are made; it holds no lock of Python's meanwhile. Results are the same to the bit
whatever the number of threads. Nothing passed in is written to.
"""

import ctypes
import dataclasses
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import models.native
from models.native.handle import DensityHandle
from models.toolchain import build, load
from workers.engines.kernels.initial import Point
from workers.engines.kernels.length import Length
from workers.engines.kernels.pace import Pace
from workers.engines.kernels.shared_step import SharedStep
from workers.engines.kernels.steps import Steps
from workers.engines.native.layout import (
    AveragingStruct,
    CrowdStruct,
    EvaluationStruct,
    HmcStruct,
    LengthStruct,
    NutsStruct,
    PaceStruct,
    SharedStepStruct,
    address,
)
from workers.engines.native.metric import NativeMetric
from workers.engines.native.outcomes import Averaging, Move, Moves

_HERE = Path(__file__).parent
_DENSITY = Path(models.native.__path__[0], "density.h")
_F64, _I64 = torch.float64, torch.int64
#: What the runtime's statuses mean.
_REASONS = {1: "the density's lanes or reals are not the runtime's", 2: "memory is exhausted"}
_SEEDS = 2**64


@lru_cache
def load_runtime(cache_dir: Path) -> "Runtime":
    """Return the runtime, compiled once per machine.

    Raises:
        ToolchainError: there is no compiler, or it fails.
    """
    source = (_HERE / "runtime.cpp").read_text()
    includes = [*sorted(_HERE.glob("*.h")), _DENSITY]
    return Runtime(load(build(source, name="runtime", includes=includes, cache_dir=cache_dir)))


class Runtime:
    """The loaded library. `threads` is how many may work on one call's blocks of chains."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._evaluate = _function(library.credence_evaluate, 3)
        self._hmc = _function(library.credence_hmc, 4)
        self._crowd = _function(library.credence_crowd, 4)
        self._nuts = _function(library.credence_nuts, 4)
        self._seed = library.credence_seed
        self._seed.argtypes = (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64, ctypes.c_void_p)
        self._seed.restype = None

    def streams(self, seed: int, chains: int, first: int = 0) -> Tensor:
        """Return the randomness of chains `first` and on under a seed: `C x 4` words as int64."""
        words = torch.empty(chains, 4, dtype=_I64)
        self._seed(seed % _SEEDS, first, chains, words.data_ptr())
        return words

    def evaluate(
        self, density: DensityHandle, z: Tensor, threads: int = 1
    ) -> tuple[Tensor, Tensor]:
        """Return log density, `C` in float64, and gradient, `C x D`, at `z`: `C x D`."""
        chains = len(z)
        log_density, gradient = torch.empty(chains, dtype=_F64), torch.empty_like(z)
        io = EvaluationStruct(
            chains,
            address(z, density.dtype, (chains, density.dim)),
            log_density.data_ptr(),
            gradient.data_ptr(),
        )
        _check(self._evaluate(density.address, ctypes.addressof(io), threads))
        return log_density, gradient

    def hmc(
        self,
        density: DensityHandle,
        metric: NativeMetric,
        point: Point,
        momentum: Tensor,
        step_size: Tensor,
        leaps: Tensor,
        log_u: Tensor,
        *,
        threads: int = 1,
        proposals: bool = False,
    ) -> Move:
        """Return one transition of every chain.

        Args:
            density: the target.
            metric: of all chains.
            point: where the chains are.
            momentum: whitened, standard normal draws: `C x D`.
            step_size: `C` in float64.
            leaps: leapfrogs of every chain, at least 1: `C` in int64.
            log_u: log of uniform numbers that decide on acceptance: `C` in float64.
            threads: how many may work.
            proposals: whether to return where the trajectories end.
        """
        chains = len(step_size)
        at = Point(*(tensor.clone() for tensor in point))
        acceptance, energy = torch.empty_like(step_size), torch.empty_like(step_size)
        divergent = torch.empty(chains, dtype=torch.bool)
        ends = (torch.empty_like(momentum), torch.empty_like(momentum)) if proposals else None
        io = HmcStruct(
            chains,
            *_addresses(density, at, chains),
            address(momentum, density.dtype, (chains, density.dim)),
            address(step_size, _F64, (chains,)),
            address(leaps, _I64, (chains,)),
            address(log_u, _F64, (chains,)),
            acceptance.data_ptr(),
            divergent.data_ptr(),
            energy.data_ptr(),
            *((end.data_ptr() for end in ends) if ends else ()),
        )
        chosen = _fitting(metric, density)
        _check(self._hmc(density.address, chosen, ctypes.addressof(io), threads))
        return Move(at, acceptance, divergent, energy, *(ends or (None, None)))

    def crowd(
        self,
        density: DensityHandle,
        metric: NativeMetric,
        point: Point,
        pace: Pace,
        momenta: Tensor,
        log_u: Tensor,
        *,
        first: int,
        longest: int,
        target: float | None = None,
        threads: int = 1,
    ) -> Steps:
        """Return `K` transitions of every chain in step, and what the chains learnt from them.

        Args:
            density: of what is drawn.
            metric: of all chains.
            point: where the chains are.
            pace: at which they move.
            momenta: whitened, standard normal draws: `K x C x D`.
            log_u: logs of uniform numbers that decide on acceptance: `K x C` in float64.
            first: the number of the first transition in the run, from 0.
            longest: leapfrogs of a transition at the most.
            target: the common acceptance to reach; without it nothing is learnt.
            threads: how many may work.
        """
        transitions, chains = log_u.shape
        shape = (chains, transitions)
        at = Point(*(tensor.clone() for tensor in point))
        refusals = pace.refusals.clone()
        learning = None if target is None else _paced(pace, refusals, target)
        draws = torch.empty(*shape, density.dim, dtype=density.dtype)
        gradients = None if target is None else torch.empty_like(draws)
        log_density, acceptance, energy = torch.empty(3, *shape, dtype=_F64).unbind()
        divergent = torch.empty(shape, dtype=torch.bool)
        leapfrogs = torch.empty(transitions, dtype=_I64)
        io = CrowdStruct(
            chains,
            transitions,
            first,
            longest,
            *_addresses(density, at, chains),
            address(momenta, density.dtype, (transitions, chains, density.dim)),
            address(log_u, _F64, (transitions, chains)),
            pace.step.average,
            pace.length.average,
            None if learning is None else ctypes.addressof(learning),
            draws.data_ptr(),
            None if gradients is None else gradients.data_ptr(),
            log_density.data_ptr(),
            acceptance.data_ptr(),
            energy.data_ptr(),
            divergent.data_ptr(),
            leapfrogs.data_ptr(),
        )
        chosen = _fitting(metric, density)
        _check(self._crowd(density.address, chosen, ctypes.addressof(io), threads))
        pace = pace if learning is None else _pace(learning, refusals)
        return Steps(
            at, pace, draws, gradients,
            log_density, acceptance, energy, divergent, leapfrogs,
        )  # fmt: skip

    def nuts(
        self,
        density: DensityHandle,
        metric: NativeMetric,
        point: Point,
        streams: Tensor,
        step_size: Tensor | Averaging,
        transitions: int,
        max_depth: int,
        *,
        target: float = 0.8,
        threads: int = 1,
    ) -> Moves:
        """Return `K` transitions of every chain; none waits for another.

        Args:
            density: the target.
            metric: of all chains.
            point: where the chains are.
            streams: every chain's randomness, `C x 4`.
            step_size: `C` in float64; or the state of the averaging that every chain's own step
                size follows, from transition to transition.
            transitions: `K`.
            max_depth: doublings of a trajectory at the most, in [1, 30].
            target: the acceptance that averaging is to reach.
            threads: how many may work.
        """
        if not 1 <= max_depth <= 30 or transitions < 0:
            raise ValueError("max_depth is in [1, 30], transitions at least 0")
        chains, shape = len(streams), (len(streams), transitions)
        at, streams = Point(*(tensor.clone() for tensor in point)), streams.clone()
        averaging = _copied(step_size) if isinstance(step_size, Averaging) else None
        follow = _averaging(averaging, chains, target) if averaging else None
        fixed = None if isinstance(step_size, Averaging) else address(step_size, _F64, (chains,))
        draws = torch.empty(*shape, density.dim, dtype=density.dtype)
        log_density, acceptance, energy = torch.empty(3, *shape, dtype=_F64).unbind()
        tree_depth, leapfrogs = torch.empty(2, *shape, dtype=_I64).unbind()
        divergent = torch.empty(shape, dtype=torch.bool)
        io = NutsStruct(
            chains,
            transitions,
            max_depth,
            *_addresses(density, at, chains),
            address(streams, _I64, (chains, 4)),
            fixed,
            ctypes.addressof(follow) if follow else None,
            draws.data_ptr(),
            log_density.data_ptr(),
            acceptance.data_ptr(),
            energy.data_ptr(),
            tree_depth.data_ptr(),
            leapfrogs.data_ptr(),
            divergent.data_ptr(),
        )
        chosen = _fitting(metric, density)
        _check(self._nuts(density.address, chosen, ctypes.addressof(io), threads))
        return Moves(
            at, streams, averaging, draws,
            log_density, acceptance, energy, tree_depth, leapfrogs, divergent,
        )  # fmt: skip


def _function(function: Any, arguments: int) -> Callable[..., int]:
    """Declare a function of pointers and a number of threads that returns a status."""
    function.argtypes = (*(ctypes.c_void_p,) * (arguments - 1), ctypes.c_int64)
    function.restype = ctypes.c_int
    return function


def _check(status: int) -> None:
    if status:
        raise RuntimeError(f"native code did nothing: {_REASONS[status]}")


def _fitting(metric: NativeMetric, density: DensityHandle) -> int:
    if metric.dim != density.dim or metric.dtype is not density.dtype:
        raise ValueError(
            f"a metric of {metric.dim} dimensions in {metric.dtype} does not fit a density of "
            f"{density.dim} in {density.dtype}"
        )
    return metric.address


def _addresses(density: DensityHandle, point: Point, chains: int) -> tuple[int, int, int]:
    shape = (chains, density.dim)
    return (
        address(point.z, density.dtype, shape),
        address(point.log_density, _F64, (chains,)),
        address(point.gradient, density.dtype, shape),
    )


def _paced(pace: Pace, refusals: Tensor, target: float) -> PaceStruct:
    """The pace as the runtime takes it, to be written to, `refusals` too."""
    step = SharedStepStruct(*dataclasses.astuple(pace.step))
    length = LengthStruct(*dataclasses.astuple(pace.length))
    return PaceStruct(target, step, length, address(refusals, _F64, (len(refusals),)))


def _pace(struct: PaceStruct, refusals: Tensor) -> Pace:
    step, length = struct.step, struct.length
    return Pace(
        SharedStep(step.log_step, step.log_average, step.error, step.mu, step.count),
        Length(length.log_length, length.log_average, length.square, length.count),
        refusals,
    )


def _copied(state: Averaging) -> Averaging:
    return Averaging(*(tensor.clone() for tensor in state))


def _averaging(state: Averaging, chains: int, target: float) -> AveragingStruct:
    """The state as the runtime takes it, to be written to."""
    *reals, updates = state
    return AveragingStruct(
        target,
        *(address(tensor, _F64, (chains,)) for tensor in reals),
        address(updates, _I64, (chains,)),
    )
