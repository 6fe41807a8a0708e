"""Options that samplers have in common."""

from pydantic import Field

from workers.engines.engine import EngineOptions
from workers.engines.kernels.initial import Init
from workers.engines.kernels.metric import Kind
from workers.goal import Goal


class AbstractChainOptions(EngineOptions):
    """Chains, their lengths and the acceptance that they adapt to."""

    chains: int = Field(default=4, ge=1, le=4096, description="Number of chains, run as one batch.")
    warmup: int = Field(
        default=1000,
        ge=0,
        le=1_000_000,
        description="Iterations per chain that adapt step size and metric; not in the result.",
    )
    draws: int = Field(
        default=1000, ge=1, le=10_000_000, description="Draws per chain after the warm-up."
    )
    target_accept: float = Field(
        default=0.8,
        gt=0.0,
        lt=1.0,
        description="Mean acceptance to adapt the step size to; raise it against divergences.",
    )


class AbstractSamplerOptions(AbstractChainOptions):
    """Options of a Markov chain Monte Carlo run of ours."""

    metric: Kind = Field(
        default="diagonal",
        description="Shape of the mass matrix: `diagonal`; `low_rank`, a diagonal and the "
        "directions on which it is far off; or `dense`.",
    )
    init: Init = Field(
        default="prior",
        description="Where chains start: a draw from the `prior`; `uniform` on (-2, 2) "
        "unconstrained; or `pathfinder`, a draw near the typical set that an ascent finds.",
    )
    until: Goal | None = Field(
        default=None,
        description="Stop as soon as the draws are this good; `draws` is then the most per chain.",
    )
