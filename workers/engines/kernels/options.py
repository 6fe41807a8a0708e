"""Options that every sampler has."""

from typing import Literal

from pydantic import Field, field_validator

from workers.engines.engine import EngineOptions
from workers.engines.kernels.initial import Init


class AbstractSamplerOptions(EngineOptions):
    """Chains, lengths and adaptation of a Markov chain Monte Carlo run."""

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
    metric: Literal["diagonal", "low_rank", "dense"] = Field(
        default="diagonal", description="Shape of the mass matrix; only `diagonal` for now."
    )
    init: Init = Field(
        default="prior",
        description="Where chains start: a draw from the `prior`, or `uniform` on (-2, 2) "
        "unconstrained.",
    )
    until: None = Field(
        default=None, description="Stop early at a quality target; not available yet."
    )

    @field_validator("metric")
    @classmethod
    def _built_metric(cls, value: str) -> str:
        if value != "diagonal":
            raise ValueError(f"the metric '{value}' is not available yet; use 'diagonal'")
        return value

    @field_validator("until", mode="before")
    @classmethod
    def _no_until(cls, value: object) -> None:
        if value is not None:
            raise ValueError("'until' is not available yet; leave it out and set 'draws'")
