"""The sampler that the Stan library brings along: its NUTS, on Stan programs alone.

It runs as a whole in the program's own process, so its draws are there when all of them are made; a
run that is stopped before has none.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import ConfigDict, Field
from torch import Tensor

from models.density import AbstractLogDensity
from models.errors import UnavailableError
from models.stan.density import StanDensity
from models.stan.link import RefusedError
from workers.engines.engine import AbstractEngine, Draws, Info
from workers.engines.kernels import sampler
from workers.engines.kernels.options import AbstractChainOptions
from workers.errors import NoInitialPointError
from workers.results import Findings, Outcome

#: Seconds of a step while the library samples: how long a request to stop may have to wait.
WAIT = 0.1
#: Draws per chain that a step hands on.
BLOCK = 100
#: The library's statistics, by the names that they have here, in its order.
_STATISTICS = (
    "log_density",
    "acceptance",
    "step_size",
    "tree_depth",
    "leapfrogs",
    "divergent",
    "energy",
)
_SEEDS = 2**31
_INIT = "Chains started uniform on (-2, 2) on the unconstrained scale."


class StanOptions(AbstractChainOptions):
    """Options of `stan`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "stan", "chains": 4, "warmup": 500, "draws": 500}]}
    )

    kind: Literal["stan"] = "stan"
    chains: int = Field(default=4, ge=1, le=64, description="Number of chains.")
    metric: Literal["diagonal", "dense", "unit"] = Field(
        default="diagonal", description="Shape of the mass matrix; `unit` does not adapt."
    )
    max_tree_depth: int = Field(
        default=10,
        ge=1,
        le=15,
        description="Doublings of a trajectory at the most: up to 2^depth - 1 leapfrogs a draw.",
    )


@dataclass(frozen=True)
class StanState:
    """All that moves here; the sampler's own state is in its process."""

    #: Of the library.
    seed: int
    #: Whether the sampler has started, and whether it is at its end.
    begun: bool = False
    over: bool = False
    #: Draws per chain that were handed on, and divergent ones over all chains.
    handed: int = 0
    divergences: int = 0


class Stan(AbstractEngine[StanOptions, StanState]):
    """NUTS of the library; of a program without parameters, draws of its generated quantities."""

    kind: ClassVar[str] = "stan"

    def init(self, density: AbstractLogDensity, generator: torch.Generator) -> StanState:
        _of_stan(density)
        seed = int(torch.randint(1, _SEEDS, (), generator=generator))
        return StanState(seed, begun=density.dim == 0, over=density.dim == 0)

    def step(self, density: AbstractLogDensity, state: StanState) -> tuple[StanState, Info]:
        if state.over:
            return self._hand(_of_stan(density), state)
        return self._wait(_of_stan(density), state)

    def done(self, state: StanState) -> Outcome | None:
        if state.handed < self.options.draws:
            return None
        everything = self.options.chains * self.options.draws
        return Outcome.ALL_DIVERGENT if state.divergences == everything else Outcome.COMPLETED

    def finish(
        self, density: AbstractLogDensity, state: StanState, outcome: Outcome, draws: Draws
    ) -> Findings:
        if state.begun and not state.over:
            _of_stan(density).process.stop_sampling()
        init = _INIT if density.dim else "The program has no parameters."
        depth = self.options.max_tree_depth
        return sampler.conclude(None, outcome, draws, init, max_tree_depth=depth)

    @property
    def _total(self) -> int:
        return self.options.warmup + self.options.draws

    def _wait(self, density: StanDensity, state: StanState) -> tuple[StanState, Info]:
        """Start the sampler, or wait a little for its end."""
        process = density.process
        if not state.begun:
            asked = self.options.model_dump(exclude={"kind"})
            process.begin_sampling({**asked, "seed": state.seed})
        try:
            over = process.sampled(WAIT) is not None
        except RefusedError as error:
            said = " ".join(str(error).split())[:400]
            raise NoInitialPointError(f"A chain of the Stan library failed: {said}") from None
        at = min(process.iterations, self._total)
        phase = "warmup" if at < self.options.warmup else "sample"
        return replace(state, begun=True, over=over), Info(phase, at, self._total)

    def _hand(self, density: StanDensity, state: StanState) -> tuple[StanState, Info]:
        """Hand on a block of draws."""
        count = min(BLOCK, self.options.draws - state.handed)
        draws, stats = self._fetched(density, state.handed, count)
        divergences = state.divergences + int(stats["divergent"].sum()) if stats else 0
        after = replace(state, handed=state.handed + count, divergences=divergences)
        progress = {"divergences": float(divergences)} if stats else {}
        done = self.options.warmup + after.handed
        # Without parameters there is no chain: draws are independent.
        phase = "sample" if density.dim else "draw"
        return after, Info(phase, done, self._total, draws, stats, progress=progress)

    def _fetched(
        self, density: StanDensity, first: int, count: int
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return draws, `C x K x D`, and their statistics, each `C x K`."""
        chains, length = self.options.chains, self.options.draws
        if density.dim == 0:
            return torch.empty(chains, count, 0, dtype=density.dtype), {}
        parts = [density.process.fetch(chain * length + first, count) for chain in range(chains)]
        draws, table = (np.stack(column) for column in zip(*parts, strict=True))
        stats = {
            name: torch.from_numpy(table[:, :, column].copy())
            for column, name in enumerate(_STATISTICS)
        }
        return torch.from_numpy(draws).to(density.dtype), stats


def _of_stan(density: AbstractLogDensity) -> StanDensity:
    if not isinstance(density, StanDensity):
        raise UnavailableError("engine.kind", "the engine 'stan' runs Stan programs; use 'nuts'")
    return density
