"""Options of variational inference."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from workers.engines.engine import EngineOptions
from workers.engines.kernels.guides import GUIDES

BUILT = {
    "guide": tuple(GUIDES),
    "objective": ("elbo",),
    "estimator": ("reparameterized",),
}


class ViOptions(EngineOptions):
    """Options of `vi`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"kind": "vi", "guide": "full_rank", "steps": 5000}]}
    )

    kind: Literal["vi"] = "vi"
    guide: Literal["mean_field", "full_rank", "low_rank", "flow"] = Field(
        default="mean_field",
        description="Family on the unconstrained space: independent normals (`mean_field`), a "
        "multivariate normal (`full_rank`); the others are not available yet.",
    )
    steps: int = Field(
        default=10_000, ge=1, le=10_000_000, description="Steps at the most; it stops by itself."
    )
    particles: int = Field(
        default=16, ge=2, le=100_000, description="Monte Carlo samples of a gradient."
    )
    learning_rate: float = Field(
        default=0.05,
        gt=0.0,
        le=10.0,
        description="Adam's step at the start, in posterior standard deviations; it falls later.",
    )
    objective: Literal["elbo", "renyi", "iwae"] = Field(
        default="elbo", description="Only `elbo` for now."
    )
    estimator: Literal[
        "reparameterized", "score_function", "doubly_reparameterized", "sticking_the_landing"
    ] = Field(default="reparameterized", description="Only `reparameterized` for now.")
    tolerance: float = Field(
        default=1e-3,
        gt=0.0,
        description="Converged when 100 steps raise the ELBO by less than this, in nats, or by "
        "less than its Monte Carlo error.",
    )
    draws: int = Field(
        default=1000, ge=1, le=10_000_000, description="Draws from the fitted guide."
    )

    @field_validator("guide", "objective", "estimator")
    @classmethod
    def _is_built(cls, value: str, info: Any) -> str:
        built = BUILT[info.field_name]
        if value not in built:
            names = " or ".join(f"'{name}'" for name in built)
            raise ValueError(f"'{value}' is not available yet; use {names}")
        return value
